"""Whether this worker is leaving: its main process says so once, and the children that it forked see it at once."""

from __future__ import annotations

import mmap
import os
import signal
from types import FrameType

# One byte of memory that forked children share.
_LEAVING = mmap.mmap(-1, 1)


def leave() -> None:
    """Say that this worker takes no more tests, and that those that run go back."""
    _LEAVING[0] = 1


def is_leaving() -> bool:
    """Whether that was said."""
    return _LEAVING[0] == 1


def leave_at(signum: signal.Signals) -> None:
    """Leave as soon as the signal comes, then do what was done at it before. For the main thread only.

    Celery waits in its handlers of a cold shutdown, and tells nobody that it began.
    """
    previous, ours = signal.getsignal(signum), os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() == ours:  # a child that was forked later has this handler too
            leave()
        if callable(previous):
            previous(number, frame)

    signal.signal(signum, handle)
