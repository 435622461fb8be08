"""Who is at work: worker nodes announce themselves and the queues that they read. Not a word about batches.

A node that falls silent disappears by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import redis
from pydantic import BaseModel, ConfigDict, Field

from jobs.batches.keyspace import Scripts
from recovery.kinds import BrowserType


class Node(BaseModel):
    """A worker's main process, as it announced itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    node: str
    boot: str = Field(description="one uuid per life of the process")
    pid: int
    queues: tuple[str, ...] = Field(description="the queues that it reads now; none while it is quarantined")
    browsers: dict[BrowserType, str] = Field(default_factory=dict, description="browser -> version, where known")


class Presence:
    """The nodes at work, in two keys: ``<prefix>:nodes`` (zset: node -> end) and ``<prefix>:nodes:told`` (hash)."""

    def __init__(self, client: redis.Redis, prefix: str = "breakwater") -> None:
        self._keys = (f"{prefix}:nodes", f"{prefix}:nodes:told")
        self._scripts = Scripts(client)

    def announce(self, node: Node, seconds: float) -> None:
        """Be at work for ``seconds`` from now; announce again well before they end."""
        self._scripts["announce"](keys=self._keys, args=[node.node, node.model_dump_json(), seconds])

    def withdraw(self, node: Node) -> None:
        """Be at work no more, unless a newer process (another ``boot``) already bears the node's name."""
        self._scripts["withdraw"](keys=self._keys, args=[node.node, node.boot])

    def nodes(self) -> list[Node]:
        """The nodes at work, by name, in one round trip."""
        told = self._scripts["nodes"](keys=self._keys)
        return sorted((Node.model_validate_json(node) for node in told), key=lambda node: node.node)

    def live_queues(self) -> Mapping[str, tuple[str, ...]]:
        """Each queue that somebody reads, with the names of the nodes that do, in one round trip."""
        readers: dict[str, list[str]] = defaultdict(list)
        for node in self.nodes():
            for queue in node.queues:
                readers[queue].append(node.node)
        return {queue: tuple(names) for queue, names in readers.items()}
