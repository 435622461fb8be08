"""What a test's history says about levels and browsers. Reading only; decisions are in decision.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from recovery.history import CIRCUIT_OPEN, AttemptRecord
from recovery.kinds import BrowserType, RecoveryLevel


def _is_detour(record: AttemptRecord) -> bool:
    return record.outcome == CIRCUIT_OPEN


def _level(record: AttemptRecord, first_of_run: AttemptRecord) -> RecoveryLevel | None:
    return RecoveryLevel.SIMULATION if record.browser is None else first_of_run.level


@dataclass(frozen=True)
class Past:
    """A history, read: real attempts apart from detours.

    A detour changes where an attempt runs, not its level: an attempt counts for the level that its run of detours
    began with, whatever an open circuit made of it on the way (but what was simulated is level 5). So a test that an
    open circuit sent to another browser before it ever ran still has all levels before it.
    """

    levels: tuple[RecoveryLevel | None, ...]
    """The level of every real attempt."""

    workers: frozenset[str]
    """Workers that really tried it."""

    browsers: frozenset[BrowserType]
    """Browsers that really were tried."""

    detours: int
    """Times that an open circuit turned the test away."""

    latest_detours: tuple[AttemptRecord, ...]
    """The detours since the last real attempt."""

    @classmethod
    def of(cls, history: Sequence[AttemptRecord]) -> Self:
        """Read a history, oldest record first."""
        levels: list[RecoveryLevel | None] = []
        first_detour: AttemptRecord | None = None
        for record in history:
            if _is_detour(record):
                first_detour = first_detour or record
            else:
                levels.append(_level(record, first_detour or record))
                first_detour = None
        return cls(
            levels=tuple(levels),
            workers=frozenset(record.worker for record in history if not _is_detour(record)),
            browsers=frozenset(record.browser for record in history if record.browser and not _is_detour(record)),
            detours=sum(map(_is_detour, history)),
            latest_detours=tuple(takewhile(_is_detour, reversed(history))),
        )

    @property
    def attempts(self) -> int:
        """Number of real attempts."""
        return len(self.levels)

    def times(self, level: RecoveryLevel) -> int:
        """How often a level was taken."""
        return self.levels.count(level)

    @property
    def highest(self) -> RecoveryLevel:
        """The highest level taken; there is no way below it any more."""
        return max((level for level in self.levels if level), default=RecoveryLevel.MINIMAL)
