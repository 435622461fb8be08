"""A worker's main process shows that it lives by a file that it touches each second. docker/health.sh reads it.

The touch comes from the loop that takes tests, so that a worker whose loop hangs falls silent, however alive its
threads are. So does one of whose processes one is stopped. While Redis is away there is no such loop: the file says so,
and nobody need restart a worker for that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
from celery import bootsteps

from jobs.celery import app
from jobs.settings import settings

# Seconds between two touches.
INTERVAL = 1.0


class HealthFile:
    """``<pid> working`` or ``<pid> away``; its time is that of the last sign of life."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._says = ""

    def touch(self, says: str) -> None:
        """Show a sign of life; written anew only if it says something new."""
        if says == self._says and self._path.exists():
            os.utime(self._path)
            return
        self._says = says
        partly = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        partly.write_text(f"{os.getpid()} {says}\n", encoding="ascii")
        partly.replace(self._path)

    def remove(self) -> None:
        """This worker ends, as it was told to."""
        self._path.unlink(missing_ok=True)


class Health(bootsteps.StartStopStep):  # type: ignore[misc]
    """The touching, once a second, where ``BREAKWATER_HEALTH_FILE`` names a file."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        path = settings().health_file
        self.enabled = path is not None
        self._file = HealthFile(path or Path())
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        self._timer = consumer.timer.call_repeatedly(INTERVAL, self._round, (consumer,))
        self._round(consumer)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - a bootstep's signature
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._file.touch("away")

    def shutdown(self, consumer: Any) -> None:
        self.stop(consumer)
        self._file.remove()

    def _round(self, consumer: Any) -> None:
        if not any(map(_is_stopped, _children(consumer))):
            self._file.touch("working")


def _children(consumer: Any) -> Iterable[int]:
    """The pids of the pool's processes; a pool of threads has none."""
    processes = getattr(getattr(consumer.pool, "_pool", None), "_pool", ())
    return [process.pid for process in processes if getattr(process, "pid", None)]


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


app.steps["consumer"].add(Health)
