"""A page that stands by: a session goes on in it when its own hangs, without it when it is dead; no test sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jobs.browsers.isolation import own_tab
from jobs.browsers.parts import pages_of
from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import PagePhase
from jobs.browsers.runner import run_test
from jobs.browsers.session import BrowserSession
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Isolation, Platform, TestSpec
from recovery import Adjustments, BrowserType
from recovery.failures import TimeoutFailure
from tests.browser.owners import scratch_root, wait_until

MODEL = "bert-base-uncased"

Run = Callable[..., BrowserSession]


@pytest.fixture(scope="module", params=[BrowserType.CHROME, BrowserType.FIREFOX])
def pool(request: pytest.FixtureRequest) -> Iterator[tuple[SessionPool, BrowserType]]:
    with scratch_root() as folder:
        pool = SessionPool(Settings(scratch_dir=folder))
        yield pool, request.param
        pool.close()


@pytest.fixture
def run(pool: tuple[SessionPool, BrowserType]) -> Run:
    def run(*faults: FaultKind, isolation: Isolation = Isolation.SESSION) -> BrowserSession:
        sessions, browser = pool
        spec = TestSpec(
            id="test", browser=browser, model=MODEL, model_type=catalogue()[MODEL].type, platform=Platform.WASM,
            timeout=120, faults=tuple(FaultSpec(kind=kind) for kind in faults), isolation=isolation,
        )  # fmt: skip
        run_test(spec, 1, browser, Adjustments(), sessions, lambda: False)
        assert sessions.session is not None
        return sessions.session

    return run


def windows_after_two(session: BrowserSession) -> list[str]:
    """The window handles, once the page that stands by has its own and has started all that it needs."""
    wait_until(lambda: len(session.driver.window_handles) == 2, "a page stands by")
    page = session._standby._page if session._standby else None
    assert page is not None
    wait_until(lambda: page.link.phase is PagePhase.IDLE and (page.link.phase_age or 0) > 0.3, "it is ready")
    return session.driver.window_handles


@pytest.mark.parametrize(
    ("fault", "seen"), [(FaultKind.PAGE_HUNG, "hangs"), (FaultKind.RENDERER_STOPPED, "is stopped")]
)
def test_a_session_goes_on_in_the_page_that_stands_by(
    fault: FaultKind, seen: str, pool: tuple[SessionPool, BrowserType], run: Run
) -> None:
    session = run()
    hung, behind = session.driver.current_window_handle, windows_after_two(session)
    with pytest.raises(TimeoutFailure, match=seen):
        run(fault)
    pool[0].renew()
    assert session.driver.current_window_handle in set(behind) - {hung}
    wait_until(lambda: session.driver.window_handles == [session.driver.current_window_handle], "the hung tab is gone")
    assert run() is session
    windows_after_two(session)


def stop_all_pages(session: BrowserSession) -> None:
    for process in pages_of(session.main_process):
        process.suspend()


def test_a_session_does_without_a_page_that_died(pool: tuple[SessionPool, BrowserType], run: Run) -> None:
    session = run()
    windows_after_two(session)
    with pytest.raises(TimeoutFailure, match="is stopped"):
        run(FaultKind.RENDERER_STOPPED)
    stop_all_pages(session)  # the one that stands by as well
    pool[0].renew()
    wait_until(lambda: session.driver.window_handles == [session.driver.current_window_handle], "both tabs are gone")
    assert run() is session


def test_a_users_own_test_does_not_see_it(run: Run) -> None:
    session = run()
    home = session.driver.current_window_handle
    windows_after_two(session)
    with own_tab(session, Isolation.SESSION) as driver:
        assert set(driver.window_handles) == {home, driver.current_window_handle}
    assert session.driver.window_handles == [home]
