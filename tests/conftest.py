"""What every test may use: a Redis of the test run's own, on a free port, gone when the run ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis

from jobs.ports import free_port
from tests.neighbours import in_good_order, pytest_runtest_protocol  # noqa: F401 - the latter is a hook, by its name

# No example is timed: what a machine is busy with beside the tests is no fault of theirs.
hypothesis.settings.register_profile("breakwater", deadline=None)
hypothesis.settings.load_profile("breakwater")

# A shell starts what it runs in the background with these ignored, and every program of a test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the night's tests out by day: they show for longer, or elsewhere, what another one shows."""
    if hasattr(config, "workerinput"):  # one of several that run side by side
        items[:] = in_good_order(items)
    if os.environ.get("BREAKWATER_NIGHT"):
        return
    late = [item for item in items if item.get_closest_marker("night")]
    if late:
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if item not in late]


def server_binary() -> str:
    """The server that tests run on: ``BREAKWATER_TEST_REDIS_SERVER`` (Valkey will do too), else the system's."""
    binary = os.environ.get("BREAKWATER_TEST_REDIS_SERVER") or shutil.which("redis-server")
    if binary is None:
        pytest.fail("redis-server is not installed: run `make setup`")
    return binary


class RedisServer:
    """A real redis-server. ``stop`` and ``start`` keep port and data: a test can take Redis away and bring it back."""

    def __init__(self, folder: Path) -> None:
        self._binary = server_binary()
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder),
                "--appendonly", "yes", "--save", "", "--daemonize", "no",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + 60
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                client.close()
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for the whole run; tests get a flushed database by asking for ``redis_client``."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client on an empty database."""
    client = redis.Redis.from_url(redis_server.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, to be stopped, started and killed."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()
