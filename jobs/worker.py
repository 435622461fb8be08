"""What a process of ours holds: connections for all, and in a worker's child the session pool and the leases' keeper.

Made on first use in the process that uses it (Celery forks its children), never shared across a fork.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass
from functools import cached_property

import psutil

from jobs.artefacts import artefact_store
from jobs.batches import BatchStore, LeaseKeeper, Owner, Presence
from jobs.browsers.pool import SessionPool
from jobs.browsers.preparer import Preparer
from jobs.circuits import farm_circuits
from jobs.connections import REDIS_ABSENCE, connect
from jobs.leaving import is_leaving
from jobs.own.hosting import HostKeeper
from jobs.session_teller import SessionTeller
from jobs.settings import Settings, settings

# One value for a worker's main process and the children that it forks: whoever holds a lease with our BOOT and a pid
# that is gone is dead.
BOOT = uuid.uuid4().hex
# When this process, or the one that it was forked from, began; on the monotonic clock.
BOOTED_AT = time.monotonic()


class Backend:
    """The shared state as one process sees it: batches, circuits, and who is at work."""

    def __init__(self, config: Settings, patience: float = 0.0) -> None:
        """``patience``: seconds that steps of a test are tried again for while Redis is away."""
        self.client = connect(config.redis_url)
        self.store = BatchStore(
            self.client,
            prefix=config.key_prefix,
            lease_seconds=config.lease_seconds,
            expiry_seconds=config.batch_expiry_seconds,
            longest_seconds=config.batch_longest_seconds,
            patience=patience,
        )
        self.presence = Presence(self.client, prefix=config.key_prefix)
        self.artefacts = artefact_store(self.client, config)
        self.registry = farm_circuits(self.client, config)


@dataclass
class WorkerProcess:
    """One child of a Celery worker."""

    node: str
    backend: Backend

    @cached_property
    def owner(self) -> Owner:
        return Owner(node=self.node, boot=BOOT, pid=os.getpid())

    @cached_property
    def keeper(self) -> LeaseKeeper:
        return LeaseKeeper(self.backend.store, is_leaving)

    @cached_property
    def pool(self) -> SessionPool:
        return SessionPool(settings(), Preparer(settings()))

    @cached_property
    def hosts(self) -> HostKeeper:
        return HostKeeper(settings())

    @cached_property
    def sessions(self) -> SessionTeller:
        return SessionTeller(self.node, self.pool, self.backend.presence)


_of_process: dict[int, WorkerProcess] = {}


def worker_process(node: str) -> WorkerProcess:
    """This process's own; a forked child never sees its parent's."""
    pid = os.getpid()
    if pid not in _of_process:
        _of_process.clear()
        _of_process[pid] = WorkerProcess(node, Backend(settings(), patience=REDIS_ABSENCE))
    return _of_process[pid]


def is_dead_sibling(holder: Owner, owner: Owner) -> bool:
    """Whether a lease's holder was a process of this same worker, and is gone. Others' pids tell us nothing."""
    return holder.boot == owner.boot and holder.pid != owner.pid and not psutil.pid_exists(holder.pid)
