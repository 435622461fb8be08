"""What happens to a browser while a model loads in it is seen long before the attempt's time is up, and told apart."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, FailureType, categorize_browser_failure
from tests.browser.owners import scratch_root

MODEL = "bert-base-uncased"
DRIVERS = ("chromedriver", "geckodriver")

Victims = Callable[[psutil.Process], bool]


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with scratch_root() as folder:
        yield folder


@pytest.fixture(scope="module", params=[BrowserType.CHROME, BrowserType.FIREFOX])
def pool(request: pytest.FixtureRequest, root: Path) -> Iterator[tuple[SessionPool, BrowserType]]:
    pool = SessionPool(Settings(scratch_dir=root))
    yield pool, request.param
    pool.close()
    assert not list(root.iterdir())


def is_driver(process: psutil.Process) -> bool:
    return process.name().startswith(DRIVERS)


def is_browser(process: psutil.Process) -> bool:
    parent = process.parent()
    return parent is not None and parent.name().startswith(DRIVERS) and bool(process.children())


def is_renderer(process: psutil.Process) -> bool:
    command = process.cmdline()
    return "--type=renderer" in command or ("-contentproc" in command and command[-1] == "tab")


@pytest.mark.parametrize(
    ("victims", "signum", "category"),
    [
        (is_browser, signal.SIGKILL, FailureType.CRASH),
        (is_renderer, signal.SIGKILL, FailureType.CRASH),
        (is_driver, signal.SIGKILL, FailureType.CONNECTION_FAILURE),
        (is_browser, signal.SIGSTOP, FailureType.TIMEOUT),
        (is_renderer, signal.SIGSTOP, FailureType.TIMEOUT),
        (is_driver, signal.SIGSTOP, FailureType.CONNECTION_FAILURE),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_it_is_seen_and_told_apart(
    pool: tuple[SessionPool, BrowserType], victims: Victims, signum: signal.Signals, category: FailureType
) -> None:
    sessions, browser = pool
    session = sessions.session_for(browser, Adjustments())
    looks = 0

    def strike_at_the_third_look() -> bool:
        """Asked while the page loads its model, which the stalled server never gives it."""
        nonlocal looks
        looks += 1
        if looks == 3:
            inside = [process for process in psutil.Process().children(recursive=True) if matches(process, victims)]
            assert inside
            for process in inside:
                process.send_signal(signum)
        return False

    stalled = TestSpec(
        id="test", browser=browser, model=MODEL, model_type=catalogue()[MODEL].type, platform=Platform.WASM,
        timeout=60, faults=(FaultSpec(kind=FaultKind.ASSET_STALLED),),
    )  # fmt: skip
    with pytest.raises(BrowserFailure) as caught:
        run_test(stalled, 1, browser, Adjustments(), sessions, strike_at_the_third_look)
    seen = categorize_browser_failure(caught.value, caught.value.evidence)
    assert seen.failure_type is category, seen
    assert seen.evidence.budget_spent is None
    assert sessions.session_for(browser, Adjustments()) is not session


def matches(process: psutil.Process, victims: Victims) -> bool:
    try:
        return victims(process)
    except psutil.NoSuchProcess:
        return False
