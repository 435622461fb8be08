"""Profiles that were prepared once on this machine, and are copied for each launch; preparing.py makes them.

A kept one is whole, whenever its maker was killed, and never written to again: whatever a test does, it does to a copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.scratch import ScratchFolder, sweep

# What a copy must not have: what says that a browser runs in it; and what is large and of no use, as the harness has
# another address each time.
_LEFT_OUT: Final = (
    *("Singleton*", "DevToolsActivePort", "lock", ".parentlock", "MarionetteActivePort"),
    *("Cache", "cache2", "Code Cache", "Crashpad", "BrowserMetrics*", "crashes", "minidumps"),
)
# Days after which a profile that no launch used goes: its browser was updated, as a rule.
_KEPT_DAYS: Final = 14
# Linux's call to share a file's blocks until one of both writes.
_FICLONE: Final = 0x40049409


class PreparedProfiles:
    """Those in one folder, by name. Any number of processes may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return (self._folder / name).is_dir()

    def copy(self, name: str, target: Path) -> bool:
        """Make ``target`` a copy; False: there is none of this name, and nothing is left at ``target``."""
        kept = self._folder / name
        try:
            shutil.copytree(kept, target, symlinks=True, copy_function=_clone)
            os.utime(kept)
        except (OSError, shutil.Error):  # one that is being removed misses files
            shutil.rmtree(target, ignore_errors=True)
            return False
        return True

    def keep(self, name: str, profile: Path) -> None:
        """Keep a copy of a profile in which no browser runs any more. Where there is one by now, that one stays.

        Raises:
            OSError: it can't be written.
        """
        making = ScratchFolder(self._folder)  # in the same file system: only there is a rename all or nothing
        try:
            made = making.path / "profile"
            shutil.copytree(
                profile, made, symlinks=True, copy_function=_clone, ignore=shutil.ignore_patterns(*_LEFT_OUT)
            )
            os.utime(made)
            try:
                made.rename(self._folder / name)
            except OSError:
                if not self.has(name):
                    raise
        finally:
            making.remove()
        self._tidy()

    def remove(self, name: str) -> None:
        """Remove one, at once for whoever would copy it."""
        with contextlib.suppress(OSError):
            going = ScratchFolder(self._folder)
            with contextlib.suppress(OSError):
                (self._folder / name).rename(going.path / "profile")
            going.remove()

    def _tidy(self) -> None:
        """Remove what killed makers left, and what nobody uses any more."""
        sweep(self._folder)
        for kept in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - kept.stat().st_mtime > _KEPT_DAYS * 24 * 3600:
                    self.remove(kept.name)


@dataclass(frozen=True)
class Prepared:
    """One that a launch may start with."""

    profiles: PreparedProfiles
    name: str

    def copy(self, target: Path) -> bool:
        """As ``PreparedProfiles.copy``."""
        return self.profiles.copy(self.name, target)

    def remove(self) -> None:
        """A launch with it failed: no other shall."""
        self.profiles.remove(self.name)


def _clone(source: str, target: str) -> str:
    """A copy that shares the blocks where the file system can; a link would let the copy's browser write to both."""
    with Path(source).open("rb") as old, Path(target).open("wb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new)
    return target
