"""When a page last showed life, on this process's monotonic clock. A value: each beat gives a new one."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Self

from jobs.browsers.protocol import Beat, PagePhase


@dataclass(frozen=True)
class Vitals:
    """Moments in ``time.monotonic()`` seconds."""

    heard_at: float
    pulse_at: float
    phase: PagePhase
    phase_at: float
    waiting_since: float | None = None
    """Last byte of what the page waits for; None: it waits for nothing."""
    worked_at: float | None = None
    """Last sign of work, of a living main thread or a computing one; None: it can't be seen."""

    @classmethod
    def at_hello(cls) -> Self:
        """A page that says hello lives, worker and main thread."""
        now = time.monotonic()
        return cls(heard_at=now, pulse_at=now, phase=PagePhase.IDLE, phase_at=now)

    def heard(self) -> Self:
        """Something else than a beat came."""
        return replace(self, heard_at=time.monotonic())

    @classmethod
    def of_beat(cls, beat: Beat) -> Self:
        """As a beat that came just now tells."""
        now = time.monotonic()
        return cls(
            heard_at=now,
            pulse_at=now - beat.pulse_ms / 1000,
            phase=beat.phase,
            phase_at=now - beat.phase_ms / 1000,
            waiting_since=None if beat.wait_ms is None else now - beat.wait_ms / 1000,
            worked_at=None if beat.work_ms is None else now - beat.work_ms / 1000,
        )
