"""Sees to it that scratch folders go with their process, whenever it is killed: a small shell process does so.

It lives from before the first folder is made until the last one is gone, and is told of each.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from pathlib import Path

from jobs.private_fds import close_private, fork_lock, keep_private

_SCRIPT = Path(__file__).with_name("janitor.sh")
# Seconds that it may take to end, with nothing left to remove.
_END_TIMEOUT = 5.0


class Janitor:
    """This process's. Thread-safe."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a forked child: what was expected is the parent's."""
        self._lock = threading.Lock()
        self._paths: list[Path] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1

    def expect(self, path: Path) -> None:
        """A folder is about to be made.

        Raises:
            OSError: no process can be started.
        """
        with self._lock:
            if not self._tell(f"+{path}\n"):
                self._start()
                self._tell(f"+{path}\n")
            self._paths.append(path)

    def gone(self, path: Path) -> None:
        """A folder was removed, or not made; if none is left, the janitor goes too."""
        with self._lock:
            if path not in self._paths:
                return
            self._paths.remove(path)
            self._tell(f"-{path}\n")
            if not self._paths:
                self._end()

    def _tell(self, line: str) -> bool:
        """Whether there was somebody to tell."""
        with contextlib.suppress(OSError):
            return self._process is not None and os.write(self._pipe, line.encode()) > 0
        return False

    def _start(self) -> None:
        self._end()
        with fork_lock:
            read, self._pipe = os.pipe()
            keep_private(self._pipe)
        os.set_blocking(self._pipe, False)  # one that is stopped must not stop us
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", str(_SCRIPT)], stdin=read, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd="/", start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(read)
        for path in self._paths:
            self._tell(f"+{path}\n")

    def _end(self) -> None:
        close_private(self._pipe)
        self._pipe = -1
        if self._process is not None:
            try:
                self._process.wait(_END_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


janitor = Janitor()
os.register_at_fork(after_in_child=janitor.forget)
