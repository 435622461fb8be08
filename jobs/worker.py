"""What a worker's child holds: its connections, the session pool and the leases' keeper.

Made on first use in the process that uses it (Celery forks its children), never shared across a fork.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import psutil

from jobs.backend import BOOT, Backend
from jobs.batches import LeaseKeeper, Owner
from jobs.browsers.pool import SessionPool
from jobs.browsers.preparer import Preparer
from jobs.connections import REDIS_ABSENCE
from jobs.leaving import is_leaving
from jobs.own.hosting import HostKeeper
from jobs.session_teller import SessionTeller
from jobs.settings import settings


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
