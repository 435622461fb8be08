"""A tab of a test's own beside the harness's, in a profile of its own or not; and nothing of it left afterwards.

What each mode shares between tests is told in docs/isolation.md, and proved by tests/browser/test_isolation.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.contexts import Context, Contexts
from jobs.browsers.driver_line import QUESTION_TIMEOUT
from jobs.browsers.failures import LINE_ERRORS, as_failure
from jobs.browsers.page_link import PageLink
from jobs.browsers.session import BrowserSession
from jobs.specs import Isolation
from recovery import Phase
from recovery.failures import ApiFailure

# BiDi's name for the profile that a browser starts with.
_DEFAULT = "default"


@contextlib.contextmanager
def own_harness(session: BrowserSession, isolation: Isolation) -> Iterator[None]:
    """The session's warm harness, or with isolation ``context`` another one in a profile of its own.

    After a test in the warm one, another page stands by: a page that hangs will not be its last.

    Raises:
        BrowserFailure: it can't be opened.
    """
    if isolation is not Isolation.CONTEXT:
        yield
        if isolation is Isolation.SESSION:
            session.stand_by()
        return
    contexts = _contexts(session)
    if contexts is None:
        with own_tab(session, isolation), session.second_harness():
            yield
    else:
        with _own_context(session, contexts) as bring, session.second_harness(bring):
            with contextlib.suppress(*LINE_ERRORS):  # then the next test will hear of it
                contexts.prepare()
            yield


def _contexts(session: BrowserSession) -> Contexts | None:
    try:
        return session.contexts
    except LINE_ERRORS as error:
        session.spoil()
        raise as_failure(error, session.evidence(Phase.NAVIGATE)) from error


@contextlib.contextmanager
def _own_context(session: BrowserSession, contexts: Contexts) -> Iterator[Callable[[], tuple[PageLink, str]]]:
    """As ``own_tab`` with isolation ``context``, but of pages that may be loaded already: gives what brings one.

    WebDriver is not asked anything: that would take longer than all the rest.
    """
    taken: list[Context] = []

    def bring() -> tuple[PageLink, str]:
        context, window = contexts.take()
        taken.append(context)
        return context.link, window

    try:
        yield bring
    finally:
        try:
            for context in taken:
                contexts.remove(context)
            session.go_home()
        except LINE_ERRORS:
            session.spoil(stuck=True)


@contextlib.contextmanager
def own_tab(session: BrowserSession, isolation: Isolation) -> Iterator[WebDriver]:
    """The driver, in a new empty tab. After the block every window but the harness's is closed.

    If that is not to be had at once, the session is spoiled: the next test gets another.

    Raises:
        BrowserFailure: the tab can't be opened.
    """
    driver = session.driver
    try:
        # Windows that the test would see.
        session.stand_alone()
        if (contexts := session.contexts) is not None:
            contexts.drop()
        home = driver.current_window_handle
        session.line.set_waits()  # whatever an earlier test set
        open_tab(driver, isolation)
    except LINE_ERRORS as error:
        session.spoil()
        raise as_failure(error, session.evidence(Phase.NAVIGATE)) from error
    try:
        yield driver
    finally:
        try:
            with session.line.patience(QUESTION_TIMEOUT):
                leave(driver, home)
        except LINE_ERRORS:
            session.spoil(stuck=True)


def open_tab(driver: WebDriver, isolation: Isolation) -> None:
    """Open a tab and go to it.

    Raises:
        ApiFailure: the browser has no user contexts, which ``context`` needs.
        WebDriverException, HTTPError: it did not work.
    """
    if not driver.capabilities.get("webSocketUrl"):
        if isolation is Isolation.CONTEXT:
            raise ApiFailure("this browser has no user contexts (WebDriver BiDi); use isolation 'session' or 'browser'")
        driver.switch_to.new_window("tab")
        return
    profile = driver.browser.create_user_context() if isolation is Isolation.CONTEXT else _DEFAULT
    driver.switch_to.window(driver.browsing_context.create(type="tab", user_context=profile))


def leave(driver: WebDriver, home: str) -> None:
    """Remove every user context with all its windows, close the other windows but ``home``, and go there.

    Raises:
        WebDriverException, HTTPError: the browser doesn't answer as it should.
    """
    if driver.capabilities.get("webSocketUrl"):
        for context in driver.browser.get_user_contexts():
            if context != _DEFAULT:
                driver.browser.remove_user_context(context)
        for page in driver.browsing_context.get_tree(max_depth=0):
            if page.context != home:
                driver.browsing_context.close(page.context)
    else:
        for handle in driver.window_handles:
            if handle != home:
                driver.switch_to.window(handle)
                driver.close()
    driver.switch_to.window(home)
