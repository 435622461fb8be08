"""How worn a session is, and whether to replace it before it breaks: by tests, age, memory, and memory's trend.

It is asked between tests. The trend is the session's own: no two pages leak alike.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import psutil

from jobs.settings import Settings

# Memory is looked at after so many tests or seconds, whichever comes first: finding the
# session's processes takes some milliseconds.
TESTS_BETWEEN: Final = 50
SECONDS_BETWEEN: Final = 2.0
# Looks that the trend is read from, and the fewest that make one. The first look is left out: a session warms up.
KEPT: Final = 12
FEWEST: Final = 4
# How far ahead the trend must stay below the limit: so many of the usual steps between two looks.
STEPS_AHEAD: Final = 2


class Sample(NamedTuple):
    """Bytes that the session's processes had for themselves after so many tests."""

    tests: int
    bytes: int


class Wear:
    """The wear of one session. ``memory`` tells the bytes that it has now, None where they can't be seen."""

    def __init__(self, config: Settings, memory: Callable[[], int | None]) -> None:
        self._config = config
        self._memory = memory
        self._born = time.monotonic()
        self._looked_at = float("-inf")
        self._looked_after = 0
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    @property
    def samples(self) -> Sequence[Sample]:
        """The latest looks at its memory."""
        return tuple(self._samples)

    def reason(self, tests: int) -> str | None:
        """Why the session, which has run ``tests``, should be replaced before its next test; None: it shouldn't."""
        config = self._config
        if tests >= config.recycle_after_tests:
            return f"it ran {tests} tests"
        age = time.monotonic() - self._born
        if age >= config.recycle_after_seconds:
            return f"it is {age:.0f} s old"
        now = time.monotonic()
        if tests - self._looked_after < TESTS_BETWEEN and now - self._looked_at < SECONDS_BETWEEN:
            return None
        self._looked_at, self._looked_after = now, tests
        seen = self._memory()
        if seen is None:
            return None
        self._samples.append(Sample(tests, seen))
        return self._by_memory(config.recycle_memory_megabytes * 1024 * 1024)

    def _by_memory(self, limit: int) -> str | None:
        last = self._samples[-1]
        if last.bytes >= limit:
            return f"its memory is {_megabytes(last.bytes)}, more than {_megabytes(limit)}"
        expected = expected_bytes(self._samples)
        if expected is not None and expected >= limit:
            return f"its memory grows: {_megabytes(last.bytes)} now, soon more than {_megabytes(limit)}"
        return None


def expected_bytes(samples: Sequence[Sample]) -> float | None:
    """What the samples' straight line gives for two looks after the last one; None: too few samples, or no growth."""
    if len(samples) < FEWEST:
        return None
    tests = np.array([sample.tests for sample in samples][1:], dtype=float)
    sizes = np.array([sample.bytes for sample in samples][1:], dtype=float)
    if tests[-1] == tests[0]:
        return None
    slope, _ = np.polyfit(tests, sizes, 1)
    if slope <= 0:
        return None
    step = (tests[-1] - tests[0]) / (len(tests) - 1)
    return float(sizes[-1] + slope * step * STEPS_AHEAD)


def own_bytes(processes: Sequence[psutil.Process]) -> int | None:
    """Bytes that these processes have for themselves and would give back; None: there are none to be seen."""
    seen = [size for process in processes if (size := _own_bytes(process)) is not None]
    return sum(seen) if seen else None


def _own_bytes(process: psutil.Process) -> int | None:
    """Resident pages that are backed by no file: what the kernel counts anyway. (smaps would walk every page.)"""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        pass
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return None


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"
