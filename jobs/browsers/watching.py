"""Look at a browser while it works: is it dead, stopped, hung, silent? Each told apart, and long before a time limit.

It looks at processes and at the page's beats; WebDriver is asked only when the page has fallen silent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final, Protocol

import psutil
from selenium.common.exceptions import NoSuchWindowException, WebDriverException
from urllib3.exceptions import HTTPError

from jobs.browsers.failures import as_failure
from jobs.browsers.page_link import PageLink
from jobs.browsers.parts import Part, Parts
from jobs.browsers.patience import MOST, stretched
from jobs.browsers.protocol import PagePhase
from recovery import BrowserType, Evidence, PageEvent, Phase
from recovery.failures import (
    ConnectionFailure,
    CrashFailure,
    GpuFailure,
    InternalFailure,
    ResourceExhaustionFailure,
    TimeoutFailure,
)

# Seconds without a connection of the page after which WebDriver is asked why: so long it takes to come back by itself.
ASK_AFTER: Final = 0.1
# Seconds that a browser has to end after its talk broke off.
END_GRACE: Final = 0.5
# What Firefox says of scripts in a tab whose process died: it shows a page of its own there.
FIREFOX_CRASH_PAGE: Final = "not supported for parent process browsing contexts"
# What Chromium's log says when a page's heap is exhausted, and how many bytes of it are read.
_OUT_OF_MEMORY: Final = r"javascript OOM|Out of memory"
_LOG_READ: Final = 8_000

# Phases before there is a model in the page.
LOADING: Final = frozenset({PagePhase.START, PagePhase.LOAD})
# Phases that may block the page's main thread for long: without a pulse they need another sign of work.
_BLOCKING = frozenset({PagePhase.START, PagePhase.CREATE, PagePhase.COMPILE, PagePhase.RUN})


class DriverEnd(Protocol):
    """A driver and its browser, as far as they can be seen from here. None: they can't."""

    @property
    def alive(self) -> bool | None: ...
    @property
    def stopped(self) -> bool: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def disk_full(self) -> bool | None: ...
    @property
    def browser(self) -> psutil.Process | None: ...
    @property
    def browser_alive(self) -> bool | None: ...
    @property
    def browser_stopped(self) -> bool | None: ...
    def start(self) -> str: ...
    def browser_started(self) -> None: ...
    def members(self) -> list[psutil.Process]: ...
    def log_tail(self, size: int) -> str: ...
    def await_browser_end(self, timeout: float) -> None: ...
    def stop(self) -> None: ...


class Watch:
    """What a session knows of its browser's health. ``link`` is the current page's; ``ask`` asks WebDriver anything."""

    def __init__(self, browser: BrowserType, end: DriverEnd, patience: float, ask: Callable[[], object]) -> None:
        self.link: PageLink | None = None
        self._browser = browser
        self._end = end
        self._patience = patience
        self._ask = ask
        self.parts = Parts(lambda: end.browser)

    def evidence(self, phase: Phase, answers: bool | None = None) -> Evidence:
        """What can be seen from outside, now."""
        return Evidence(
            browser=self._browser,
            phase=phase,
            browser_alive=self._end.browser_alive,
            browser_stopped=self._end.browser_stopped,
            driver_alive=self._end.alive,
            exit_code=self._end.exit_code,
            session_answers=answers,
            heartbeat_age=None if self.link is None else self.link.heartbeat_age,
            pulse_age=None if self.link is None else self.link.pulse_age,
            disk_full=self._end.disk_full if phase in {Phase.LAUNCH, Phase.NAVIGATE} else None,
        )

    @property
    def well(self) -> bool:
        """Whether everything runs, and the page is connected and lives."""
        evidence = self.evidence(Phase.RUN)
        return (
            evidence.driver_alive is not False
            and evidence.browser_alive is not False
            and not evidence.browser_stopped
            and not self._end.stopped
            and self.link is not None
            and self.link.connected
            and not self.silent
            and not self.pulse_stopped
        )

    @property
    def silent(self) -> bool:
        """Whether the page's worker was not heard for too long."""
        return self._too_long(None if self.link is None else self.link.heartbeat_age)

    @property
    def pulse_stopped(self) -> bool:
        """Whether the page's main thread gave no sign of life for too long."""
        return self._too_long(None if self.link is None else self.link.pulse_age)

    def _too_long(self, age: float | None) -> bool:
        return age is not None and age > stretched(self._patience)

    def look(self, link: PageLink, deadline: float) -> None:
        """Look at everything once; raise what is wrong.

        Raises:
            BrowserFailure: of the category of what was seen.
        """
        self.look_at_processes(Phase.RUN)
        self.look_at_parts()
        if link.refused is not None:
            raise InternalFailure(f"the page broke the protocol: {link.refused}", self.evidence(Phase.RUN))
        lost = link.lost_age
        if lost is not None and lost > ASK_AFTER:
            self._ask_page()
            if self._too_long(lost):
                seen = self.evidence(Phase.RUN, answers=True)
                raise ConnectionFailure("the page lost its connection, and its browser lives", seen)
        elif self.silent:
            self._ask_page()
            seen = self.evidence(Phase.RUN, answers=True)
            raise ConnectionFailure("the page fell silent, and its browser lives", seen)
        elif self.pulse_stopped:
            if not self._starves(link) and (link.phase not in _BLOCKING or not self._works(link)):
                raise TimeoutFailure("the page's main thread hangs", self.evidence(Phase.RUN))
        elif self._too_long(link.wait_age):
            raise TimeoutFailure("the page waits for its server, and no byte comes", self.evidence(Phase.LOAD))
        if time.monotonic() > deadline:
            evidence = self.evidence(Phase.LOAD if link.phase in LOADING else Phase.RUN)
            phase = link.phase.value if link.phase else "unknown"
            raise TimeoutFailure(
                f"the attempt's time is used up in the page's phase {phase!r}",
                evidence.model_copy(update={"budget_spent": True}),
            )

    def look_at_processes(self, phase: Phase) -> None:
        """Look at driver and browser; raise what is wrong. Raises as ``look``."""
        evidence = self.evidence(phase)
        if evidence.driver_alive is False:
            raise ConnectionFailure("the driver died", evidence)
        if evidence.browser_alive is False:
            raise CrashFailure("the browser died", evidence)
        if evidence.browser_stopped:
            raise TimeoutFailure("the browser is stopped", evidence)
        if self._end.stopped:
            raise ConnectionFailure("the driver is stopped", evidence)

    def look_at_parts(self) -> None:
        """Look at the browser's other processes. Raises as ``look``."""
        self.parts.look()
        stopped = self.parts.stopped
        if stopped is None:
            return
        evidence = self.evidence(Phase.RUN)
        message = f"the browser's {stopped.value} process is stopped"
        match stopped:
            case Part.PAGE:
                raise TimeoutFailure(message, evidence)
            case Part.GPU:
                raise GpuFailure(message, evidence)
            case Part.OTHER:
                # No new page can do without it.
                raise TimeoutFailure(message, evidence.model_copy(update={"browser_stopped": True}))

    def _starves(self, link: PageLink) -> bool:
        """Whether a silent main thread got no processor for most of the time, and little since it fell silent.

        The load average tells of the last minute; a machine is overloaded from one second to the next.
        """
        age = link.pulse_age or 0.0
        waited = self.parts.kept_waiting(age)
        return age < MOST * self._patience and waited > age / 2 and age - waited < self._patience

    def _works(self, link: PageLink) -> bool:
        """Whether a page without a pulse computes: it changes onnxruntime's memory, or has the GPU's process work.

        Where neither is to be seen, processor time tells; in a remote browser nothing does, but the time limit.
        """
        age = link.work_age
        if age is None:
            return not self.parts.seen or self.parts.page_works()
        return not self._too_long(age) or self.parts.gpu_works(self._patience)

    def _ask_page(self) -> None:
        """The page says nothing any more: let WebDriver tell why, and raise that. If it answers, nothing is known."""
        try:
            self._ask()
        except NoSuchWindowException as error:
            raise ConnectionFailure("the page's window was closed", self.evidence(Phase.RUN, answers=False)) from error
        except (WebDriverException, HTTPError, OSError) as error:
            failure = as_failure(error, self.evidence(Phase.RUN, answers=False))
            if FIREFOX_CRASH_PAGE in str(error):
                failure = CrashFailure("the page's process died", failure.evidence)
            if isinstance(failure, CrashFailure) and self._ran_out_of_memory():
                seen = failure.evidence.model_copy(update={"page_event": PageEvent.OUT_OF_MEMORY})
                failure = ResourceExhaustionFailure("the page's process died of want of memory", seen)
            if isinstance(failure, ConnectionFailure):
                # A talk that breaks off is often the first sign of a browser's end.
                self._end.await_browser_end(END_GRACE)
                self.look_at_processes(Phase.RUN)
            raise failure from error

    def _ran_out_of_memory(self) -> bool:
        """Whether the browser's log says so: Chromium ends such a process as it would any broken one."""
        return re.search(_OUT_OF_MEMORY, self._end.log_tail(_LOG_READ)) is not None
