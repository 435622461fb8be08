"""Connections to Redis: one place decides their timeouts, and how an unreachable server is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from breakers.redis_url import RedisUrl, without_password

# Seconds. A healthy Redis answers in milliseconds; blocking reads of ours wait at most a second.
CONNECT_TIMEOUT = 3.0
SOCKET_TIMEOUT = 10.0

# Seconds that whoever has something to lose waits for a Redis that is away: a restart, a failover.
REDIS_ABSENCE = 90.0
# Seconds between two looks for it.
_LOOK = 0.2

__all__ = [
    "REDIS_ABSENCE",
    "RedisUnavailable",
    "connect",
    "connect_checked",
    "patiently",
    "what_redis_refused",
    "without_password",
]

_Reply = TypeVar("_Reply")


class RedisUnavailable(RuntimeError):
    """Nothing answers as Redis at the URL. The message is one line and carries no password."""


def connect(url: str) -> redis.Redis:
    """A client that survives a dropped connection; it does not connect yet."""
    return RedisUrl.parse(url).client(
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=SOCKET_TIMEOUT,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), 3),
    )


def connect_checked(url: str) -> redis.Redis:
    """A client whose server has answered once.

    Raises:
        RedisUnavailable: within 5 seconds.
    """
    probe = RedisUrl.parse(url).client(
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=CONNECT_TIMEOUT,
        retry=Retry(ExponentialBackoff(), 0),
    )
    try:
        probe.ping()
    except redis.RedisError as error:
        said = str(error).splitlines()[0]
        wants_login = said.startswith(("NOAUTH", "HELLO must be called with the client already authenticated"))
        reason = "it wants a password: USER:PASSWORD@ before the host, or ?password_file=…" if wants_login else said
        raise RedisUnavailable(f"no Redis at {without_password(url)}: {reason}; check BREAKWATER_REDIS_URL") from error
    finally:
        probe.close()
    return connect(url)


def patiently(call: Callable[[], _Reply], seconds: float) -> _Reply:
    """Make a call to Redis; while Redis is away, make it again for up to ``seconds``. It must bear being made twice.

    Raises:
        redis.ConnectionError, redis.TimeoutError: Redis stayed away.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except (redis.ConnectionError, redis.TimeoutError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK)


def what_redis_refused(error: redis.RedisError) -> str:
    """What went wrong with Redis in the middle of the work, and what to do, in one line."""
    first = str(error).splitlines()[0]
    if "used memory > 'maxmemory'" in first:  # a script's or a pipeline's error has no class of its own
        return "Redis is full: it takes no writes; docs/operate/redis-full.md tells how to make room"
    return f"Redis does not answer any more: {first}"
