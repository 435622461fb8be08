"""A user's own test in a real browser: its failures are its own, the browser's are not; none holds a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from pydantic import JsonValue

from jobs.browsers.failures import AttemptAborted, TestFailure
from jobs.browsers.pool import SessionPool
from jobs.own.hosting import HostKeeper
from jobs.own.runner import run_own_test
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Isolation, OwnRun, PythonTest, TestKind, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, FailureType
from recovery.failures import InternalFailure
from tests.browser.owners import scratch_root

CHROME, FIREFOX = BrowserType.CHROME, BrowserType.FIREFOX
# Seconds: a test that is to hang gets so many.
SHORT = 2.0


class Worker:
    """What a worker's child has for users' own tests."""

    def __init__(self, root: Path) -> None:
        config = Settings(scratch_dir=root)
        self.pool, self.hosts = SessionPool(config), HostKeeper(config)

    def run(
        self,
        function: str,
        *,
        browser: BrowserType = CHROME,
        parameters: Mapping[str, JsonValue] | None = None,
        timeout: float = 120.0,
        faults: tuple[FaultKind, ...] = (),
        should_stop: Callable[[], bool] = lambda: False,
    ) -> OwnRun:
        spec = TestSpec(
            id=f"{browser.value}/{function}", browser=browser, kind=TestKind.PYTHON, timeout=timeout,
            isolation=Isolation.CONTEXT, faults=tuple(FaultSpec(kind=kind) for kind in faults),
            python=PythonTest(
                function=f"own_checks:{function}", parameters=dict(parameters or {}), base_url="http://shop.example"
            ),
        )  # fmt: skip
        self.pool.begin_attempt()
        return run_own_test(spec, 1, browser, Adjustments(), self.pool, self.hosts, should_stop)

    def fails(self, function: str, timeout: float = 120.0, browser: BrowserType = CHROME) -> TestFailure:
        with pytest.raises(TestFailure) as caught:
            self.run(function, timeout=timeout, browser=browser)
        assert caught.value.own is not None
        return caught.value

    def attached(self, name: str) -> str:
        return self.pool.attached[name].decode()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with scratch_root() as root, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREAKWATER_TEST_MODULES", "own_checks")
        patch.setenv("BREAKWATER_TEST_PATH", str(Path(__file__).parent))
        patch.setenv("BREAKWATER_REDIS_URL", "redis://:secret@127.0.0.1:1/0")
        before = {process.pid for process in psutil.Process().children(recursive=True)}
        worker = Worker(root)
        yield worker
        worker.hosts.drop()
        worker.pool.close()
        assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
        assert not list(root.iterdir())


@pytest.mark.parametrize("browser", [CHROME, FIREFOX])
def test_it_passes_and_what_it_attached_is_kept(worker: Worker, browser: BrowserType) -> None:
    result = worker.run("heading", browser=browser, parameters={"items": 3, "gift": True})
    assert result.browser_version
    assert result.error is None
    assert worker.attached("notes.txt") == f"{browser.value} 1 http://shop.example/x True"
    assert worker.pool.attached["page.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("browser", [CHROME, FIREFOX])
def test_an_assertion_is_a_failure_with_its_text_place_and_values(worker: Worker, browser: BrowserType) -> None:
    failure = worker.fails("wrong_heading", browser=browser)
    assert failure.own is not None
    assert str(failure).startswith("AssertionError at own_checks.py:")
    assert str(failure).endswith(': assert seen == "Another page"')
    assert failure.own.error == "AssertionError"
    assert "where seen = 'A page'" in failure.own.details
    assert "printed by the test" in worker.attached("output.txt")
    assert worker.pool.attached["screenshot.png"].startswith(b"\x89PNG")


def test_other_exceptions_are_failures_too_and_the_session_stays(worker: Worker) -> None:
    worker.run("with_arguments", parameters={"items": 3, "gift": True})
    session = worker.pool.session
    assert "NoSuchElementException at own_checks.py:" in str(worker.fails("raises"))
    assert "SystemExit" in str(worker.fails("exits"))
    assert "allowed are" in str(worker.fails("attaches_too_much"))
    assert "own_checks:heading: parameters.items: field required" in str(worker.fails("heading"))
    assert "no plain public function" in str(worker.fails("getcwd"))
    worker.run("plain_parameters", parameters={"items": 3})
    worker.run("reads_secrets")
    assert worker.pool.session is session


def test_a_test_that_overruns_its_time_is_ended_where_it_is(worker: Worker) -> None:
    worker.run("remembers")  # its process has imported all by now
    began = time.monotonic()
    failure = worker.fails("sleeps", timeout=SHORT)
    assert SHORT <= time.monotonic() - began < SHORT + 60
    assert str(failure).startswith(f"the test used up its {SHORT:g} s, at own_checks.py:")
    assert "going to sleep" in worker.attached("output.txt")
    assert "used up" in str(worker.fails("spins", timeout=SHORT))
    worker.run("with_arguments", parameters={"items": 3, "gift": True})


@pytest.mark.parametrize("browser", [CHROME, pytest.param(FIREFOX, marks=pytest.mark.night)])
def test_a_page_under_test_that_hangs_is_the_tests_own(worker: Worker, browser: BrowserType) -> None:
    worker.run("with_arguments", parameters={"items": 3, "gift": True}, browser=browser)
    assert "the page under test hangs" in str(worker.fails("hangs_the_page", timeout=2 * SHORT, browser=browser))
    worker.run("with_arguments", parameters={"items": 3, "gift": True}, browser=browser)


@pytest.mark.parametrize(
    ("browser", "fault", "category"),
    [
        (CHROME, FaultKind.BROWSER_KILLED, FailureType.CRASH),
        (CHROME, FaultKind.DRIVER_KILLED, FailureType.CONNECTION_FAILURE),
        (FIREFOX, FaultKind.BROWSER_KILLED, FailureType.CRASH),
        (FIREFOX, FaultKind.RENDERER_KILLED, FailureType.CRASH),
        (CHROME, FaultKind.RENDERER_KILLED, FailureType.CRASH),
    ],
)
def test_a_browser_that_is_killed_under_it_is_the_infrastructures(
    worker: Worker, browser: BrowserType, fault: FaultKind, category: FailureType
) -> None:
    began = time.monotonic()
    with pytest.raises(BrowserFailure) as caught:
        worker.run("sleeps", browser=browser, faults=(fault,))
    assert caught.value.failure_type is category
    assert time.monotonic() - began < 60
    worker.run("with_arguments", parameters={"items": 3, "gift": True}, browser=browser)


def test_its_own_process_may_end_but_not_the_worker(worker: Worker) -> None:
    assert "exit code 3" in str(worker.fails("ends_the_process"))
    with pytest.raises(InternalFailure):
        worker.run("is_killed")
    worker.run("with_arguments", parameters={"items": 3, "gift": True})


def test_the_process_is_kept_unless_a_test_goes_on_in_it(worker: Worker) -> None:
    worker.run("remembers")
    kept = worker.hosts.host()
    worker.run("remembers")
    assert worker.hosts.host() is kept
    for function in ("leaves_a_thread", "leaves_a_process"):
        before = worker.hosts.host()
        worker.run(function)
        assert worker.hosts.host() is not before


def test_an_attempt_that_nobody_wants_ends_at_once(worker: Worker) -> None:
    began = time.monotonic()
    with pytest.raises(AttemptAborted):
        worker.run("sleeps", should_stop=lambda: True)
    assert time.monotonic() - began < 60


def test_a_stopped_renderer_is_no_failure_of_the_test(worker: Worker) -> None:
    worker.run("with_arguments", parameters={"items": 3, "gift": True})
    session = worker.pool.session
    assert session is not None
    assert session.main_process is not None
    main = session.main_process

    def stop_the_pages() -> bool:
        for process in main.children(recursive=True):
            if "--type=renderer" in process.cmdline():
                process.suspend()
        return False

    with pytest.raises(BrowserFailure) as caught:
        worker.run("sleeps", timeout=SHORT, should_stop=stop_the_pages)
    assert caught.value.failure_type in {FailureType.TIMEOUT, FailureType.CRASH}
