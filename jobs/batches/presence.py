"""Who is at work: worker nodes announce themselves and the queues that they read. Not a word about batches.

A node that falls silent disappears by itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis
from pydantic import BaseModel, ConfigDict, Field

from jobs.batches.keyspace import Scripts, redis_time, text, totals_key
from recovery.kinds import BrowserType

# Seconds after which a drained node is forgotten: names of containers that are gone for good must not heap up.
DRAIN_KEPT = 30 * 24 * 3600


class Node(BaseModel):
    """A worker's main process, as it announced itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    node: str
    boot: str = Field(description="one uuid per life of the process")
    pid: int
    queues: tuple[str, ...] = Field(description="the queues that it reads now; none while it is drained")
    running: int = Field(default=0, description="tests that its processes run now")
    drained: bool = Field(default=False, description="an operator let it take no more tests")
    browsers: dict[BrowserType, str] = Field(default_factory=dict, description="browser -> version, where known")


class Session(BaseModel):
    """A worker process's live browser, as the process told after its last test."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    node: str
    pid: int = Field(description="the worker process that drives it")
    browser: BrowserType
    version: str
    adapter: str | None = Field(description="the GPU adapter of its last test that had one")
    software: bool | None = Field(description="whether that adapter is a software one")
    tests: int = Field(description="tests that it ran so far")
    started_at: float = Field(description="Unix time, seconds, the worker's clock")
    recycled: int = Field(description="sessions that this process replaced before, well or not")


class Presence:
    """The nodes at work, in two keys: ``<prefix>:nodes`` (zset: node -> end) and ``<prefix>:nodes:told`` (hash).

    Besides, ``<prefix>:sessions:<node>`` (hash: pid -> session), which expires with its node, and
    ``<prefix>:nodes:drained`` (zset: node -> since when), an operator's word that outlives the node.
    """

    def __init__(self, client: redis.Redis, prefix: str = "breakwater") -> None:
        self._keys = (f"{prefix}:nodes", f"{prefix}:nodes:told", f"{prefix}:nodes:drained")
        self._sessions = f"{prefix}:sessions:"
        self._totals = totals_key(prefix)
        self._client = client
        self._scripts = Scripts(client)

    def announce(self, node: Node, seconds: float) -> bool:
        """Be at work for ``seconds`` from now; announce again well before they end. Whether the node is drained."""
        reply = self._scripts["announce"](keys=self._keys, args=[node.node, node.model_dump_json(), seconds])
        return reply is not None

    def withdraw(self, node: Node) -> None:
        """Be at work no more, unless a newer process (another ``boot``) already bears the node's name."""
        self._scripts["withdraw"](keys=self._keys, args=[node.node, node.boot])

    def nodes(self) -> list[Node]:
        """The nodes at work, by name, in one round trip."""
        told = self._scripts["nodes"](keys=self._keys)
        return sorted((Node.model_validate_json(node) for node in told), key=lambda node: node.node)

    def drain(self, *nodes: str) -> None:
        """Let nodes take no more tests, under whatever life they bear these names, until ``resume``."""
        now = redis_time(self._client)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(self._keys[2], "-inf", now - DRAIN_KEPT)
            pipe.zadd(self._keys[2], dict.fromkeys(nodes, now))
            pipe.execute()

    def resume(self, *nodes: str) -> None:
        """Let nodes take tests again."""
        self._client.zrem(self._keys[2], *nodes)

    def drained(self) -> list[str]:
        """The names of nodes that are drained, at work or not."""
        return sorted(text(name) for name in self._client.zrange(self._keys[2], 0, -1))

    def live_queues(self) -> Mapping[str, tuple[str, ...]]:
        """Each queue that somebody reads, with the names of the nodes that do, in one round trip."""
        readers: dict[str, list[str]] = defaultdict(list)
        for node in self.nodes():
            for queue in node.queues:
                readers[queue].append(node.node)
        return {queue: tuple(names) for queue, names in readers.items()}

    def tell_session(
        self, node: str, pid: int, session: Session | None, seconds: float, *, recycled: Mapping[BrowserType, int] = {}
    ) -> None:
        """Say which session a process of a node has; None: it has none. Kept as ``keep_sessions`` keeps it.

        ``recycled``: sessions that it replaced since it last told, for the farm's totals.
        """
        key = self._sessions + node
        with self._client.pipeline(transaction=True) as pipe:
            if session is None:
                pipe.hdel(key, str(pid))
            else:
                pipe.hset(key, str(pid), session.model_dump_json())
            pipe.expire(key, math.ceil(seconds))
            for browser, times in recycled.items():
                pipe.hincrby(self._totals, f"recycles:{browser.value}", times)
            pipe.execute()

    def keep_sessions(self, node: str, lives: Callable[[int], bool], seconds: float) -> None:
        """Keep a node's sessions for ``seconds`` more, but for those of processes that don't live any more."""
        key = self._sessions + node
        told: Any = self._client.hkeys(key)
        dead = [pid for pid in told if not lives(int(pid))]
        with self._client.pipeline(transaction=True) as pipe:
            if dead:
                pipe.hdel(key, *dead)
            pipe.expire(key, math.ceil(seconds))
            pipe.execute()

    def sessions(self, nodes: Iterable[str]) -> list[Session]:
        """The live sessions of these nodes, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for node in nodes:
                pipe.hvals(self._sessions + node)
            return [Session.model_validate_json(told) for of_node in pipe.execute() for told in of_node]
