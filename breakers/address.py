"""Where Redis is: opens connections like those of the client that a registry was given, with timeouts of our own.

The client itself is never used for a call: its pool, retries and timeouts are its owner's, and may block for long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import redis
import redis.asyncio
from redis.asyncio.connection import Connection as AsyncConnection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.asyncio.connection import UnixDomainSocketConnection as AsyncUnixConnection
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.sentinel import SentinelConnectionPool

AnyClient: TypeAlias = "redis.Redis | redis.RedisCluster | redis.asyncio.Redis"

# What both kinds of connection of redis-py understand alike.
_TAKEN_OVER = (
    "host", "port", "path", "db", "username", "password", "credential_provider", "client_name", "protocol",
    "socket_keepalive", "socket_keepalive_options", "ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs",
    "ssl_ca_data", "ssl_ca_path", "ssl_check_hostname", "ssl_min_version", "ssl_ciphers",
)  # fmt: skip


class Address:
    """How to reach Redis, sync or async. ``timeout``: seconds that connecting, writing or reading may take."""

    def __init__(self, client: AnyClient, any_key: str, timeout: float) -> None:
        self._client = client
        self._any_key = any_key
        self.timeout = timeout

    def connection(self, read_timeout: float | None = None) -> AbstractConnection:
        """A new connection, not connected yet. ``read_timeout``: seconds, for a command that blocks in Redis."""
        connection_class, options = self._resolved()
        kind: Any = Connection
        if "path" in options:
            kind = UnixDomainSocketConnection
        elif _is_tls(connection_class):
            kind = SSLConnection
        connection: AbstractConnection = kind(
            **options, socket_timeout=read_timeout or self.timeout, socket_connect_timeout=self.timeout
        )
        return connection

    def async_connection(self) -> AsyncConnection:
        """The same for the running event loop."""
        connection_class, options = self._resolved()
        kind: Any = AsyncConnection
        if "path" in options:
            kind = AsyncUnixConnection
        elif _is_tls(connection_class):
            kind = AsyncSSLConnection
        connection: AsyncConnection = kind(**options, socket_timeout=self.timeout, socket_connect_timeout=self.timeout)
        return connection

    def moved(self) -> None:
        """The server said that our keys are elsewhere now: ask the cluster where."""
        if isinstance(self._client, redis.RedisCluster):
            self._client.nodes_manager.initialize()

    def _resolved(self) -> tuple[type, dict[str, Any]]:
        pool: Any
        place: dict[str, Any] = {}
        if isinstance(self._client, redis.RedisCluster):
            node = self._client.get_node_from_key(self._any_key)
            pool = self._client.get_redis_connection(node).connection_pool
        else:
            pool = self._client.connection_pool
        if isinstance(pool, SentinelConnectionPool):
            place["host"], place["port"] = pool.get_master_address()
        known: Mapping[str, Any] = pool.connection_kwargs
        options = {name: known[name] for name in _TAKEN_OVER if known.get(name) is not None} | place
        return pool.connection_class, options


def _is_tls(connection_class: type) -> bool:
    return issubclass(connection_class, SSLConnection | AsyncSSLConnection)
