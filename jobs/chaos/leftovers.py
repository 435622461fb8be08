"""What a farm left behind: processes and folders that should have gone with it."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from jobs.scratch import PREFIX

# Carried by every process of a farm that is watched, wherever it hangs in the tree.
_MARK = "BREAKWATER_WATCHED"
# Seconds that a dying process may take to be gone.
_GRACE = 5.0


class Watch:
    """Watches one farm of this process's, from before its start until after its end."""

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        self._seen: set[psutil.Process] = set()
        self._before = {*psutil.Process().children(recursive=True)}
        self._folders = set(_folders())

    def env(self) -> Mapping[str, str]:
        """The environment for the farm's workers."""
        return os.environ | {_MARK: self._mark}

    def processes(self) -> list[psutil.Process]:
        """All processes of the farm just now; they are remembered."""
        found = [one for one in psutil.Process().children(recursive=True) if one not in self._before]
        # redis-server writes over its environment: what was seen once is known by pid and birth.
        self._seen.update(found)
        return found

    def leftovers(self) -> list[str]:
        """What is there after the farm's end, one line each; waits a moment for what is still dying."""
        deadline = time.monotonic() + _GRACE
        while True:
            left = sorted({*self._alive(self._seen), *self._alive(self._marked()), *self._alive(self.processes())})
            left += [f"folder {folder}" for folder in _folders() if folder not in self._folders]
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.1)

    def _marked(self) -> Iterable[psutil.Process]:
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == self._mark:
                    yield process
            except psutil.Error:
                continue

    def _alive(self, processes: Iterable[psutil.Process]) -> Iterable[str]:
        for process in processes:
            try:
                if process.is_running() and process not in self._before:
                    yield f"process {process.pid} {process.name()} ({process.status()})"
            except psutil.Error:
                continue


def _folders() -> list[Path]:
    return sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}{os.getpid()}-*"))
