"""As any Celery user would: a worker in one terminal, ``breakwater run`` in another, Flower in a third."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from jobs.batches import Presence
from jobs.ports import free_port
from jobs.processes import OwnedProcess
from tests.commands import Command, read_report
from tests.conftest import RedisServer
from tests.farms import until

BATCH = """
[matrix]
browsers = ["chrome"]
models = ["bert-base-uncased"]
platforms = ["wasm"]
"""


@pytest.fixture
def terminal(redis_server: RedisServer, redis_client: redis.Redis) -> Iterator[object]:
    """Starts ``celery -A jobs …`` with nothing set but the URL of Redis."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bw"))

        def start(*arguments: str) -> OwnedProcess:
            environment = {**os.environ, "BREAKWATER_REDIS_URL": redis_server.url, "TMPDIR": folder}
            command = [sys.executable, "-m", "celery", "-A", "jobs", *arguments]
            return stack.enter_context(OwnedProcess(command, env=environment, cwd=Path(folder)))

        yield start


def until_serving(client: redis.Redis, queue: str, worker: OwnedProcess) -> None:
    until(lambda: queue in Presence(client).live_queues(), 120, worker.log_tail)


def test_a_worker_started_by_celery_runs_what_breakwater_enqueues(
    terminal: object, redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path
) -> None:
    worker = terminal("worker", "-Q", "browser.chrome", "-c", "1")
    until_serving(redis_client, "browser.chrome", worker)
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    command = Command(
        ["run", "batch.toml", "--report-json", "report.json", "--report-junit", "report.xml"],
        tmp_path, {"BREAKWATER_REDIS_URL": redis_server.url},
    )  # fmt: skip
    try:
        assert command.wait(180) == 0, command.output + worker.log_tail()
    finally:
        command.kill()
    [verdict] = read_report(tmp_path / "report.json")["verdicts"]
    assert verdict["outcome"] == "passed"
    assert verdict["attempts"][0]["worker"].startswith("celery@")
    assert 'tests="1"' in (tmp_path / "report.xml").read_text(encoding="utf-8")
    # Nobody's password, and no token of a page, is in the worker's log.
    assert redis_client.exists("browser.chrome") == 0


@pytest.mark.night
def test_a_queue_without_a_worker_is_told_and_its_tests_end(
    redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path
) -> None:
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    command = Command(["run", "batch.toml"], tmp_path, {"BREAKWATER_REDIS_URL": redis_server.url})
    try:
        assert command.wait(180) == 3, command.output
    finally:
        command.kill()
    assert "no worker serves the queue browser.chrome" in command.output


def test_flower_shows_our_queues(terminal: object, redis_client: redis.Redis) -> None:
    worker = terminal("worker", "-Q", "browser.firefox", "-c", "1")
    until_serving(redis_client, "browser.firefox", worker)
    port = free_port()
    flower = terminal("flower", f"--port={port}", "--address=127.0.0.1")
    deadline = time.monotonic() + 120
    page = ""
    while "browser.firefox" not in page:
        assert time.monotonic() < deadline, flower.log_tail()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/broker", timeout=60) as reply:
                page = reply.read().decode()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    assert "browser.firefox" in page


def test_the_application_imports_from_any_folder(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "jobs", "report"],
        check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert "jobs.tasks" in told.stdout
