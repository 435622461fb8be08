"""The containers' health check against workers that live, hang, wait for Redis, and are gone."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil

from tests.farms import ROOT, FarmClient, Worker, until


def health(file: Path, seconds: int = 2) -> tuple[int, str]:
    """Exit code and words of the health check. It must need nothing but a shell and two small programs."""
    ended = subprocess.run(
        [ROOT / "docker/health.sh"],
        env={"PATH": os.defpath, "BREAKWATER_HEALTH_FILE": str(file), "BREAKWATER_HEALTH_SECONDS": str(seconds)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def test_the_health_check_tells_a_hung_worker_from_an_idle_one(tmp_path: Path, own_redis: Any, ending: Any) -> None:
    file = tmp_path / "health"
    assert health(file) == (1, f"no sign of life in {file}\n")
    worker = ending(Worker(tmp_path / "worker", own_redis.url, env={"BREAKWATER_HEALTH_FILE": str(file)}))
    FarmClient(own_redis.url).at_work(worker)
    until(lambda: health(file) == (0, "working\n"))
    (child,) = psutil.Process(worker.process.pid).children()

    os.kill(worker.process.pid, signal.SIGSTOP)
    until(lambda: health(file)[0] == 1)
    assert "stopped or dead" in health(file)[1]
    os.kill(worker.process.pid, signal.SIGCONT)
    until(lambda: health(file) == (0, "working\n"))

    child.suspend()
    until(lambda: "one of its processes is stopped" in health(file)[1])
    child.resume()
    until(lambda: health(file) == (0, "working\n"))

    own_redis.stop()
    until(lambda: health(file) == (0, "away: Redis does not answer; the worker waits for it\n"))
    own_redis.start()
    until(lambda: health(file) == (0, "working\n"))

    worker.signal(signal.SIGKILL)
    worker.process.wait(60)
    assert health(file) == (1, f"the worker (pid {worker.process.pid}) is gone\n")


def test_a_worker_that_ends_as_told_leaves_no_health_file(tmp_path: Path, redis_server: Any, ending: Any) -> None:
    file = tmp_path / "health"
    worker = ending(Worker(tmp_path / "worker", redis_server.url, env={"BREAKWATER_HEALTH_FILE": str(file)}))
    until(lambda: health(file)[0] == 0)
    worker.process.terminate()
    assert worker.process.wait(60) == 0, worker.output
    assert not file.exists()
