"""Short-lived folders for profiles, sockets and logs. Each belongs to one process, and is swept when that died.

A lock that the owner holds, not its pid, says whether a folder is in use: that holds across containers and reboots. The
owner's janitor removes it within seconds of its death; a sweep finds what that could not: the machine went down, say.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from jobs.janitor import janitor
from jobs.private_fds import close_private, fork_lock, keep_private

# Short: a browser makes sockets below, and a socket's path may have 107 characters.
PREFIX = "bw-"
# Exactly what we make: a sweep must not take another program's folder for one of ours.
_OURS = re.compile(rf"{PREFIX}\d+-[0-9a-f]{{8}}")
_LOCK = ".owner"
# Seconds. A folder without a lock file that is older was left by a process that died right after making it.
_UNLOCKED_GRACE = 60.0


class ScratchFolder:
    """A new folder ``<root>/bw-<pid>-<random>/``, ours until ``remove`` or until this process ends."""

    def __init__(self, root: Path | None = None) -> None:
        """Make the folder; ``root`` defaults to the system's temporary folder.

        Raises:
            OSError: the root cannot be written.
        """
        root = root or Path(tempfile.gettempdir())
        root.mkdir(parents=True, exist_ok=True)
        while True:
            self.path = root.absolute() / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
            janitor.expect(self.path)
            try:
                self.path.mkdir(mode=0o700)
            except OSError:
                janitor.gone(self.path)
                raise
            with fork_lock:
                self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                keep_private(self._lock)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # a sweep was quicker and is removing it
                close_private(self._lock)
                janitor.gone(self.path)
            else:
                return

    def remove(self) -> None:
        """Remove the folder, however often called. Processes that write to it must be gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        close_private(self._lock)
        self._lock = -1
        janitor.gone(self.path)


def sweep(root: Path | None = None) -> list[Path]:
    """Remove the folders that dead processes left under ``root``; returns them."""
    swept = []
    for folder in (root or Path(tempfile.gettempdir())).glob(f"{PREFIX}*-*"):
        if not _OURS.fullmatch(folder.name) or folder.is_symlink():
            continue
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            with contextlib.suppress(OSError):
                if folder.is_dir() and time.time() - folder.stat().st_mtime > _UNLOCKED_GRACE:
                    shutil.rmtree(folder, ignore_errors=True)
                    swept.append(folder)
            continue
        except OSError:  # another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(folder)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
    return swept
