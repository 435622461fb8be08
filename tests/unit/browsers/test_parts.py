"""A page that gets no processor is told from one that hangs: Linux says how long each process waited for its turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from jobs.browsers.parts import Parts

SPIN = "while True: pass"
# What tells a page's process of Chromium's.
PAGE = "--type=renderer"


@contextmanager
def on_one_processor(*programs: tuple[str, ...]) -> Iterator[None]:
    """Python processes that share the machine's last processor, all else alike."""
    processor = max(os.sched_getaffinity(0))
    with ExitStack() as stack:
        for arguments in programs:
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", *arguments]))
            stack.callback(process.kill)
            os.sched_setaffinity(process.pid, {processor})
        yield


def looked_at(seconds: float) -> Parts:
    parts = Parts(psutil.Process)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        parts.look()
        time.sleep(0.05)
    assert parts.seen
    return parts


def test_a_page_that_others_take_the_processor_from_was_kept_waiting() -> None:
    with on_one_processor((SPIN, PAGE), (SPIN,), (SPIN,), (SPIN,)):
        parts = looked_at(2.5)
    assert parts.kept_waiting(2.0) > 0.75  # three quarters of the time, but for what the looks leave out


def test_a_page_that_does_nothing_was_not() -> None:
    with on_one_processor(("import signal; signal.pause()", PAGE), (SPIN,)):
        parts = looked_at(2.0)
    assert parts.kept_waiting(1.5) < 0.2


def test_what_was_never_looked_at_is_not_known() -> None:
    parts = Parts(psutil.Process)
    assert (parts.kept_waiting(10), parts.stopped, parts.seen) == (0.0, None, False)
