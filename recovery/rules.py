"""The ordered table by which failures are categorised: the first rule that applies decides.

What was seen comes first, the error's class next, its words last. Classes are known by name: nothing of Selenium,
urllib3 or a WebSocket library is imported here.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass

from recovery import words
from recovery.cases import Case
from recovery.kinds import FailureType, PageEvent, Phase

# Seconds. Pages beat four times a second; who was not heard for so long is silent.
SILENCE = 1.5

# The test's own verdict on what it saw. (OutcomeException: pytest.fail.)
_VERDICTS = {"AssertionError", "TestFailure", "OutcomeException", "InvalidProtobuf", "InvalidGraph", "NoSuchFile"}
# A driver that says such a thing is well, and so is the browser: the page is not as the test expects.
_ANSWERS = {
    *("NoSuchElementException", "StaleElementReferenceException", "InvalidElementStateException"),
    *("ElementNotInteractableException", "ElementClickInterceptedException", "InvalidSelectorException"),
    *("NoSuchFrameException", "NoSuchShadowRootException", "DetachedShadowRootException", "NoSuchCookieException"),
    *("NoSuchAttributeException", "NoAlertPresentException", "UnexpectedAlertPresentException"),
    *("UnexpectedTagNameException", "MoveTargetOutOfBoundsException", "InvalidCoordinatesException"),
    *("InvalidCookieDomainException", "UnableToSetCookieException", "InsecureCertificateException"),
}
_NO_START = {"SessionNotCreatedException", "NoSuchDriverException", "LaunchError"}
_LOST = {
    *("InvalidSessionIdException", "NoSuchWindowException", "MaxRetryError", "NewConnectionError", "ProtocolError"),
    *("ConnectionError", "ConnectTimeoutError", "HTTPException", "IncompleteReadError", "ClosedPoolError", "gaierror"),
    *("WebSocketException", "WebSocketClosedError", "ConnectionClosed", "LinkClosed", "TargetClosedError"),
}
_READ_TIMEOUTS = {"ReadTimeoutError", "ReadTimeout", "WebSocketTimeoutException"}
_TIMEOUTS = _READ_TIMEOUTS | {
    *("TimeoutException", "TimeoutError", "ScriptTimeoutException", "TimeoutExpired"),
    *("SoftTimeLimitExceeded", "TimeLimitExceeded"),
}
# Errors that come from outside, not from a mistake in a program.
_OUTSIDE = {"WebDriverException", "HTTPError", "OSError", "BrowserFailure", "SubprocessError"} | _LOST | _TIMEOUTS
# Mistakes in a program.
_MISTAKES = {"TypeError", "LookupError", "AttributeError", "NameError", "ArithmeticError", "BrowserFailure"}
_NO_RESOURCE = {errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True)
class Rule:
    """A condition and what it makes of a failure. The name is read by people: it says what was seen.

    ``category`` None: the exception itself says which it is.
    """

    name: str
    applies: Callable[[Case], bool]
    category: FailureType | None


# Questions that several rules ask


def _launching(case: Case) -> bool:
    return case.evidence.phase is Phase.LAUNCH


def _browser_is_dead(case: Case) -> bool:
    seen = case.evidence
    return seen.browser_alive is False or (seen.browser_alive is None and seen.exit_code is not None)


def _driver_is_dead(case: Case) -> bool:
    return case.evidence.driver_alive is False


def _is_silent(age: float | None) -> bool:
    return age is not None and age >= SILENCE


def _page_is_heard(case: Case) -> bool:
    ages = [age for age in (case.evidence.heartbeat_age, case.evidence.pulse_age) if age is not None]
    return bool(ages) and not any(map(_is_silent, ages))


def _is_verdict(case: Case) -> bool:
    """The test judged what it saw. Not so if it judged over the wreck of its session."""
    wrecked = bool(case.names & _LOST) or case.driver_says(words.CRASH) or case.driver_says(words.GONE_BROWSER)
    return bool(case.names & _VERDICTS) and not wrecked


def _is_answer(case: Case) -> bool:
    return bool(case.own_names & _ANSWERS)


def _lacks_resource(case: Case) -> bool:
    # A lost device is told with guesses at its cause.
    told = case.says(words.RESOURCE) and not case.says(words.DEVICE_LOST)
    lacking = "MemoryError" in case.names or bool(case.errnos & _NO_RESOURCE) or told
    return lacking and not _is_verdict(case) and not _is_answer(case)


def _lacks_start(case: Case) -> bool:
    if case.names & _NO_START or errno.ENOEXEC in case.errnos:
        return True
    # Whatever it says: what runs has been started.
    if case.evidence.phase not in {None, Phase.LAUNCH}:
        return False
    no_file = bool(case.names & {"FileNotFoundError", "PermissionError", "NotADirectoryError"})
    launch = case.says(words.LAUNCH) and not (case.says(words.BACKEND) and not _launching(case))
    return launch or (no_file and case.says(words.LAUNCH_FILE))


def _event(*events: PageEvent) -> Callable[[Case], bool]:
    return lambda case: case.evidence.page_event in events


def _says(*patterns: re.Pattern[str]) -> Callable[[Case], bool]:
    return lambda case: any(map(case.says, patterns))


def _is(*names: str) -> Callable[[Case], bool]:
    return lambda case: not case.names.isdisjoint(names)


def _is_script_error(case: Case) -> bool:
    return case.evidence.page_event is PageEvent.SCRIPT_ERROR or "JavascriptException" in case.names


def _lost_link(case: Case) -> bool:
    """The page is not heard, though WebDriver says that its main thread runs: only the socket is gone."""
    seen = case.evidence
    return _is_silent(seen.heartbeat_age) and seen.session_answers is True and not _is_script_error(case)


def _hung_driver(case: Case) -> bool:
    return case.evidence.session_answers is False and _page_is_heard(case)


def _waited_in_vain(case: Case) -> bool:
    """A test's own wait for its page (WebDriverWait) ended, while browser and page are well."""
    own = "TimeoutException" in case.own_names and not case.says(words.DRIVER_TIMEOUT)
    return own and case.evidence.session_answers is True and not case.evidence.budget_spent and _page_is_heard(case)


def _fails_to_start(case: Case) -> bool:
    return _launching(case) and not case.names & _MISTAKES


_LAUNCH, _CONNECTION, _TIMEOUT = FailureType.LAUNCH_FAILURE, FailureType.CONNECTION_FAILURE, FailureType.TIMEOUT
_CRASH, _RESOURCE, _GPU = FailureType.CRASH, FailureType.RESOURCE_EXHAUSTION, FailureType.GPU_ERROR
_API, _TEST = FailureType.API_ERROR, FailureType.TEST_FAILURE

RULES = (
    # What was seen
    Rule("the worker was lost", lambda case: case.evidence.worker_lost, _CRASH),
    Rule("the page says that the model is invalid", _event(PageEvent.MODEL_INVALID), _TEST),
    Rule("the page ran out of memory", _event(PageEvent.OUT_OF_MEMORY), _RESOURCE),
    Rule("memory, disk or another resource ran out", _lacks_resource, _RESOURCE),
    Rule("the disk is full", lambda case: bool(case.evidence.disk_full) and bool(case.names & _OUTSIDE), _RESOURCE),
    Rule("the browser died while starting", lambda case: _browser_is_dead(case) and _launching(case), _LAUNCH),
    Rule("the browser is dead", _browser_is_dead, _CRASH),
    Rule("the driver died while starting", lambda case: _driver_is_dead(case) and _launching(case), _LAUNCH),
    Rule("the driver is dead", _driver_is_dead, _CONNECTION),
    Rule("the page lost its device or got no adapter", _event(PageEvent.DEVICE_LOST, PageEvent.NO_ADAPTER), _GPU),
    Rule("the page has no such backend", _event(PageEvent.BACKEND_UNAVAILABLE), _API),
    Rule(
        "the page's server has no such asset",
        lambda case: _event(PageEvent.ASSET_UNAVAILABLE)(case) and case.says(words.NOT_FOUND),
        _TEST,
    ),
    Rule(
        "the page waited too long for an asset",
        lambda case: (
            _event(PageEvent.ASSET_UNAVAILABLE)(case) and (bool(case.evidence.budget_spent) or case.says(words.TIMEOUT))
        ),
        _TIMEOUT,
    ),
    Rule("the page could not get an asset", _event(PageEvent.ASSET_UNAVAILABLE), _CONNECTION),
    Rule(
        "the browser stopped while starting",
        lambda case: bool(case.evidence.browser_stopped) and _launching(case),
        _LAUNCH,
    ),
    Rule("the browser is stopped", lambda case: bool(case.evidence.browser_stopped), _TIMEOUT),
    # What the error's class says
    Rule("the test's own verdict", _is_verdict, _TEST),
    Rule("the driver answers, the page is not as expected", _is_answer, _TEST),
    Rule("declared by whoever raised it", lambda case: case.declared is not None, None),
    Rule("browser or driver could not be started", _lacks_start, _LAUNCH),
    Rule("it failed while starting", lambda case: _launching(case) and bool(case.names & _OUTSIDE), _LAUNCH),
    Rule("a process crashed", lambda case: _is("WorkerLostError")(case) or case.says(words.CRASH), _CRASH),
    Rule(
        "the browser's connection to its driver ended",
        lambda case: case.evidence.browser_alive is not True and case.says(words.GONE_BROWSER),
        _CRASH,
    ),
    Rule(
        "the test asks for a window that never was",
        lambda case: (
            "NoSuchWindowException" in case.own_names and (_page_is_heard(case) or case.says(words.UNKNOWN_WINDOW))
        ),
        _TEST,
    ),
    Rule(
        "session or connection lost",
        lambda case: bool(case.names & _LOST) and not case.names & _READ_TIMEOUTS,
        _CONNECTION,
    ),
    Rule("WebDriver answers, but the page's socket is silent", _lost_link, _CONNECTION),
    Rule("the page is heard, but WebDriver doesn't answer", _hung_driver, _CONNECTION),
    Rule("the test's own wait was in vain", _waited_in_vain, _TEST),
    Rule("it timed out", _is(*_TIMEOUTS), _TIMEOUT),
    # What a script's or an unspecific error's words say
    Rule("words of an expectation that was not met", _says(words.UNMET), _TEST),
    Rule("the script calls an interface wrongly", _says(words.MISUSE), _TEST),
    Rule("the browser lacks the interface", _says(words.API_MISSING), _API),
    Rule("the graphics stack complains", _says(words.GPU), _GPU),
    Rule(
        "the browser can't do what the platform needs",
        lambda case: _says(words.API)(case) or _is("UnknownMethodException")(case),
        _API,
    ),
    Rule(
        "something of the graphics stack failed",
        lambda case: case.says(words.GRAPHICS_FAILED) and not case.says(words.WRONG_RESULT),
        _GPU,
    ),
    Rule("the page's script failed", _is_script_error, _TEST),
    Rule(
        "the driver refuses an argument of the test",
        lambda case: _is("InvalidArgumentException")(case) and not case.says(words.LOST_SESSION),
        _TEST,
    ),
    Rule("the page fell silent", lambda case: _is_silent(case.evidence.heartbeat_age), _TIMEOUT),
    Rule("the page's main thread hangs", lambda case: _is_silent(case.evidence.pulse_age), _TIMEOUT),
    Rule("the attempt used up its time", lambda case: bool(case.evidence.budget_spent), _TIMEOUT),
    Rule("all that is known: it was starting", _fails_to_start, _LAUNCH),
    Rule("words of a lost session", _says(words.LOST_SESSION), _CONNECTION),
    Rule("words of a wrong address", _says(words.WRONG_ADDRESS), _TEST),
    Rule("words of a file that is not there", _says(words.ANSWERED_NOT_FOUND), _TEST),
    Rule("a browser's code for a network's error", _says(words.NETWORK_CODE), _CONNECTION),
    Rule("words of a timeout", _says(words.TIMEOUT), _TIMEOUT),
    Rule("words of a lost connection", _says(words.CONNECTION), _CONNECTION),
    Rule("words of a wrong result or a broken model", _says(words.WRONG_RESULT, words.INVALID_MODEL), _TEST),
    Rule("words of a script's error", _says(words.SCRIPT_ERROR), _TEST),
    Rule("the session no longer answers", lambda case: case.evidence.session_answers is False, _CONNECTION),
)
