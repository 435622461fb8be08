"""Faults for those who want to see recoveries: each breaks a real part. Off unless a test's spec asks for it."""

from __future__ import annotations

from jobs.browsers.protocol import Hang
from jobs.browsers.session import BrowserSession
from jobs.specs import FaultKind, TestSpec
from recovery import BrowserType

# Seconds for which a stalled server answers nothing: longer than any attempt.
STALL_SECONDS = 7200.0


def faults_of(spec: TestSpec, attempt: int, browser: BrowserType) -> frozenset[FaultKind]:
    """The faults that this attempt is to suffer."""
    return frozenset(fault.kind for fault in spec.faults if fault.hits(attempt, browser))


def break_run(faults: frozenset[FaultKind], session: BrowserSession) -> None:
    """Break what the faults name, right before the page is told to run; and end a stall of an earlier attempt."""
    session.link.stall_assets(STALL_SECONDS if FaultKind.ASSET_STALLED in faults else 0.0)
    if FaultKind.PAGE_HUNG in faults:
        session.link.send(Hang())
    if FaultKind.BROWSER_KILLED in faults:
        session.kill_browser()
    if FaultKind.DRIVER_KILLED in faults:
        session.kill_driver()
