"""One live browser under WebDriver, with our harness in it: launch, run a model, renew the harness, close.

Every wait is bounded, every process is owned, and whatever goes wrong comes out as a BrowserFailure with evidence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

import psutil
from selenium.webdriver.chromium.options import ChromiumOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.contexts import Contexts
from jobs.browsers.devtools import DevTools, endpoint_of
from jobs.browsers.driver_line import QUESTION_TIMEOUT, DriverLine
from jobs.browsers.failures import LINE_ERRORS, as_failure
from jobs.browsers.findings import attach_findings
from jobs.browsers.launch import Launch
from jobs.browsers.local_driver import LocalDriver
from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.page_work import PageWork
from jobs.browsers.parts import Part
from jobs.browsers.protocol import Capabilities, Result, Run
from jobs.browsers.remote import RemoteDriver, trust_origin
from jobs.browsers.standby import Standby
from jobs.browsers.tabs import replace_hung_tab, tabs_behind
from jobs.browsers.trace import Trace
from jobs.browsers.watching import DriverEnd, Watch
from jobs.browsers.wear import Wear, own_bytes
from jobs.settings import Settings
from jobs.specs import Platform
from recovery import BrowserType, Evidence, Phase
from recovery.failures import CrashFailure, TimeoutFailure

# Seconds that a remote browser has to quit.
QUIT_TIMEOUT: Final = 5.0
# Seconds that a screenshot of a failed attempt may take.
SCREENSHOT_TIMEOUT: Final = 2.0


class BrowserSession:
    """A browser of our own. Not for use by two threads at once."""

    def __init__(self, launch: Launch, config: Settings, server: PageServer, *, bidi: bool = False) -> None:
        """``bidi``: whether users' own tests will be let in: they may speak WebDriver BiDi, and need its user contexts.

        Chromium of this machine gets it for them only: its memory grows by it, with each test. Elsewhere a model's own
        context needs it.
        """
        self.browser: BrowserType = launch.browser
        self.version = ""
        self.tests = 0
        self.trace = Trace()
        self.wear = Wear(config, lambda: own_bytes(self.members()))
        self._spoiled = False
        self._stuck = False
        bidi = bidi or launch.remote_url is not None
        self._bidi = isinstance(launch.options, FirefoxOptions) or (
            bidi and isinstance(launch.options, ChromiumOptions)
        )
        self._launch = launch
        self._config = config
        self._server = server
        self.line = DriverLine(config)
        self._end: DriverEnd = RemoteDriver(launch) if launch.remote_url else LocalDriver(launch, config)
        self._window = ""
        self._elsewhere: str | None = None
        self._strayed = False
        self._standby: Standby | None = None
        self.platform: Platform | None = None
        """What the next page is for, if that is known: what it needs starts while the page loads."""
        self._watch = Watch(launch.browser, self._end, config.heartbeat_timeout, self._ask_anything)
        self._work = PageWork(launch.browser, self._watch, config.webdriver_timeout, self._note)

    # Life

    def start(self) -> None:
        """Start driver and browser, and load the harness.

        Raises:
            BrowserFailure: it did not work; nothing is left running.
        """
        phase = Phase.LAUNCH
        try:
            self._start_driver()
            self.trace.note("browser started", browser=self.browser.value, version=self.version)
            phase = Phase.NAVIGATE
            self._open_harness()
            self.trace.note("harness loaded")
        except LINE_ERRORS as error:
            failure = as_failure(error, self.evidence(phase))
            self.attach_findings()
            self.close()
            raise failure from error
        except BaseException:
            self.close()
            raise

    def _start_driver(self) -> None:
        if isinstance(self._end, RemoteDriver):
            self._end.introduce(self.line.client)
            trust_origin(self._launch.options, self._server.origin)
        address = self._end.start()
        if self._bidi:
            self._launch.options.enable_bidi = True
        driver = self.line.open(address, self._launch.options)
        self.version = str(driver.capabilities.get("browserVersion", ""))
        self._window = driver.current_window_handle
        self._end.browser_started()

    def _open_harness(self, bring: Callable[[], tuple[PageLink, str]] | None = None) -> None:
        """A new page of the harness in the current tab, or in a window that ``bring`` gives."""
        self._close_link()
        if bring is None:
            self._watch.link = self._server.open_link()
            self.driver.get(self._page_url(self._watch.link))
        else:
            self._watch.link, self._elsewhere = bring()
        self._watch.link.wait_hello(self._config.webdriver_timeout)

    def _page_url(self, link: PageLink) -> str:
        return link.page_url if self.platform is None else f"{link.page_url}?start={self.platform.value}"

    def renew_harness(self) -> None:
        """A new harness page in the same browser; whatever the old one did is gone.

        Raises:
            BrowserFailure: the browser can't give one: it is dead, or a hung page can't be left behind in it.
        """
        try:
            if self.line.driver is None or self._watch.link is None:
                raise CrashFailure("the session was not started", self.evidence(Phase.NAVIGATE))
            self._watch.look_at_processes(Phase.NAVIGATE)
            if self._stuck:
                raise self._cannot_leave()
            hangs = self._watch.pulse_stopped or self._watch.parts.stopped is Part.PAGE
            if not (hangs and self._replace_hung_page()):
                self._open_harness()
            self._spoiled = False
        except LINE_ERRORS as error:
            raise as_failure(error, self.evidence(Phase.NAVIGATE)) from error

    def _replace_hung_page(self) -> bool:
        """Leave the page behind with its process. False: another must be loaded in the current tab, as usual."""
        if self._launch.remote_url or self.browser in {BrowserType.WEBKIT, BrowserType.SAFARI}:
            raise self._cannot_leave()
        self._close_link()
        # One whose process is stopped was heard until a moment ago.
        stopped = self._watch.parts.stopped is Part.PAGE
        page = self._standby.take(stopped=stopped) if self._standby else None
        self._watch.link = link = page.link if page else self._server.open_link()
        window = page.window if page else None
        if not replace_hung_tab(self.driver, self._end.browser, self._page_url(link), QUESTION_TIMEOUT, window):
            return False
        self._window = self.driver.current_window_handle
        # A page that stood by and was still starting onnxruntime looks as busy as the hung one, and went with it.
        went_too = page is not None and not link.connected
        if not went_too:
            link.wait_hello(self._config.webdriver_timeout)
        return not went_too

    def stand_by(self) -> None:
        """Let another page load behind the one at work, for ``renew_harness``. It is not waited for."""
        if self._standby is None and not self._launch.remote_url:
            with contextlib.suppress(*LINE_ERRORS):
                tab = tabs_behind(self.driver, self.devtools)
                if tab is not None:
                    self._standby = Standby(tab, self._server.open_link, self._config.heartbeat_timeout)
        if self._standby is not None:
            self._standby.prepare(self._page_url)

    def stand_alone(self) -> None:
        """Close what ``stand_by`` opened, which a user's own test would see."""
        if self._standby is not None:
            self._standby.drop()

    def members(self) -> list[psutil.Process]:
        """All processes of driver and browser; none of a remote one."""
        return self._end.members()

    def _cannot_leave(self) -> TimeoutFailure:
        return TimeoutFailure(
            f"{self.browser.value} can't leave a hung page behind in the same session", self.evidence(Phase.NAVIGATE)
        )

    def is_well(self) -> bool:
        """Whether the next test may use it: browser and driver run, the page lives, and no run was left unfinished."""
        return self._watch.well and not self._spoiled and not self._stuck

    def close(self) -> None:
        """End browser and driver, profile and page. Nobody is asked, but a remote browser, shortly."""
        self._close_link()
        if self._standby is not None:
            self._standby.close()
        if (contexts := self.__dict__.get("contexts")) is not None:
            contexts.close()
        if (devtools := self.__dict__.get("devtools")) is not None:
            with contextlib.suppress(*LINE_ERRORS):
                devtools.close()
        if self._launch.remote_url and self.line.driver is not None:
            with contextlib.suppress(*LINE_ERRORS), self.line.patience(QUIT_TIMEOUT):
                self.line.driver.quit()
            self.line.driver = None
        self._end.stop()

    def quit(self, seconds: float) -> bool:
        """Have the browser end by itself, so that its profile is whole; whether it did in time. ``close`` it then.

        Raises:
            WebDriverException, HTTPError, OSError: it does not answer.
        """
        with self.line.patience(seconds):
            self.driver.quit()
        self._end.await_browser_end(seconds)
        return self._end.browser_alive is not True

    def _close_link(self) -> None:
        if self._watch.link is not None:
            self._watch.link.close()
            self._watch.link = None

    # For isolation.py, and for tests that bring pages of their own

    @property
    def driver(self) -> WebDriver:
        """Selenium's own.

        Raises:
            CrashFailure: the session was not started, or its start failed.
        """
        if self.line.driver is None:
            raise CrashFailure("the session was not started", self.evidence(Phase.RUN))
        return self.line.driver

    @property
    def lacks_bidi(self) -> bool:
        """Whether it could speak WebDriver BiDi, and was started without it."""
        return isinstance(self._launch.options, ChromiumOptions) and not self._bidi

    @cached_property
    def contexts(self) -> Contexts | None:
        """Chromium's, with harnesses of their own; None: it is another browser, or not on this machine.

        Raises:
            OSError, WebSocketException: it can't be had.
        """
        devtools = self.devtools
        return None if devtools is None else Contexts(devtools, self._server.open_link)

    @cached_property
    def devtools(self) -> DevTools | None:
        """Chromium's own line; None: it is another browser, or not on this machine. Raises as ``contexts``."""
        endpoint = None if self._launch.remote_url else endpoint_of(self.driver.capabilities)
        return None if endpoint is None else DevTools(endpoint, self._config.webdriver_timeout)

    @property
    def harness_is_heard(self) -> bool:
        """Whether the harness's page, which stays loaded beside a test's own pages, lives."""
        return self._watch.well

    def check_processes(self) -> None:
        """Look at browser and driver.

        Raises:
            BrowserFailure: one of them is dead or stopped.
        """
        self._watch.look_at_processes(Phase.RUN)
        self._watch.look_at_parts()

    def spoil(self, *, stuck: bool = False) -> None:
        """What was done in it leaves it unfit for another test; ``stuck``: it can't even be given a new page."""
        self._spoiled = True
        self._stuck = self._stuck or stuck

    @contextlib.contextmanager
    def second_harness(self, bring: Callable[[], tuple[PageLink, str]] | None = None) -> Iterator[None]:
        """A harness in the current tab, or in a window that ``bring`` gives, beside the one that stays loaded.

        WebDriver goes to that window only when it is asked something there: it takes longer than a test.

        Raises:
            BrowserFailure: it can't be loaded.
        """
        first, self._watch.link = self._watch.link, None
        try:
            try:
                self._open_harness(bring)
            except LINE_ERRORS as error:
                raise as_failure(error, self.evidence(Phase.NAVIGATE)) from error
            yield
        finally:
            self._close_link()
            self._watch.link, self._elsewhere = first, None

    # Running a model

    @property
    def link(self) -> PageLink:
        """The line to the harness page.

        Raises:
            ConnectionFailure: there is none: the session is not started, or closed.
        """
        return self._work.link

    def capabilities(self) -> Capabilities:
        """What this browser can really do: its page was asked, once a session.

        Raises:
            BrowserFailure: the page could not be asked, or did not answer.
        """
        return self._work.capabilities()

    def run_model(self, run: Callable[[str], Run], timeout: float, should_stop: Callable[[], bool]) -> Result:
        """Run a model in the page and watch it meanwhile. ``run`` makes the command, given its id.

        Raises:
            BrowserFailure: the infrastructure failed, seen within half a second for a crash, two for a hang.
            TestFailure: the page says that the model, or a script, is at fault.
            AttemptAborted: ``should_stop`` said so.
        """
        self.tests += 1
        # What a failure leaves in the page is unknown: unless the run ends with an answer, a new page must come.
        self._spoiled = True
        result = self._work.run(run(self._work.new_id()), timeout, should_stop)
        self._spoiled = False
        return result

    def withdraw_offers(self) -> None:
        """Take back the files that the page was offered."""
        if self._watch.link is not None:
            self._watch.link.withdraw_all()

    def attach_findings(self) -> None:
        """Give the trace what can be found now. Takes at most ``SCREENSHOT_TIMEOUT`` seconds and never raises."""
        # A context's page is in no window, and would keep the driver waiting for its picture.
        drawn = self.line.driver is not None and self._elsewhere is None
        attach_findings(self.trace, self._end, self._watch, self._screenshot if drawn else None)

    def _screenshot(self) -> bytes:
        with self.line.patience(SCREENSHOT_TIMEOUT):
            return self.driver.get_screenshot_as_png()

    def _ask_anything(self) -> None:
        """A question that WebDriver answers at once if the main thread of the page that is at work does."""
        with self.line.patience(QUESTION_TIMEOUT):
            if self._elsewhere is not None:
                self.driver.switch_to.window(self._elsewhere)
                self._strayed = True
            self.driver.execute_script("return 1")

    def go_home(self) -> None:
        """Back to the harness's window, if WebDriver was asked something in another one.

        Raises:
            WebDriverException, HTTPError, OSError: it does not answer.
        """
        if self._strayed:
            with self.line.patience(QUESTION_TIMEOUT):
                self.driver.switch_to.window(self._window)
            self._strayed = False

    def _note(self, event: str, **details: object) -> None:
        self.trace.note(event, **details)  # whichever trace it has at the time

    def evidence(self, phase: Phase) -> Evidence:
        """What can be seen of the browser from outside, now."""
        return self._watch.evidence(phase)

    # For faults, injected for real

    @property
    def remote(self) -> bool:
        """Whether its processes are somebody else's: then none can be struck."""
        return self._launch.remote_url is not None

    @property
    def main_process(self) -> psutil.Process | None:
        """The browser's main process; None before the start."""
        return self._end.browser

    @property
    def driver_pid(self) -> int | None:
        """The driver's pid; None when it is not running."""
        return self._end.pid

    def close_window(self) -> None:
        """Close the page's window, though not the browser: it gets another one first."""
        self.driver.switch_to.new_window("tab")
        self.driver.switch_to.window(self._window)
        self.driver.close()
