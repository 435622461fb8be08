"""From error and evidence to a category: the rules one by one, and what they must not confuse."""

from __future__ import annotations

import errno
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery import (
    BrowserFailure,
    BrowserType,
    Evidence,
    FailureType,
    ModelType,
    PageEvent,
    Phase,
    RecoveryLevel,
    categorize_browser_failure,
)
from recovery.failures import ApiFailure, CrashFailure, InternalFailure, LaunchFailure, TimeoutFailure
from recovery.rules import RULES

LAUNCH, CONNECTION, TIMEOUT = FailureType.LAUNCH_FAILURE, FailureType.CONNECTION_FAILURE, FailureType.TIMEOUT
CRASH, RESOURCE, GPU = FailureType.CRASH, FailureType.RESOURCE_EXHAUSTION, FailureType.GPU_ERROR
API, INTERNAL, TEST = FailureType.API_ERROR, FailureType.INTERNAL_ERROR, FailureType.TEST_FAILURE


def error_named(name: str, message: str = "", *bases: type[Exception]) -> Exception:
    """An error of a library that isn't imported here: recovery knows classes by name."""
    if name.endswith("Exception"):
        bases = (type("WebDriverException", bases or (Exception,), {}),)
    kind: type[Exception] = type(name, bases or (Exception,), {})
    return kind(message)


def category(error: BaseException, **evidence: Any) -> FailureType:
    return categorize_browser_failure(error, Evidence(**evidence)).failure_type


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"worker_lost": True}, CRASH),
        ({"worker_lost": True, "phase": Phase.LAUNCH}, CRASH),
        ({"browser_alive": False}, CRASH),
        ({"browser_alive": False, "phase": Phase.RUN, "exit_code": -9}, CRASH),
        ({"browser_alive": False, "driver_alive": False, "phase": Phase.RUN}, CRASH),
        ({"browser_alive": False, "phase": Phase.LAUNCH}, LAUNCH),
        ({"exit_code": 127, "phase": Phase.LAUNCH}, LAUNCH),
        ({"exit_code": -11, "phase": Phase.RUN}, CRASH),
        ({"browser_alive": True, "driver_alive": False}, CONNECTION),
        ({"driver_alive": False, "phase": Phase.LAUNCH}, LAUNCH),
        ({"browser_alive": True, "browser_stopped": True}, TIMEOUT),
        ({"browser_stopped": True, "phase": Phase.LAUNCH}, LAUNCH),
        ({"phase": Phase.LAUNCH}, LAUNCH),
        ({"phase": Phase.LAUNCH, "budget_spent": True}, LAUNCH),
        ({"browser_alive": True, "heartbeat_age": 0.2, "pulse_age": 4.0}, TIMEOUT),
        ({"browser_alive": True, "heartbeat_age": 4.0, "pulse_age": 4.2}, TIMEOUT),
        ({"heartbeat_age": 4.0, "session_answers": True}, CONNECTION),
        ({"heartbeat_age": 0.2, "pulse_age": 0.3, "session_answers": False}, CONNECTION),
        ({"session_answers": False}, CONNECTION),
        ({"budget_spent": True, "heartbeat_age": 0.2, "pulse_age": 0.3}, TIMEOUT),
        ({"page_event": PageEvent.DEVICE_LOST}, GPU),
        ({"page_event": PageEvent.NO_ADAPTER}, GPU),
        ({"page_event": PageEvent.DEVICE_LOST, "browser_alive": False}, CRASH),
        ({"page_event": PageEvent.OUT_OF_MEMORY}, RESOURCE),
        ({"page_event": PageEvent.OUT_OF_MEMORY, "browser_alive": False}, RESOURCE),
        ({"page_event": PageEvent.BACKEND_UNAVAILABLE}, API),
        ({"page_event": PageEvent.ASSET_UNAVAILABLE}, CONNECTION),
        ({"page_event": PageEvent.ASSET_UNAVAILABLE, "budget_spent": True}, TIMEOUT),
        ({"page_event": PageEvent.MODEL_INVALID}, TEST),
        ({"page_event": PageEvent.MODEL_INVALID, "budget_spent": True}, TEST),
        ({"page_event": PageEvent.SCRIPT_ERROR}, TEST),
        ({"page_event": PageEvent.SCRIPT_ERROR, "pulse_age": 3.0}, TEST),
        ({}, INTERNAL),
    ],
)
def test_evidence_decides_where_the_error_says_nothing(evidence: dict[str, Any], expected: FailureType) -> None:
    assert category(BrowserFailure("it failed"), **evidence) is expected


@pytest.mark.parametrize(
    ("name", "message", "evidence", "expected"),
    [
        ("SessionNotCreatedException", "session not created: Chrome failed to start: crashed.", {}, LAUNCH),
        ("SessionNotCreatedException", "session not created: no chrome binary at /opt/chrome", {}, LAUNCH),
        ("SessionNotCreatedException", "Failed to start MiniBrowser", {}, LAUNCH),
        ("SessionNotCreatedException", "probably user data directory is already in use", {}, LAUNCH),
        ("SessionNotCreatedException", "No space left on device", {}, RESOURCE),
        ("InvalidArgumentException", "binary is not a Firefox executable", {}, LAUNCH),
        ("InvalidArgumentException", "invalid argument", {"phase": Phase.LAUNCH}, LAUNCH),
        ("InvalidArgumentException", "invalid argument", {}, TEST),
        ("NoSuchDriverException", "Unable to obtain driver for MicrosoftEdge", {}, LAUNCH),
        ("WebDriverException", "Process unexpectedly closed with status 1", {}, LAUNCH),
        ("WebDriverException", "unknown error: DevToolsActivePort file doesn't exist", {}, LAUNCH),
        ("WebDriverException", "'geckodriver' executable needs to be in PATH.", {}, LAUNCH),
        ("Error", "Executable doesn't exist at /opt/webkit/pw_run.sh: browser not installed", {}, LAUNCH),
        ("InvalidSessionIdException", "invalid session id", {}, CONNECTION),
        ("InvalidSessionIdException", "invalid session id", {"browser_alive": True}, CONNECTION),
        ("InvalidSessionIdException", "invalid session id", {"browser_alive": False}, CRASH),
        ("InvalidSessionIdException", "session deleted because of page crash from tab crashed", {}, CRASH),
        ("InvalidSessionIdException", "the browser has closed the connection", {}, CRASH),
        ("InvalidSessionIdException", "the browser has closed the connection", {"browser_alive": True}, CONNECTION),
        ("WebDriverException", "tab crashed\n  (Session info: chrome=156.0.8078.79)", {"browser_alive": True}, CRASH),
        ("WebDriverException", "WebKit encountered an internal error: web process terminated", {}, CRASH),
        ("WorkerLostError", "Worker exited prematurely: signal 9 (SIGKILL) Job: 3.", {}, CRASH),
        ("WebDriverException", "chrome not reachable", {}, CONNECTION),
        ("WebDriverException", "disconnected: unable to send message to renderer", {}, CONNECTION),
        ("WebDriverException", "unknown error: net::ERR_CONNECTION_RESET", {}, CONNECTION),
        ("WebDriverException", "unknown error: net::ERR_CONNECTION_TIMED_OUT", {}, CONNECTION),
        ("WebDriverException", "unknown error: net::ERR_INVALID_URL", {}, TEST),
        ("WebDriverException", "Reached error page: about:neterror?e=netTimeout", {}, CONNECTION),
        (
            "NoSuchWindowException",
            "no such window: target window already closed\nfrom web view not found",
            {},
            CONNECTION,
        ),
        ("NoSuchWindowException", "Browsing context has been discarded", {}, CONNECTION),
        ("NoSuchWindowException", "no such window", {}, TEST),
        ("NoSuchWindowException", "Unable to locate window: popup", {}, TEST),
        ("WebSocketConnectionClosedException", "Connection to remote host was lost.", {}, CONNECTION),
        ("LinkClosed", "no page is connected", {}, CONNECTION),
        ("TimeoutException", "timeout: Timed out receiving message from renderer: 15.000", {}, TIMEOUT),
        ("TimeoutException", "script timeout", {"session_answers": True, "heartbeat_age": 0.1}, TIMEOUT),
        ("TimeoutException", "", {}, TIMEOUT),
        ("TimeoutException", "", {"session_answers": True, "heartbeat_age": 0.1}, TEST),
        ("TimeoutException", "", {"session_answers": True, "heartbeat_age": 0.1, "pulse_age": 5.0}, TIMEOUT),
        ("SoftTimeLimitExceeded", "SoftTimeLimitExceeded()", {}, TIMEOUT),
        ("JavascriptException", "javascript error: Array buffer allocation failed", {}, RESOURCE),
        ("JavascriptException", "RangeError: WebAssembly.Memory(): could not allocate memory", {}, RESOURCE),
        ("RuntimeError", "Error: std::bad_alloc", {}, RESOURCE),
        ("WebDriverException", "unknown error: session deleted: /dev/shm is too small", {}, RESOURCE),
        ("RuntimeError", "QuotaExceededError: The quota has been exceeded.", {}, RESOURCE),
        ("RuntimeError", "VK_ERROR_OUT_OF_DEVICE_MEMORY", {}, RESOURCE),
        ("RuntimeError", "VK_ERROR_DEVICE_LOST", {}, GPU),
        (
            "JavascriptException",
            "javascript error: A valid external Instance reference no longer exists: device is lost",
            {},
            GPU,
        ),
        ("RuntimeError", "no available backend found. ERR: [webgpu] Error: Failed to get GPU adapter.", {}, GPU),
        ("RuntimeError", "GPUPipelineError: Failed to create compute pipeline", {}, GPU),
        ("WebDriverException", "unknown error: GPU process isn't usable. Goodbye.", {}, GPU),
        (
            "RuntimeError",
            "no available backend found. ERR: [webgpu] Error: WebGPU is not supported in current environment",
            {},
            API,
        ),
        ("RuntimeError", "no available backend found. ERR: [webnn] Error: WebNN is not supported", {}, API),
        ("JavascriptException", "Cannot read properties of undefined (reading 'createContext')", {}, API),
        ("JavascriptException", "TypeError: navigator.ml is undefined", {}, API),
        ("JavascriptException", "undefined is not an object (evaluating 'navigator.gpu.requestAdapter')", {}, API),
        ("RuntimeError", "NotSupportedError: Unsupported operator: gather", {}, API),
        ("RuntimeError", "[WebNN] operator GroupQueryAttention is not supported", {}, API),
        ("RuntimeError", "Could not find an implementation for Einsum(12) node with name 'e'", {}, API),
        ("UnknownMethodException", "", {}, API),
        ("WebDriverException", "unknown error: failed to close window in 20 seconds", {}, TIMEOUT),
        (
            "WebDriverException",
            "unknown error: cannot determine loading status from target frame detached",
            {},
            CONNECTION,
        ),
        ("RuntimeError", "browser cache not found", {"phase": Phase.RUN}, INTERNAL),
        ("NoSuchElementException", 'Unable to locate element: {"selector":"#chrome-driver"}', {}, TEST),
        ("NoSuchElementException", "no such element", {"budget_spent": True, "pulse_age": 3.0}, TEST),
        ("JavascriptException", "javascript error: x.y is not a function", {}, TEST),
        ("JavascriptException", "javascript error: x is undefined", {"page_event": PageEvent.SCRIPT_ERROR}, TEST),
        ("RuntimeError", "Failed to load model because protobuf parsing failed.", {}, TEST),
        ("ValueError", "output 'logits' differs from the reference by 0.3, tolerance 0.001", {}, TEST),
        ("Fail", "the model's server answered 404", {"page_event": PageEvent.ASSET_UNAVAILABLE}, TEST),
        ("Fail", "no byte of the model in 5000 ms", {"page_event": PageEvent.ASSET_UNAVAILABLE}, TIMEOUT),
        ("Fail", "TypeError: Failed to fetch", {"page_event": PageEvent.ASSET_UNAVAILABLE}, CONNECTION),
        ("TestFailure", "wrong numbers", {}, TEST),
    ],
)
def test_class_and_words_decide_with_the_evidence(
    name: str, message: str, evidence: dict[str, Any], expected: FailureType
) -> None:
    info = categorize_browser_failure(error_named(name, message), Evidence(**evidence))
    assert info.failure_type is expected, info.reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), RESOURCE),
        (OSError(errno.ENOSPC, "No space left on device"), RESOURCE),
        (OSError(errno.EMFILE, "Too many open files"), RESOURCE),
        (OSError(errno.ENOEXEC, "Exec format error", "/opt/geckodriver"), LAUNCH),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/opt/google/chrome"), LAUNCH),
        (PermissionError(errno.EACCES, "Permission denied", "/opt/geckodriver"), LAUNCH),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), CONNECTION),
        (ConnectionResetError(), CONNECTION),
        (BrokenPipeError(), CONNECTION),
        (TimeoutError(), TIMEOUT),
        (AssertionError(), TEST),
        (AssertionError("expected no timeout, no crash, no 'out of memory', device lost"), TEST),
        (ExceptionGroup("two", [ValueError("a"), ConnectionResetError()]), CONNECTION),
    ],
    ids=repr,
)
def test_pythons_own_errors(error: BaseException, expected: FailureType) -> None:
    assert category(error) is expected


def test_a_driver_that_is_gone_is_told_from_one_that_is_slow() -> None:
    pool = error_named("PoolError", "", error_named("HTTPError").__class__)
    refused = type("MaxRetryError", (type(pool),), {})("Max retries exceeded")
    refused.reason = error_named("NewConnectionError", "Connection refused")
    slow = type("MaxRetryError", (type(pool),), {})("Max retries exceeded")
    slow.reason = error_named("ReadTimeoutError", "Read timed out.")
    assert category(refused) is CONNECTION
    assert category(refused, driver_alive=False, phase=Phase.RUN) is CONNECTION
    assert category(refused, phase=Phase.LAUNCH) is LAUNCH
    assert category(slow) is TIMEOUT
    assert category(slow, heartbeat_age=0.1, pulse_age=0.2, session_answers=False) is CONNECTION


def test_a_binary_that_hangs_is_a_launch_failure() -> None:
    assert category(error_named("ReadTimeoutError", "Read timed out."), phase=Phase.LAUNCH) is LAUNCH
    assert category(TimeoutError(), phase=Phase.LAUNCH, browser_alive=True) is LAUNCH


def test_a_mistake_in_our_own_program_is_no_launch_failure() -> None:
    assert category(KeyError("port"), phase=Phase.LAUNCH) is INTERNAL


def test_an_assertion_over_a_lost_session_is_the_infrastructures() -> None:
    lost = error_named("InvalidSessionIdException", "invalid session id")
    over = AssertionError("the title is wrong")
    over.__cause__ = lost
    assert category(over) is CONNECTION
    over.__cause__ = error_named("WebDriverException", "tab crashed")
    assert category(over) is CRASH
    assert category(AssertionError("the title is wrong"), browser_alive=False) is CRASH


def test_an_assertion_over_a_wait_in_vain_is_the_tests_own() -> None:
    over = AssertionError("no button")
    over.__context__ = error_named("TimeoutException", "Message: ")
    assert category(over) is TEST


def test_a_failure_that_says_what_it_is_is_believed() -> None:
    assert category(TimeoutFailure("connection reset")) is TIMEOUT
    assert category(LaunchFailure("timed out")) is LAUNCH
    assert category(ApiFailure("no such thing")) is API
    assert category(InternalFailure("timed out")) is INTERNAL


def test_a_failure_that_says_what_it_is_is_not_believed_against_the_evidence() -> None:
    assert category(TimeoutFailure("hangs", Evidence(browser_alive=False, phase=Phase.RUN))) is CRASH
    assert category(CrashFailure("gone"), page_event=PageEvent.OUT_OF_MEMORY) is RESOURCE


def test_an_unspecific_failure_is_told_by_its_cause() -> None:
    failure = BrowserFailure("the session could not be used")
    failure.__cause__ = error_named("WebDriverException", "tab crashed")
    assert category(failure) is CRASH


def test_what_a_failure_carries_comes_before_the_context() -> None:
    error = BrowserFailure("gone", Evidence(browser=BrowserType.FIREFOX, browser_alive=False))
    info = categorize_browser_failure(error, {"browser": "chrome", "browser_alive": True, "platform": "webgpu"})
    assert info.failure_type is CRASH
    assert (info.evidence.browser, info.evidence.platform) == (BrowserType.FIREFOX, "webgpu")


def test_the_seeds_context_is_understood() -> None:
    info = categorize_browser_failure(
        TimeoutError("slow"), {"browser": "firefox", "model": "whisper-tiny", "platform": "webgpu"}
    )
    assert (info.failure_type, info.start_level) == (TIMEOUT, RecoveryLevel.MINIMAL)
    assert (info.evidence.browser, info.evidence.model_type) == (BrowserType.FIREFOX, ModelType.AUDIO)
    assert (info.error_class, info.message) == ("TimeoutError", "slow")


def test_a_context_with_nonsense_hides_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    context = {"browser": "netscape", "model": "mystery", "phase": "dreaming", "exit_code": "many", "worker_lost": True}
    info = categorize_browser_failure(TimeoutError(), context)
    assert info.failure_type is CRASH
    assert (info.evidence.browser, info.evidence.model_type, info.evidence.phase) == (None, None, None)
    assert "exit_code, phase" in caplog.text


def test_an_error_nobody_knows_is_internal_and_leaves_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    info = categorize_browser_failure(error_named("FluxError", "the flux is misaligned"), {"phase": "run"})
    assert (info.failure_type, info.start_level) == (INTERNAL, RecoveryLevel.MODERATE)
    (hint,) = caplog.records
    assert (hint.name, hint.levelno) == ("breakwater.recovery", logging.WARNING)
    assert "FluxError: the flux is misaligned" in hint.getMessage()


def test_a_drivers_trailers_are_not_read() -> None:
    message = (
        "javascript error: x is undefined\n  (Session info: chrome=156)\n"
        "; For documentation on this error, please visit: https://example.org/errors#timeout-crashed\n"
        "Stacktrace:\nTimeoutError@chrome://remote: tab crashed, out of memory"
    )
    info = categorize_browser_failure(error_named("JavascriptException", message), {})
    assert (info.failure_type, info.message) == (TEST, "javascript error: x is undefined")


def test_a_long_message_is_kept_short_and_a_circle_of_causes_ends() -> None:
    first, second = RuntimeError("x" * 100_000), RuntimeError("y")
    first.__context__, second.__context__ = second, first
    assert len(categorize_browser_failure(first, {}).message) <= 500


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@given(
    st.text(max_size=300),
    st.builds(Evidence, browser_alive=st.none() | st.booleans(), phase=st.none() | st.sampled_from(Phase)),
)
def test_an_assertion_is_never_the_infrastructures_by_its_words(message: str, seen: Evidence) -> None:
    expected = {TEST} if seen.browser_alive is not False else {CRASH, LAUNCH}
    assert categorize_browser_failure(AssertionError(message), seen).failure_type in expected


@given(
    st.text(max_size=300), st.dictionaries(st.sampled_from([*Evidence.model_fields, "other"]), st.text() | st.none())
)
def test_categorising_never_raises(message: str, context: dict[str, Any]) -> None:
    categorize_browser_failure(RuntimeError(message), context)


@pytest.mark.parametrize("error", ["text", None, 7, ValueError])
def test_what_is_no_exception_is_refused(error: Any) -> None:
    with pytest.raises(TypeError, match=r"error is .*: give the exception that was caught"):
        categorize_browser_failure(error, {"browser": "firefox"})


@pytest.mark.parametrize("context", ["firefox", None, ["firefox"]])
def test_what_is_no_context_is_refused(context: Any) -> None:
    with pytest.raises(TypeError, match=r"context is .*: give Evidence, or a mapping"):
        categorize_browser_failure(ValueError("x"), context)
