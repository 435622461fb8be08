"""What a Redis URL may say: a server, a TLS server, a Unix socket, or sentinels that know the server.

redis-py reads the first three; sentinels and passwords in files are ours. One value for all who connect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import redis
from redis.sentinel import Sentinel

Scheme: TypeAlias = Literal["redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

# Seconds that one sentinel may take before the next is asked.
SENTINEL_TIMEOUT = 0.5
_PORT, _SENTINEL_PORT = 6379, 26379
_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_OF_SENTINELS = ("master", "sentinel_username", "sentinel_password_file")
_SECRET_FILES = ("password_file", "sentinel_password_file")


class BadRedisUrl(ValueError):
    """The URL can't be used. The message is one line and carries no password."""


@dataclass(frozen=True)
class RedisUrl:
    """Where Redis is and how to get in."""

    scheme: Scheme
    hosts: tuple[tuple[str, int], ...] = ()
    """The server, or its sentinels."""

    path: str = ""
    """Of the Unix socket."""

    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: dict[str, str | bool] = field(default_factory=dict)
    """redis-py's ``ssl_…`` options; a certificate is required unless they say otherwise."""

    master: str = ""
    """The name under which the sentinels know the server."""

    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> RedisUrl:
        """Read a URL, and the files that it names for passwords.

        Raises:
            BadRedisUrl: it can't be read; the message says what is wrong.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise BadRedisUrl(f"must start with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
        options = _options(parts)
        secrets = {name: _read_secret(options.pop(name), name) for name in _SECRET_FILES if name in options}
        if parts.password is not None and "password_file" in secrets:
            raise BadRedisUrl("has a password and a password_file; leave one out")
        sentinels = parts.scheme.endswith("+sentinel")
        if sentinels and not options.get("master"):
            raise BadRedisUrl("names sentinels but not what they watch; add ?master=NAME")
        tls: dict[str, str | bool] = {name: options[name] for name in _TLS if name in options}
        if "ssl_check_hostname" in tls:
            tls["ssl_check_hostname"] = str(tls["ssl_check_hostname"]).lower() not in {"0", "no", "false"}
        if parts.scheme.startswith("rediss"):
            tls.setdefault("ssl_cert_reqs", "required")
        unix = parts.scheme == "unix"
        return cls(
            scheme=parts.scheme,
            hosts=() if unix else _hosts(parts, _SENTINEL_PORT if sentinels else _PORT),
            path=unquote(parts.path) if unix else "",
            db=_number(options.get("db") or ("" if unix else parts.path.strip("/")) or "0"),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else secrets.get("password_file"),
            tls=tls,
            master=options.get("master", ""),
            sentinel_username=options.get("sentinel_username"),
            sentinel_password=secrets.get("sentinel_password_file"),
        )

    @property
    def is_tls(self) -> bool:
        """Whether servers, and sentinels if there are, speak TLS."""
        return self.scheme.startswith("rediss")

    def client(self, **options: Any) -> redis.Redis:
        """A client; it connects to nothing yet. ``options``: redis-py's, such as timeouts."""
        options |= {"db": self.db, "username": self.username, "password": self.password}
        if self.scheme == "unix":
            return redis.Redis(unix_socket_path=self.path, **options)
        if self.is_tls:
            options |= {"ssl": True, **self.tls}
        if self.master:
            sentinel = Sentinel(self.hosts, sentinel_kwargs=self.sentinel_options(), **options)
            client: redis.Redis = sentinel.master_for(self.master)
            return client
        host, port = self.hosts[0]
        return redis.Redis(host=host, port=port, **options)

    def sentinel_options(self) -> dict[str, Any]:
        """How to connect to a sentinel, for redis-py."""
        return {
            "socket_connect_timeout": SENTINEL_TIMEOUT,
            "socket_timeout": SENTINEL_TIMEOUT,
            "username": self.sentinel_username,
            "password": self.sentinel_password,
            **({"ssl": True, **self.tls} if self.is_tls else {}),
        }


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}").geturl()


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    allowed = ["db", "password_file"]
    if parts.scheme.startswith("rediss"):
        allowed += _TLS
    if parts.scheme.endswith("+sentinel"):
        allowed += _OF_SENTINELS
    for name in options:
        if name not in allowed:
            raise BadRedisUrl(f"has an unknown option {name!r}; {parts.scheme}:// knows {', '.join(allowed)}")
    return options


def _hosts(parts: SplitResult, default_port: int) -> tuple[tuple[str, int], ...]:
    found = []
    for place in parts.netloc.rpartition("@")[2].split(","):
        try:
            one = urlsplit(f"//{place}")
            found.append((one.hostname or "127.0.0.1", one.port or default_port))
        except ValueError as error:
            raise BadRedisUrl(f"has no usable host and port in {place!r}: {error}") from None
    if len(found) > 1 and not parts.scheme.endswith("+sentinel"):
        raise BadRedisUrl("names several hosts; only sentinels may be several: redis+sentinel://")
    return tuple(found)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise BadRedisUrl(f"has {text!r} for the database; it must be a number")
    return int(text)


def _read_secret(path: str, name: str) -> str:
    try:
        secret = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRedisUrl(f"names {path!r} as {name}, which can't be read: {error}") from None
    if not secret:
        raise BadRedisUrl(f"names {path!r} as {name}, and that file is empty")
    return secret
