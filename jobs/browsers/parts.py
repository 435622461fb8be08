"""A browser's processes by what they do: which are stopped, and how much they compute. Nothing is asked of them.

Firefox and WebKit serve the GPU from their main process on Linux; only Chromium has one of its own for it.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

# Seconds between two looks, and between two searches for processes: those take some milliseconds.
LOOK_INTERVAL: Final = 0.25
SEARCH_INTERVAL: Final = 1.0
# Looks that are kept to tell how much was computed lately.
_KEPT: Final = 64
# Share of one processor that a process computes which is at work.
AT_WORK: Final = 0.1
# Seconds over which it is looked whether a page's process hangs, and the share of them that it computes then.
# (On a busy machine it gets less than all of a processor.)
_HUNG_LOOK: Final = 0.15
_HUNG_SHARE: Final = 0.2


class Part(StrEnum):
    """What a process of a browser is for."""

    PAGE = "page"
    GPU = "GPU"
    OTHER = "helper"


def part_of(line: Sequence[str]) -> Part:
    """By the command lines of Chromium, Firefox and WebKit."""
    of_firefox = "-contentproc" in line and line[-1] == "tab"
    if "--type=renderer" in line or of_firefox or bool(line and line[0].endswith("WebKitWebProcess")):
        return Part.PAGE
    return Part.GPU if "--type=gpu-process" in line else Part.OTHER


def parts_of(main: psutil.Process | None) -> Iterator[tuple[psutil.Process, Part]]:
    """The processes that a browser's main process has started, with what they are for."""
    if main is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in main.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                yield process, part_of(process.cmdline())


def pages_of(main: psutil.Process | None) -> list[psutil.Process]:
    """The processes of a browser's pages."""
    return [process for process, part in parts_of(main) if part is Part.PAGE]


def hung_pages(main: psutil.Process | None) -> list[psutil.Process]:
    """Those that are stopped, or compute all the time: takes ``_HUNG_LOOK`` seconds. Waiting ones are well."""
    began = {process: computed_by(process) for process in pages_of(main)}
    time.sleep(_HUNG_LOOK)
    return [
        process
        for process, before in began.items()
        if is_stopped(process) or computed_by(process) - before >= _HUNG_SHARE * _HUNG_LOOK
    ]


class Parts:
    """The parts of one browser, looked at from time to time while a test runs. ``main`` gives its main process."""

    def __init__(self, main: Callable[[], psutil.Process | None]) -> None:
        self._main = main
        self._found: list[tuple[psutil.Process, Part]] = []
        self._stopped: frozenset[Part] = frozenset()
        self._searched_at = self._looked_at = float("-inf")
        self._gpu_seconds: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._kept_waiting: deque[tuple[float, dict[int, float]]] = deque(maxlen=_KEPT)

    def begin(self) -> None:
        """A test begins: most are over before a first look is due."""
        self._looked_at = time.monotonic()
        self._searched_at = float("-inf")
        self._stopped = frozenset()
        self._gpu_seconds.clear()
        self._kept_waiting.clear()

    def look(self) -> None:
        """Look at them all, if it is time."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_INTERVAL:
            return
        self._looked_at = now
        if now - self._searched_at >= SEARCH_INTERVAL:
            self._searched_at = now
            self._found = list(parts_of(self._main()))
        self._stopped = frozenset(part for process, part in self._found if is_stopped(process))
        self._gpu_seconds.append((now, sum(computed_by(process) for process, part in self._found if part is Part.GPU)))
        pages = (process for process, part in self._found if part is Part.PAGE)
        self._kept_waiting.append((now, {process.pid: waited_for_processor(process) for process in pages}))

    @property
    def seen(self) -> bool:
        """Whether the browser's processes can be seen from here."""
        return bool(self._found)

    @property
    def stopped(self) -> Part | None:
        """What the last look saw stopped (SIGSTOP): a page before all, as the others wait for it in vain."""
        return next((part for part in Part if part in self._stopped), None)

    def gpu_works(self, seconds: float) -> bool:
        """Whether the GPU's process has computed much over so many seconds."""
        since = time.monotonic() - seconds
        seen = [(at, computed) for at, computed in self._gpu_seconds if at >= since]
        if len(seen) < 2:
            return False
        (began, before), (ended, after) = seen[0], seen[-1]
        return after - before >= AT_WORK * (ended - began)

    def kept_waiting(self, seconds: float) -> float:
        """Most seconds of the last so many that a page's main thread wanted to compute and got no processor."""
        since = time.monotonic() - seconds
        seen = [waited for at, waited in self._kept_waiting if at >= since]
        if not seen:
            return 0.0
        return max((now - seen[0][pid] for pid, now in seen[-1].items() if pid in seen[0]), default=0.0)

    def page_works(self) -> bool:
        """Whether any page's process computes at this moment: takes a look of a tenth of a second."""
        pages = [process for process, part in self._found if part is Part.PAGE]
        before = sum(map(computed_by, pages))
        time.sleep(0.1)
        return sum(map(computed_by, pages)) - before >= AT_WORK * 0.1


def is_stopped(process: psutil.Process) -> bool:
    """Whether it is stopped (SIGSTOP)."""
    with contextlib.suppress(psutil.Error):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return False


def waited_for_processor(process: psutil.Process) -> float:
    """Seconds that its main thread has waited so far while it could have run; 0 where Linux doesn't tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # Time on the processor and time in its queue, both in ns; times that it ran. (Linux, sched-stats.rst)
        return int(Path(f"/proc/{process.pid}/schedstat").read_text("ascii").split()[1]) / 1e9
    return 0.0


def computed_by(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
