"""An end for a process that hangs where no thread of its own can act any more, such as in a native library."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    """Let the kernel kill this process if the block takes longer. Celery then starts another child.

    No handler is set: one would run between two steps of Python, and there may be none.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
