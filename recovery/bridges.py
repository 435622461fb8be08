"""What recovery asks of a browser that it shall bring back, and the memory of what was tried. No browser is known here.

The farm doesn't go this way: there, attempts are rows in Redis. This is for whoever holds one browser in one process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from recovery.actions import Action
from recovery.adjustments import Adjustments
from recovery.decision import Situation
from recovery.failures import FailureInfo
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, ModelType


@dataclass
class RecoveryTrail:
    """The attempts at what a bridge is doing now. The bridge calls ``passed`` when it is done: then all begins anew."""

    worker: str = "in process"
    records: list[AttemptRecord] = field(default_factory=list)
    _led_by: Action | None = None
    _began: float | None = None

    def failed(self, failure: FailureInfo, browser: BrowserType | None, now: float) -> None:
        """The current attempt failed. ``now`` is Unix time in seconds."""
        began = now if self._began is None else self._began
        self.records.append(
            AttemptRecord(
                number=len(self.records) + 1,
                level=self._led_by.level if self._led_by else None,
                strategy=self._led_by.strategy if self._led_by else None,
                browser=browser,
                worker=self.worker,
                outcome=failure.failure_type.value,
                failure_type=failure.failure_type,
                cause=failure.message,
                started_at=began,
                seconds=max(0.0, now - began),
            )
        )

    def continues(self, action: Action, now: float) -> None:
        """A recovery leads to the next attempt."""
        self._led_by, self._began = action, now

    @property
    def led_by(self) -> Action | None:
        """The recovery that led to the current attempt; None: it is the first."""
        return self._led_by

    def passed(self) -> None:
        """What the bridge did went well: nothing of it counts for the next failure."""
        self.records.clear()
        self._led_by = self._began = None


class RecoverableBridge(Protocol):
    """A live browser, or the simulation in its place, that can be brought back. Its methods raise what went wrong."""

    @property
    def browser(self) -> BrowserType | None:
        """The browser in use now; None: simulation."""

    @property
    def asked_browser(self) -> BrowserType:
        """The browser that the user wanted."""

    @property
    def model_type(self) -> ModelType:
        """The family of the model under test."""

    @property
    def usable_browsers(self) -> Sequence[BrowserType]:
        """Browsers that can be launched here and whose circuit lets calls through."""

    @property
    def simulation_allowed(self) -> bool:
        """Whether the user accepts a simulated result."""

    @property
    def adjustments(self) -> Adjustments:
        """The settings in use now."""

    @property
    def trail(self) -> RecoveryTrail:
        """The memory that belongs to this bridge."""

    def now(self) -> float:
        """Unix time, in seconds."""

    async def renew(self, after: float) -> None:
        """Make the session ready to run again, ``after`` seconds from now: same browser process, fresh page."""

    async def restart(self, adjustments: Adjustments) -> None:
        """A new process of the same browser, with these settings."""

    async def switch_browser(self, browser: BrowserType) -> None:
        """A process of another browser."""

    async def simulate(self) -> None:
        """No browser from now on."""


def situation_of(bridge: RecoverableBridge) -> Situation:
    """A bridge's situation, in the terms in which recovery decides."""
    records = bridge.trail.records
    return Situation(
        browser=bridge.browser,
        asked=bridge.asked_browser,
        model_type=bridge.model_type,
        usable=tuple(bridge.usable_browsers),
        simulation=bridge.simulation_allowed,
        elapsed=max(0.0, bridge.now() - records[0].started_at) if records else 0.0,
        adjustments=bridge.adjustments,
    )
