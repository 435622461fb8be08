"""A screen for browsers that can't do without one: an Xvfb of the session's own, which ends with it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Final

from jobs.processes import OwnedProcess
from jobs.scratch import ScratchFolder

# Seconds that the X server may take to come up.
START_TIMEOUT: Final = 10.0
# Display numbers to choose from: far above those that people and other programs use.
_FIRST, _COUNT = 10_000, 50_000


class VirtualDisplay:
    """An X server without a screen. It listens on an abstract socket only: no file of it can stay behind."""

    def __init__(self, scratch_root: Path | None) -> None:
        self.name = f":{_FIRST + secrets.randbelow(_COUNT)}"
        # Servers in different PID namespaces can't judge each other's lock files; only root may do without one.
        lock = ["-nolock"] if os.geteuid() == 0 else []
        self._process = OwnedProcess(
            ["Xvfb", self.name, *lock, "-nolisten", "unix", "-nolisten", "tcp", "-screen", "0", "1280x1024x24",
             "-displayfd", "1"],
            scratch=ScratchFolder(scratch_root),
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            OSError: Xvfb is not there, or does not come up.
        """
        try:
            self._process.start()
            deadline = time.monotonic() + START_TIMEOUT
            while self.name[1:] not in self._process.log_tail().split():
                if not self._process.alive() or time.monotonic() > deadline:
                    raise OSError(  # noqa: TRY301
                        f"Xvfb does not come up; its output: {self._process.log_tail(300)!r}"
                    )
                time.sleep(0.01)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; returns when nothing is left."""
        self._process.stop()
        with contextlib.suppress(OSError):
            Path(f"/tmp/.X{self.name[1:]}-lock").unlink()  # noqa: S108 - X servers' own place
