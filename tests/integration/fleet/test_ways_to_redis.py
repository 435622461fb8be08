"""Workers and clients reach Redis as operators set it up: TLS, users with few rights, sentinels, a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError

from tests.commands import Command
from tests.farms import ROOT, FarmClient, Program, RedisServer, Worker, answers, until

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

    worker = ending(
        Worker(
            tmp_path / "worker", f"rediss://worker@{place}&password_file={tmp_path / 'worker.password'}", options=()
        )
    )  # fmt: skip
    client = FarmClient(f"rediss://client@{place}&password_file={tmp_path / 'client.password'}")
    client.at_work(worker)
    assert client.run(20, worker) == {"passed": 20}
    assert "ERROR" not in worker.output
    assert tester.acl_log() == []
    with pytest.raises(NoPermissionError):
        client.backend.client.get("anything else")
    with pytest.raises(NoPermissionError):
        client.backend.client.publish("/0.celery.pidbox", "shutdown")
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
    command = Command(["run", "--quick"], tmp_path, {"BREAKWATER_REDIS_URL": f"rediss://:x@127.0.0.1:{server.port}/0"})
    assert command.wait(30) == 3
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
        "sentinel down-after-milliseconds farm 500", "sentinel failover-timeout farm 3000",
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
    batch = client.publish(200)
    until(lambda: client.done(batch) > 5)
    first.process.kill()
    until(lambda: follower.role()[0] == b"master", why=lambda: sentinel.output)
    until(lambda: client.is_finished(batch), 60, lambda: worker.output[-3000:])
    assert client.outcomes(batch) == {"passed": 200}


def test_a_farm_works_over_a_unix_socket(tmp_path: Path, ending: Any) -> None:
    socket = tmp_path / "redis.sock"
    server: Program = ending(RedisServer(tmp_path / "redis", "port 0", f"unixsocket {socket}"))
    until(lambda: answers(redis.Redis(unix_socket_path=str(socket))), why=lambda: server.output)
    worker = ending(Worker(tmp_path / "worker", f"unix://{socket}?db=2"))
    client = FarmClient(f"unix://{socket}?db=2")
    client.at_work(worker)
    assert client.run(5, worker) == {"passed": 5}
