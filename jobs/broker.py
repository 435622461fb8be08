"""Our Redis URL as Celery wants to hear it: a broker URL without secrets in its query, TLS and sentinels as options."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from breakers.redis_url import RedisUrl


class Broker(NamedTuple):
    """Values for ``broker_url``, ``broker_use_ssl`` and (a part of) ``broker_transport_options``."""

    url: str
    use_ssl: dict[str, Any] | bool
    transport_options: dict[str, Any]


def broker_for(url: str) -> Broker:
    """The broker behind a Redis URL.

    Raises:
        BadRedisUrl: see ``RedisUrl.parse``.
    """
    redis = RedisUrl.parse(url)
    login = _login(redis)
    if redis.scheme == "unix":
        return Broker(f"redis+socket://{login}{quote(redis.path)}?virtual_host={redis.db}", False, {})
    # kombu takes a rediss:// URL without options for one that wants no certificate: we say what we want.
    use_ssl = dict(redis.tls) if redis.is_tls else False
    if redis.master:
        places = ";".join(f"sentinel://{login}{host}:{port}/{redis.db}" for host, port in redis.hosts)
        return Broker(places, use_ssl, {"master_name": redis.master, "sentinel_kwargs": redis.sentinel_options()})
    ((host, port),) = redis.hosts
    return Broker(f"{redis.scheme}://{login}{_bracketed(host)}:{port}/{redis.db}", use_ssl, {})


def _login(redis: RedisUrl) -> str:
    if redis.username is None and redis.password is None:
        return ""
    return f"{quote(redis.username or '', safe='')}:{quote(redis.password or '', safe='')}@"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
