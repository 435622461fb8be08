"""The commands in docs/operate do what the pages say, on a real Redis with real workers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from tests.farms import ROOT, FarmClient, RedisServer, Worker, answers, until

PASSWORD = "of-operators"  # noqa: S105


def blocks(page: str) -> list[str]:
    """The shell blocks of a page, in order."""
    text = (ROOT / "docs/operate" / page).read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(script: str, env: Mapping[str, str | int], folder: Path) -> str:
    """Run a block as an operator's shell would, strictly."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": path, "HOME": str(folder), **{name: str(value) for name, value in env.items()}},
        cwd=folder, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def at(server: RedisServer) -> redis.Redis:
    return redis.Redis(port=server.port, password=PASSWORD)


def url_of(server: RedisServer) -> str:
    return f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0"


@pytest.fixture
def server(tmp_path: Path, ending: Any) -> RedisServer:
    made: RedisServer = ending(
        RedisServer(tmp_path / "redis", f"requirepass {PASSWORD}", "appendonly yes", "appendfsync always")
    )
    until(lambda: answers(at(made)))
    return made


def test_a_farm_comes_back_from_a_backup(tmp_path: Path, server: RedisServer, ending: Any) -> None:
    back_up, restore = blocks("backup.md")
    folder = tmp_path / "redis"
    names = {
        "REDIS_PORT": server.port,
        "REDISCLI_AUTH": PASSWORD,
        "REDIS_DIR": folder,
        "BACKUP": tmp_path / "backup.tgz",
    }
    worker = ending(Worker(tmp_path / "worker", url_of(server)))
    client = FarmClient(url_of(server))
    client.at_work(worker)
    batch = client.publish(300)
    until(lambda: client.done(batch) > 20)
    run(back_up, names, tmp_path)
    at_backup = client.done(batch)

    server.end()
    shutil.rmtree(folder / "appendonlydir")
    run(restore, names, tmp_path)
    binary = shutil.which("redis-server") or "redis-server"
    again = subprocess.Popen([binary, folder / "redis.conf"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        until(lambda: answers(at(server)))
        assert 20 < len(client.verdicts(batch)) <= at_backup + 300
        until(lambda: client.is_finished(batch), 180, lambda: worker.output[-3000:])
        assert client.outcomes(batch) == {"passed": 300}
    finally:
        again.kill()
        again.wait(60)


def test_room_is_made_in_a_full_redis(tmp_path: Path, server: RedisServer) -> None:
    look, more, forget = blocks("redis-full.md")
    client = FarmClient(url_of(server))
    batch, other = client.publish(50), client.publish(50)
    names = {"REDIS_PORT": server.port, "REDISCLI_AUTH": PASSWORD, "BATCH": batch}
    assert "maxmemory_policy:noeviction" in run(look, names, tmp_path)
    run(more, names, tmp_path)
    operator = at(server)
    assert operator.config_get("maxmemory")["maxmemory"] == str(2 * 1024**3)
    assert "maxmemory 2gb" in (tmp_path / "redis/redis.conf").read_text(encoding="utf-8")
    run(forget, names, tmp_path)
    assert not list(operator.scan_iter(f"breakwater:batch:{batch}*"))
    assert client.done(other) == 0


def test_a_worker_is_drained_resumed_and_replaced(tmp_path: Path, server: RedisServer, ending: Any) -> None:
    drain, resume = blocks("draining.md")
    (replace,) = blocks("rolling-update.md")
    old = ending(Worker(tmp_path / "old", url_of(server), "old"))
    client = FarmClient(url_of(server))
    client.at_work(old)
    names = {"BREAKWATER_REDIS_URL": url_of(server), "WORKER": old.name, "QUEUE": "simulation", "NEW": "new@test"}
    assert "they run nothing now" in run(drain, names, tmp_path)
    assert run(resume, names, tmp_path) == f"resumed: {old.name}\n"

    try:
        run(replace, {**names, "OLD_PID": old.process.pid, "TMPDIR": str(tmp_path)}, tmp_path)
        assert old.process.wait(60) == 0
        until(lambda: [node.node for node in client.backend.presence.nodes()] == ["new@test"])
    finally:
        new = [one for one in psutil.process_iter() if "new@test" in arguments_of(one)]
        for process in new:
            process.kill()
        psutil.wait_procs(new, 60)
    assert new


def arguments_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
