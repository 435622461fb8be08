"""The processes of an embedded farm by what they are, so that they can be killed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

import psutil

_DRIVERS = {"chromedriver", "geckodriver", "msedgedriver", "WebKitWebDriver"}


class Victim(StrEnum):
    """A kind of process that a farm must survive the death of."""

    WORKER = "worker"
    """A worker node's main process, with all that hangs on it."""
    CHILD = "worker child"
    """A pool process, which runs the tests and has the browser."""
    BROWSER = "browser"
    DRIVER = "driver"
    REDIS = "Redis"


def victims_among(processes: Iterable[psutil.Process]) -> Mapping[Victim, list[psutil.Process]]:
    """The processes that may be struck, by kind, in the order of their pids, without those that ended."""
    found: dict[Victim, list[psutil.Process]] = defaultdict(list)
    for process in sorted(processes, key=lambda one: one.pid):
        try:
            kind = kind_of(process)
        except psutil.Error:
            continue
        if kind is not None:
            found[kind].append(process)
    return found


def kind_of(process: psutil.Process) -> Victim | None:
    """What a process of a farm is; None: nothing that is struck.

    Raises:
        psutil.Error: it has ended, or is another user's.
    """
    name, command, parent = process.name(), process.cmdline(), process.parent()
    if process.status() == psutil.STATUS_ZOMBIE or not command:
        return None
    if name == "redis-server":
        return Victim.REDIS
    if name in _DRIVERS:
        return Victim.DRIVER
    if node_of(process) is not None:
        return Victim.CHILD if parent is not None and node_of(parent) is not None else Victim.WORKER
    of_driver = parent is not None and parent.name() in _DRIVERS
    return Victim.BROWSER if of_driver and not _is_helper(command) else None


def node_of(process: psutil.Process) -> str | None:
    """The name of the worker node that a process belongs to, as in ``chrome`` of ``chrome@%h``; None: to none.

    Raises:
        psutil.Error: it has ended, or is another user's.
    """
    command = process.cmdline()
    if "celery" not in command or "--hostname" not in command or "python" not in command[0]:
        return None
    return command[command.index("--hostname") + 1].partition("@")[0]


def _is_helper(command: list[str]) -> bool:
    """Whether it is one of a browser's many processes, but not its main one."""
    return any(part.startswith("--type=") or part == "-contentproc" for part in command)
