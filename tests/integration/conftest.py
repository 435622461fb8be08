"""The command run in the test's own process: what most tests of its words need, without the seconds of a start."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from jobs.cli import main
from jobs.settings import settings
from tests.conftest import RedisServer

Breakwater = Callable[..., tuple[int, str]]


@pytest.fixture
def breakwater_here(
    tmp_path: Path,
    redis_server: RedisServer,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Breakwater]:
    """Runs the command against a real, empty Redis; says how it ended and what it printed."""
    for name in [name for name in os.environ if name.startswith("BREAKWATER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str, url: str | None = redis_server.url) -> tuple[int, str]:
        if url is None:
            monkeypatch.delenv("BREAKWATER_REDIS_URL", raising=False)
        else:
            monkeypatch.setenv("BREAKWATER_REDIS_URL", url)
        settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return int(ended.value.code or 0), "".join(capfd.readouterr())

    yield run
    signal.signal(signal.SIGTERM, before)
    settings.cache_clear()
