"""What a Redis URL may say, how Celery hears it, and that mistakes are one line without a password."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from kombu import Connection
from redis.connection import SSLConnection
from redis.sentinel import SentinelConnectionPool

from breakers.redis_url import BadRedisUrl, RedisUrl, without_password
from jobs.broker import broker_for
from jobs.connections import what_redis_refused

SENTINELS = "rediss+sentinel://worker:p%40ss@s1:26001,s2/2?master=farm&ssl_ca_certs=/ca.pem"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("s/ecret @\n", encoding="utf-8")
    return path


def test_a_plain_url_is_read_as_always() -> None:
    url = RedisUrl.parse("redis://:hid%2Fden@10.0.0.1/3")
    assert (url.hosts, url.db, url.username, url.password) == ((("10.0.0.1", 6379),), 3, None, "hid/den")
    assert "hid" not in repr(url)


def test_a_password_may_lie_in_a_file(secret: Path) -> None:
    url = f"redis://worker@redis:6379/0?password_file={secret}"
    assert RedisUrl.parse(url).password == "s/ecret @"  # noqa: S105
    connection = Connection(broker_for(url).url)
    assert (connection.userid, connection.password, connection.hostname) == ("worker", "s/ecret @", "redis")


def test_tls_always_wants_a_certificate_unless_told_otherwise() -> None:
    pool = RedisUrl.parse("rediss://redis/0").client().connection_pool
    assert pool.connection_class is SSLConnection
    assert pool.connection_kwargs["ssl_cert_reqs"] == "required"
    broker = broker_for("rediss://redis/0")
    assert Connection(broker.url, ssl=broker.use_ssl).ssl == {"ssl_cert_reqs": "required"}
    assert broker_for("rediss://redis/0?ssl_cert_reqs=none").use_ssl == {"ssl_cert_reqs": "none"}


def test_sentinels_are_asked_for_the_server_by_us_and_by_celery() -> None:
    pool = RedisUrl.parse(SENTINELS).client(socket_timeout=1).connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "farm"
    assert pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"
    broker = broker_for(SENTINELS)
    assert broker.url == "sentinel://worker:p%40ss@s1:26001/2;sentinel://worker:p%40ss@s2:26379/2"
    assert broker.transport_options["master_name"] == "farm"
    assert broker.transport_options["sentinel_kwargs"]["ssl_cert_reqs"] == "required"


def test_a_socket_is_a_place_for_celery_too() -> None:
    assert broker_for("unix:///run/redis.sock?db=4").url == "redis+socket:///run/redis.sock?virtual_host=4"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("amqp://x", "must start with one of redis://"),
        ("redis://a,b/0", "several hosts"),
        ("redis://a:port/0", "no usable host and port in 'a:port'"),
        ("redis://a/zero", "'zero' for the database"),
        ("redis+sentinel://a/0", r"add \?master=NAME"),
        ("redis://a/0?ssl_ca_certs=x", "unknown option 'ssl_ca_certs'"),
        ("redis://a/0?password_file=/nowhere", "'/nowhere' as password_file, which can't be read"),
        ("redis://:p@a/0?password_file=/etc/hostname", "leave one out"),
    ],
)
def test_a_mistake_is_named(url: str, complaint: str) -> None:
    with pytest.raises(BadRedisUrl, match=complaint) as raised:
        RedisUrl.parse(url)
    assert "\n" not in str(raised.value)


def test_an_empty_password_file_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    with pytest.raises(BadRedisUrl, match="empty"):
        RedisUrl.parse(f"redis://a/0?password_file={tmp_path / 'empty'}")


def test_a_url_is_shown_without_its_password() -> None:
    assert without_password(SENTINELS) == SENTINELS.replace("p%40ss", "***")
    assert without_password("redis://a/0") == "redis://a/0"


def test_a_full_redis_is_called_full() -> None:
    said = "Command # 1 (EVALSHA 51163) of pipeline caused error: command not allowed when used memory > 'maxmemory'."
    assert what_redis_refused(redis.ResponseError(said)).startswith("Redis is full")
    assert "does not answer any more: gone" in what_redis_refused(redis.ConnectionError("gone\nand more"))
