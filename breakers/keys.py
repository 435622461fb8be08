"""Names of the Redis keys; their meaning stands at the head of scripts/circuit.lua."""

from __future__ import annotations

from collections.abc import Iterable

from breakers.errors import InvalidSettings

# Bytes. Long enough for any honest name, short enough for a log line.
_LONGEST_NAME = 200


class Keys:
    """Keys of one registry, all in one slot of a Cluster."""

    def __init__(self, prefix: str) -> None:
        if not prefix or "{" in prefix or "}" in prefix:
            raise InvalidSettings(f"prefix {prefix!r}: must be non-empty and without braces")
        self.root = f"{{{prefix}:circuits}}"
        self.events = f"{self.root}:events"
        self.names = f"{self.root}:names"

    def of(self, names: Iterable[str]) -> list[str]:
        """The keys that every script is given for these circuits."""
        keys = [self.events, self.names]
        for name in names:
            keys += (f"{self.root}:state:{name}", f"{self.root}:window:{name}", f"{self.root}:permits:{name}")
        return keys

    def of_recoveries(self, name: str) -> list[str]:
        """The keys that recovery.lua is given."""
        return [*self.of([name]), f"{self.root}:recoveries:{name}", f"{self.root}:recovered:{name}"]


def checked_name(name: str) -> str:
    """``name``, if a circuit may be called so.

    Raises:
        InvalidSettings: empty or blank, not text, longer than 200 bytes, or with control characters in it.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
        raise InvalidSettings(f"circuit name {name!r}: must be printable text of 1 to {_LONGEST_NAME} bytes, not blank")
    return name
