"""Workers and clients reach Redis as operators set it up: TLS, users with few rights, sentinels, a socket."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError

from breakers.redis_url import RedisUrl
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import BrowserType, ModelType
from tests.commands import Command
from tests.farms import ROOT, FarmClient, Program, RedisServer, Worker, answers, simulated, until
from tests.flowers import Flower

PASSWORDS = {"worker": "work-er", "client": "cli/ent", "flower": "flo@wer"}


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """The documented users, with passwords."""
    text = (ROOT / "docker/redis/users.acl").read_text(encoding="utf-8")
    for user, password in PASSWORDS.items():
        text = text.replace(f"{user.upper()}_PASSWORD", password)
        (tmp_path / f"{user}.password").write_text(password + "\n", encoding="utf-8")
    path = tmp_path / "users.acl"
    path.write_text(text + "user tester on nopass ~* &* +@all\n", encoding="utf-8")
    return path


def killed_once() -> TestSpec:
    """A test whose browser dies under its first attempt: it leaves artefacts, is recovered, and told of everywhere."""
    return TestSpec(
        id="killed-once", browser=BrowserType.CHROME, model="bert-base-uncased", model_type=ModelType.TEXT,
        platform=Platform.WASM, faults=(FaultSpec(kind=FaultKind.BROWSER_KILLED),),
    )  # fmt: skip


def test_a_farm_over_tls_works_with_the_documented_users(
    tmp_path: Path, users: Path, certificates: Any, ending: Any
) -> None:
    server = ending(
        RedisServer(
            tmp_path / "redis", "port 0", "tls-port {port}", f"tls-cert-file {certificates.certificate}",
            f"tls-key-file {certificates.key}", f"tls-ca-cert-file {certificates.authority}", "tls-auth-clients no",
            f"aclfile {users}",
        )
    )  # fmt: skip
    place = f"127.0.0.1:{server.port}/0?ssl_ca_certs={certificates.authority}"
    tester = redis.Redis(
        "127.0.0.1", server.port, ssl=True, ssl_ca_certs=str(certificates.authority), username="tester"
    )
    until(lambda: answers(tester), why=lambda: server.output)
    urls = {user: f"rediss://{user}@{place}&password_file={tmp_path / user}.password" for user in PASSWORDS}

    worker = ending(Worker(tmp_path / "worker", urls["worker"], queues="simulation,browser.chrome", options=()))
    flower = Flower(urls["flower"], tmp_path)
    try:
        client = FarmClient(urls["client"])
        client.at_work(worker)
        batch = client.publish_specs([*map(simulated, map(str, range(20))), killed_once()], ("simulated",))
        until(lambda: client.is_finished(batch), 180, lambda: worker.output[-3000:])
        assert client.outcomes(batch) == {"passed": 21}
        assert [verdict.test for verdict in client.verdicts(batch) if verdict.recovered] == ["killed-once"]
        assert {one.test for one in client.backend.artefacts.of_batch(batch)} == {"killed-once"}
        assert "ERROR" not in worker.output
        cancelled = client.publish(300)
        client.backend.store.cancel(cancelled)
        until(lambda: client.is_finished(cancelled), 120)

        until(lambda: re.search(r'flower_events_total\{[^}]*worker="sim@test"', flower.get("/metrics")))
        assert "breakwater_up 1.0" in flower.get("/metrics")
        assert flower.order("force_open", "browser:chrome")[0] == 200
        assert client.backend.registry.states("browser:chrome")["browser:chrome"].state == "forced_open"
        control = subprocess.run(
            [sys.executable, "-m", "celery", "--app", "jobs", "inspect", "ping"],
            env={"PATH": os.environ["PATH"], "BREAKWATER_REDIS_URL": urls["flower"]}, cwd=tmp_path,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "sim@test: OK" in control.stdout, control.stdout + control.stderr
    finally:
        flower.stop()
    assert tester.acl_log() == []
    assert "NoPermission" not in flower.log.read_text()

    # And nothing else.
    for user in PASSWORDS:
        connection = RedisUrl.parse(urls[user]).client()
        for command in (
            "GET elsewhere", "SET elsewhere 1", "FLUSHALL", "KEYS *", "CONFIG GET dir", "CONFIG SET maxmemory 1",
            "CLIENT LIST", "ACL LIST", "SHUTDOWN", "REPLICAOF NO ONE", "PUBLISH elsewhere 1",
        ):  # fmt: skip
            with pytest.raises(NoPermissionError):
                connection.execute_command(*command.split())
    of_client = client.backend.client
    for forbidden in (("HGET", "unacked", "x"), ("PUBLISH", "/0.celery.pidbox", "x"), ("LPOP", "x.celery.pidbox")):
        with pytest.raises(NoPermissionError):
            of_client.execute_command(*forbidden)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis("127.0.0.1", server.port, ssl=True, ssl_ca_certs=str(certificates.authority)).ping()


def test_a_certificate_that_nobody_vouches_for_is_refused_in_one_line(
    tmp_path: Path, certificates: Any, ending: Any
) -> None:
    server = ending(
        RedisServer(
            tmp_path / "redis", "port 0", "tls-port {port}", f"tls-cert-file {certificates.certificate}",
            f"tls-key-file {certificates.key}", "tls-auth-clients no", f"tls-ca-cert-file {certificates.authority}",
        )
    )  # fmt: skip
    known = redis.Redis("127.0.0.1", server.port, ssl=True, ssl_ca_certs=str(certificates.authority))
    until(lambda: answers(known), why=lambda: server.output)
    url = f"rediss://:x@127.0.0.1:{server.port}/0"
    with Command(["run", "--quick"], tmp_path, {"BREAKWATER_REDIS_URL": url}) as command:
        assert command.wait(120) == 3
    assert "certificate verify failed" in command.output
    assert len(command.output.splitlines()) == 1, command.output
    assert ":x@" not in command.output


def test_a_farm_goes_on_when_its_sentinels_appoint_another_redis(tmp_path: Path, ending: Any) -> None:
    first = ending(RedisServer(tmp_path / "first", "requirepass secret", "masterauth secret"))
    second = ending(
        RedisServer(
            tmp_path / "second", f"replicaof 127.0.0.1 {first.port}", "requirepass secret", "masterauth secret",
            "repl-diskless-sync-delay 0",
        )
    )  # fmt: skip
    watched = (
        f"sentinel monitor farm 127.0.0.1 {first.port} 1", "sentinel auth-pass farm secret",
        "sentinel down-after-milliseconds farm 2000", "sentinel failover-timeout farm 3000",
    )  # fmt: skip
    follower = redis.Redis(port=second.port, password="secret")  # noqa: S106
    until(lambda: answers(follower) and follower.info("replication")["master_link_status"] == "up")
    sentinel = ending(RedisServer(tmp_path / "sentinel", *watched, sentinel=True))
    asked = redis.Redis(port=sentinel.port)
    until(lambda: answers(asked) and asked.sentinel_master("farm")["num-slaves"] == 1, why=lambda: sentinel.output)

    url = f"redis+sentinel://:secret@127.0.0.1:{sentinel.port}/0?master=farm"
    worker = ending(Worker(tmp_path / "worker", url))
    client = FarmClient(url)
    client.at_work(worker)
    client.backend.presence.drain(worker.name)  # until somebody waits
    until(lambda: all(node.drained for node in client.backend.presence.nodes()))
    batch = client.publish(200)
    waiting = Command(["wait", batch], tmp_path, {"BREAKWATER_REDIS_URL": url, "BREAKWATER_UNSERVED_SECONDS": "300"})
    try:
        until(lambda: "200 tests" in waiting.output)
        client.backend.presence.resume(worker.name)
        until(lambda: client.done(batch) > 5)
        first.process.kill()
        until(lambda: follower.role()[0] == b"master", why=lambda: sentinel.output)
        assert waiting.wait(180) == 0, waiting.output + worker.output[-3000:]
    finally:
        waiting.kill()
    assert "Redis is back" in waiting.output
    assert client.outcomes(batch) == {"passed": 200}


def test_a_farm_works_over_a_unix_socket(tmp_path: Path, ending: Any) -> None:
    socket = tmp_path / "redis.sock"
    server: Program = ending(RedisServer(tmp_path / "redis", "port 0", f"unixsocket {socket}"))
    until(lambda: answers(redis.Redis(unix_socket_path=str(socket))), why=lambda: server.output)
    worker = ending(Worker(tmp_path / "worker", f"unix://{socket}?db=2"))
    client = FarmClient(f"unix://{socket}?db=2")
    client.at_work(worker)
    assert client.run(5, worker) == {"passed": 5}
