"""Who is at work: worker nodes announce themselves and the queues that they read. Not a word about batches.

A node that falls silent disappears by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import redis
from pydantic import BaseModel, ConfigDict

from jobs.batches.keyspace import Scripts

# Seconds that a node is believed to be at work after it said so. Announce each second or two.
NODE_SECONDS = 5.0


class Node(BaseModel):
    """A worker's main process, as it announced itself. ``boot`` is one uuid per life of the process."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    node: str
    boot: str
    pid: int
    queues: tuple[str, ...]
    quarantined: bool = False


class Presence:
    """The nodes at work, in two keys: ``<prefix>:nodes`` (zset: node -> end) and ``<prefix>:nodes:told`` (hash)."""

    def __init__(self, client: redis.Redis, prefix: str = "breakwater") -> None:
        self._keys = (f"{prefix}:nodes", f"{prefix}:nodes:told")
        self._scripts = Scripts(client)
        self._boots: dict[str, str] = {}

    def announce(self, node: str, boot: str, pid: int, queues: Sequence[str], *, quarantined: bool = False) -> None:
        """Be at work for ``NODE_SECONDS`` from now. ``quarantined``: alive, but reading none of the queues."""
        told = Node(node=node, boot=boot, pid=pid, queues=tuple(queues), quarantined=quarantined)
        self._scripts["announce"](keys=self._keys, args=[node, told.model_dump_json(), NODE_SECONDS])
        self._boots[node] = boot

    def leave(self, node: str) -> None:
        """Be at work no more, unless a newer process (another ``boot``) already bears the node's name."""
        self._scripts["leave"](keys=self._keys, args=[node, self._boots.pop(node, "")])

    def nodes(self) -> list[Node]:
        """The nodes at work, by name, in one round trip."""
        told = self._scripts["nodes"](keys=self._keys)
        return sorted((Node.model_validate_json(node) for node in told), key=lambda node: node.node)

    def live_queues(self) -> Mapping[str, tuple[str, ...]]:
        """Each queue that somebody reads now, with the names of the nodes that do, in one round trip."""
        readers: dict[str, list[str]] = defaultdict(list)
        for node in self.nodes():
            for queue in () if node.quarantined else node.queues:
                readers[queue].append(node.node)
        return {queue: tuple(names) for queue, names in readers.items()}
