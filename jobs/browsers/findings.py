"""What can be found of a failed attempt, for its artefacts: the driver's log, the page's complaints, a screenshot."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Final

from jobs.browsers.failures import LINE_ERRORS
from jobs.browsers.trace import Trace
from jobs.browsers.watching import DriverEnd, Watch
from recovery import Phase

# Bytes of the driver's log that are kept: its end.
MAX_DRIVER_LOG: Final = 16_000


def attach_findings(trace: Trace, end: DriverEnd, watch: Watch, screenshot: Callable[[], bytes] | None) -> None:
    """Give the trace what can be found now: driver's log, page's complaints, messages, and a screenshot if the page may
    still be drawn. Never raises. Once for each trace.

    ``screenshot`` may raise what a driver raises; None: there is no driver to ask.
    """
    if not trace.opened_for_findings():
        return
    trace.attach("driver.log", end.log_tail(MAX_DRIVER_LOG))
    if watch.link is not None:
        complaints = [f"{log.level} ({log.source}): {log.text}" for log in watch.link.take_logs()]
        trace.attach("console.log", "\n".join(complaints))
        trace.attach("page-messages.jsonl", "\n".join(map(json.dumps, watch.link.talk())))
    evidence = watch.evidence(Phase.RUN)
    hopeless = evidence.browser_alive is False or evidence.browser_stopped or end.stopped
    if screenshot is None or evidence.driver_alive is False or hopeless or watch.pulse_stopped:
        return
    with contextlib.suppress(*LINE_ERRORS):
        trace.attach("screenshot.png", screenshot())
