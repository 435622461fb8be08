"""The Lua that decides, and how Python calls it: commands are packed once and sent as bytes. Decides nothing itself.

The key layout stands at the head of circuit.lua, arguments and reply at the head of each script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import TypeAlias

Reply: TypeAlias = "bytes | int | list[Reply] | None"
Argument: TypeAlias = "bytes | str | int"

# What each script is put together from, besides clock.lua and circuit.lua.
_PARTS = {
    "acquire": (),
    "record": ("window",),
    "renew": (),
    "declare": ("window", "settings"),
    "configure": ("window", "settings"),
    "force": (),
    "states": (),
    "metrics": (),
    "recovery": (),
}


def _read(name: str) -> str:
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def _bulk(value: Argument) -> bytes:
    raw = value if type(value) is bytes else str(value).encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


def packed(*command: Argument) -> bytes:
    """A plain command as the bytes that Redis reads."""
    return b"*%d\r\n" % len(command) + b"".join(map(_bulk, command))


class Call:
    """A script bound to its keys: only the arguments are packed for each call."""

    __slots__ = ("_by_digest", "_by_source", "_key_count")

    def __init__(self, source: bytes, digest: bytes, keys: Iterable[str]) -> None:
        packed = [_bulk(key) for key in keys]
        self._key_count = len(packed)
        tail = _bulk(self._key_count) + b"".join(packed)
        self._by_digest = _bulk(b"EVALSHA") + _bulk(digest) + tail
        self._by_source = _bulk(b"EVAL") + _bulk(source) + tail

    def packed(self, *arguments: Argument) -> bytes:
        """The command, by the script's digest."""
        return self._command(self._by_digest, arguments)

    def packed_with_source(self, *arguments: Argument) -> bytes:
        """The same for a server that doesn't have the script (restart, SCRIPT FLUSH, failover): it keeps it then."""
        return self._command(self._by_source, arguments)

    def _command(self, head: bytes, arguments: tuple[Argument, ...]) -> bytes:
        return b"*%d\r\n%b%b" % (3 + self._key_count + len(arguments), head, b"".join(map(_bulk, arguments)))


class Script:
    """One operation's Lua source."""

    def __init__(self, name: str, clock: str) -> None:
        parts = (clock, _read("circuit"), *(_read(part) for part in _PARTS[name]), _read(name))
        self._source = "\n".join(parts).encode()
        self._digest = hashlib.sha1(self._source, usedforsecurity=False).hexdigest().encode()

    def on(self, keys: Iterable[str]) -> Call:
        """The script on these keys."""
        return Call(self._source, self._digest, keys)


class Scripts:
    """All operations. ``clock`` is Lua source defining ``clock()``: Redis's own clock.

    The tests' registry, which isn't part of this package, puts another source there. No argument and no key can do
    so to the scripts of a production process, whose text has nothing but TIME in it.
    """

    def __init__(self, clock: str | None = None) -> None:
        clock = clock or _read("clock")
        self.acquire = Script("acquire", clock)
        self.record = Script("record", clock)
        self.renew = Script("renew", clock)
        self.declare = Script("declare", clock)
        self.configure = Script("configure", clock)
        self.force = Script("force", clock)
        self.states = Script("states", clock)
        self.metrics = Script("metrics", clock)
        self.recovery = Script("recovery", clock)
