"""Where batches live in Redis, and the scripts that change them: what the parts of the store stand on.

The layout of all keys is described once, at the head of layout.lua, which is prefixed to every script.
"""

from __future__ import annotations

import math
from functools import cached_property
from importlib import resources
from typing import Any

import redis
from redis.commands.core import Script

from jobs.batches.message import MessageTemplate, app_template
from jobs.connections import patiently

LOW = "\x06\x166"
"""What kombu adds to a queue's name for the list of its priority 6; see layout.lua."""

# The keys of one batch, in layout.lua's order; the last two are prefixes that a queue's name completes.
_OF_BATCH = ("", ":rows", ":specs", ":history", ":verdicts", ":counts", ":events", ":parked", ":queued:", ":feed:")
_OF_ALL = ("leases", "parked", "open", "feeding", "cancelling", "recent", "front")


class Scripts:
    """One Lua script an operation, ``<name>.lua`` beside this file. They outlive SCRIPT FLUSH.

    ``prelude`` is the text that each of them begins with.
    """

    def __init__(self, client: redis.Redis, prelude: str = "") -> None:
        self._client = client
        self._prelude = prelude
        self._loaded: dict[str, Script] = {}

    def __getitem__(self, name: str) -> Script:
        if name not in self._loaded:
            self._loaded[name] = self._client.register_script(self._prelude + read_lua(name))
        return self._loaded[name]


class Keyspace:
    """The part of Redis that belongs to one store.

    ``client`` must give bytes (redis-py's default). ``lease_seconds``: an attempt that is not renewed for so long is
    sent on. ``expiry_seconds``: a finished batch is kept for so long. ``messages``: how a queue message is written;
    by default as the application of this package would. ``longest_seconds``: an unfinished
    batch is cancelled after that. ``patience``: seconds that a script is tried again for while
    Redis is away; each of them may be, as it is fenced or names its call.
    """

    def __init__(
        self,
        client: redis.Redis,
        prefix: str = "breakwater",
        *,
        lease_seconds: float = 6.0,
        expiry_seconds: int = 7 * 24 * 3600,
        longest_seconds: float = math.inf,
        patience: float = 0.0,
        messages: MessageTemplate | None = None,
    ) -> None:
        self.client = client
        self.prefix = prefix
        self.lease_seconds = lease_seconds
        self.expiry_seconds = expiry_seconds
        self.longest_seconds = longest_seconds
        self.patience = patience
        self._given_messages = messages
        self._batch_scripts = Scripts(client, prelude=read_lua("layout"))
        self._other_scripts = Scripts(client)

    @cached_property
    def messages(self) -> MessageTemplate:
        """Built on first use: it asks Celery for the application's configuration."""
        return self._given_messages or app_template()

    def key(self, batch: str, name: str = "") -> str:
        """The key of a batch that layout.lua calls ``name``."""
        return f"{self.prefix}:batch:{batch}{name}"

    def shared_key(self, name: str) -> str:
        """The key of all batches that layout.lua calls ``name``."""
        return f"{self.prefix}:batches:{name}"

    def run(self, script: str, batch: str, *args: Any, pipe: redis.client.Pipeline | None = None) -> Any:
        """Call a script on a batch's keys; ``ARGV[1]`` is the batch id. With a pipeline: its reply comes later."""
        keys = [self.key(batch, name) for name in _OF_BATCH] + [self.shared_key(name) for name in _OF_ALL]
        keys.append(totals_key(self.prefix))
        return patiently(
            lambda: self._batch_scripts[script](keys=keys, args=[batch, *args], client=pipe), self.patience
        )  # fmt: skip

    def script(self, name: str) -> Script:
        """A script that brings keys of its own."""
        return self._other_scripts[name]


def totals_key(prefix: str, node: str = "") -> str:
    """The key of what the farm, or one worker of it, did so far (totals.py)."""
    return f"{prefix}:totals:{node}" if node else f"{prefix}:totals"


def read_lua(name: str) -> str:
    """The text of ``<name>.lua``."""
    return (resources.files(__package__) / f"{name}.lua").read_text("utf-8")


def text(value: Any) -> str:
    """A reply of Redis as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def redis_time(client: redis.Redis) -> float:
    """Redis's clock, Unix seconds."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6
