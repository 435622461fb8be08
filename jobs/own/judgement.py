"""Whose doing it was: a user's own test that went wrong has failed, unless there is evidence against the browser.

What an exception says proves nothing: processes, the harness's page and the test's page are asked.
"""

from __future__ import annotations

import contextlib
from typing import Literal, NoReturn
from urllib.request import urlopen

import psutil
from selenium.common.exceptions import WebDriverException
from urllib3.exceptions import HTTPError

from jobs.browsers.driver_line import QUESTION_TIMEOUT
from jobs.browsers.failures import LINE_ERRORS, TestFailure
from jobs.browsers.session import BrowserSession
from jobs.browsers.watching import FIREFOX_CRASH_PAGE
from jobs.own.hosting import HostLost
from jobs.own.messages import Raised
from jobs.own.raised import place_in
from jobs.specs import Isolation, OwnRun
from recovery import Evidence, Phase, words
from recovery.cases import said_by
from recovery.failures import ConnectionFailure, CrashFailure, InternalFailure, TimeoutFailure

# A process that was killed by this signal was so by the kernel (no memory), or by somebody's hand: not by its code.
_KILLED = -9


def judge(raised: Raised, session: BrowserSession, isolation: Isolation) -> NoReturn:
    """What an exception of the test means.

    Raises:
        TestFailure: the browser is well.
        BrowserFailure: it isn't, or it lost the session or the page.
    """
    _check_browser(session)
    if raised.crash_told:
        raise CrashFailure(f"the driver tells of a crash: {raised.message}", session.evidence(Phase.RUN))
    if raised.session_lost:
        raise ConnectionFailure(f"the driver has lost the session: {raised.message}", session.evidence(Phase.RUN))
    at = f" at {raised.location}" if raised.location else ""
    own = _own_run(session, isolation, raised.error, raised.location, raised.details)
    if _page(session) == "silent":
        raise TestFailure(f"the page under test hangs; the test ended with {raised.error}{at}", own=own)
    raise TestFailure(f"{raised.error}{at}: {raised.message}", own=own)


def judge_overdue(stack: str, seconds: float, session: BrowserSession, isolation: Isolation) -> NoReturn:
    """What it means that the test's time is used up; ``stack`` tells where it is.

    Raises:
        TestFailure: it waits, or hangs by itself.
        BrowserFailure: the browser or the driver hangs.
    """
    _check_browser(session)
    place = place_in(stack)
    at = f", at {place}" if place else ""
    own = _own_run(session, isolation, "Overdue", place, stack)
    hangs = "; the page under test hangs" if _page(session) == "silent" else ""
    raise TestFailure(f"the test used up its {seconds:g} s{at}{hangs}", own=own)


def judge_lost(lost: HostLost, session: BrowserSession, isolation: Isolation) -> NoReturn:
    """What it means that the process that ran the test is gone.

    Raises:
        TestFailure: its code ended it (``os._exit``, a crash of a native library).
        BrowserFailure: somebody else killed it.
    """
    _check_browser(session)
    if lost.exit_code is None or lost.exit_code == _KILLED:
        raise InternalFailure("the process that ran the test was killed", session.evidence(Phase.RUN)) from lost
    own = _own_run(session, isolation, "ProcessEnded", None, lost.output[-2000:])
    raise TestFailure(f"the test ended its own process (exit code {lost.exit_code})", own=own) from lost


def _own_run(session: BrowserSession, isolation: Isolation, error: str, location: str | None, details: str) -> OwnRun:
    return OwnRun(
        browser_version=session.version, isolation=isolation, error=error, location=location, details=details
    )  # fmt: skip


def check_well(session: BrowserSession) -> None:
    """Look at the browser while a test runs; cheap as long as all is well.

    Raises:
        BrowserFailure: it is dead, or stopped, or nothing in it answers any more.
    """
    session.check_processes()
    if session.harness_is_heard:
        return
    match _page(session):
        case "silent":
            raise TimeoutFailure("the browser hangs: neither harness nor test's page answers", _evidence(session))
        case "crashed":
            raise CrashFailure("the page's process crashed", _evidence(session))


def _check_browser(session: BrowserSession) -> None:
    check_well(session)
    if stopped := _stopped(session):
        raise TimeoutFailure(f"a process of the browser is stopped: {stopped}", _evidence(session))
    match _page(session):
        case "crashed":
            raise CrashFailure("the page's process crashed", _evidence(session))
        case "silent" if not _driver_answers(session):
            raise ConnectionFailure("the driver does not answer, and its browser lives", _evidence(session))


def _evidence(session: BrowserSession) -> Evidence:
    return session.evidence(Phase.RUN).model_copy(update={"session_answers": False})


def _page(session: BrowserSession) -> Literal["answers", "crashed", "silent"]:
    """What the current tab says to the simplest of scripts."""
    try:
        with session.line.patience(QUESTION_TIMEOUT):
            session.driver.execute_script("return 1")
    except WebDriverException as error:
        crashed = words.CRASH.search(said_by(error)) or FIREFOX_CRASH_PAGE in str(error)
        return "crashed" if crashed else "answers"
    except (HTTPError, OSError):
        return "silent"
    return "answers"


def _driver_answers(session: BrowserSession) -> bool:
    """Whether the driver answers a question that is no page's."""
    with contextlib.suppress(*LINE_ERRORS):
        if session.driver.capabilities.get("browserName") == "firefox":
            # geckodriver takes one command at a time, and waits for the page; Firefox itself does not.
            with session.line.patience(QUESTION_TIMEOUT):
                session.driver.browsing_context.get_tree(max_depth=0)
            return True
        with urlopen(f"{session.line.address}/status", timeout=QUESTION_TIMEOUT) as reply:  # noqa: S310 - our own driver
            return bool(reply.status == 200)
    return False


def _stopped(session: BrowserSession) -> str:
    """A process of the browser that is stopped (SIGSTOP)."""
    if session.main_process is None:
        return ""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in session.main_process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() == psutil.STATUS_STOPPED:
                    return f"{process.name()} {process.pid}"
    return ""
