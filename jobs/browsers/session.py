"""One live browser under WebDriver, with our harness in it: launch, run a model, renew the harness, close.

Every wait is bounded, every process is owned, and whatever goes wrong comes out as a BrowserFailure with evidence.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

import psutil
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chromium.options import ChromiumOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.webdriver import WebDriver
from urllib3.exceptions import HTTPError
from websocket import WebSocketException

from jobs.browsers.devtools import DevTools, endpoint_of
from jobs.browsers.failures import AttemptAborted, TestFailure, as_failure
from jobs.browsers.launch import Launch
from jobs.browsers.local_driver import LocalDriver
from jobs.browsers.page_link import LinkClosed, PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.parts import Part
from jobs.browsers.profiles import Profiles
from jobs.browsers.protocol import Capabilities, PageError, PagePhase, Probe, Result, Run
from jobs.browsers.remote import RemoteDriver, trust_origin
from jobs.browsers.tabs import replace_hung_tab
from jobs.browsers.trace import Trace
from jobs.browsers.watching import DriverEnd, Watch
from jobs.browsers.wear import Wear, own_bytes
from jobs.settings import Settings
from jobs.specs import Platform
from recovery import BrowserType, Evidence, PageEvent, Phase
from recovery.failures import (
    ApiFailure,
    BrowserFailure,
    ConnectionFailure,
    CrashFailure,
    GpuFailure,
    ResourceExhaustionFailure,
    TimeoutFailure,
)

# Seconds between two looks at the browser while a page works; how late a crash is seen.
WATCH_INTERVAL: Final = 0.1
# Seconds that WebDriver has to say what became of a page that fell silent.
QUESTION_TIMEOUT: Final = 3.0
# Seconds that a remote browser has to quit.
QUIT_TIMEOUT: Final = 5.0
# Seconds that a screenshot of a failed attempt may take.
SCREENSHOT_TIMEOUT: Final = 2.0
# Bytes of the driver's log that a failed attempt keeps: its end.
MAX_DRIVER_LOG: Final = 16_000
# Seconds between two looks at a BiDi answer; Selenium's own tenth of a second makes every command that slow.
BIDI_POLL: Final = 0.005

_OF_EVENT: dict[PageEvent, type[BrowserFailure]] = {
    PageEvent.DEVICE_LOST: GpuFailure,
    PageEvent.NO_ADAPTER: GpuFailure,
    PageEvent.OUT_OF_MEMORY: ResourceExhaustionFailure,
    PageEvent.BACKEND_UNAVAILABLE: ApiFailure,
    PageEvent.ASSET_UNAVAILABLE: ConnectionFailure,
}

_ERRORS = (WebDriverException, WebSocketException, HTTPError, OSError, LinkClosed, TimeoutError)

# It tells of every browser's end as of an error; we see those ourselves.
logging.getLogger("websocket").setLevel(logging.CRITICAL)


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
        self._ids = itertools.count(1)
        self._client = ClientConfig(
            remote_server_addr="http://127.0.0.1",
            timeout=config.launch_timeout,  # type: ignore[arg-type]  # urllib3 takes a float
            websocket_timeout=config.webdriver_timeout,
            websocket_interval=BIDI_POLL,
            # urllib3 would ask again by itself, and a hang would last four times as long.
            init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
        )
        self._end: DriverEnd = RemoteDriver(launch) if launch.remote_url else LocalDriver(launch, config)
        self._driver: WebDriver | None = None
        self._window = ""
        self._elsewhere: str | None = None
        self._watch = Watch(launch.browser, self._end, config.heartbeat_timeout, self._ask_anything)
        self._capabilities: Capabilities | None = None

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
        except _ERRORS as error:
            failure = as_failure(error, self.evidence(phase))
            self.attach_findings()
            self.close()
            raise failure from error
        except BaseException:
            self.close()
            raise

    def _start_driver(self) -> None:
        if isinstance(self._end, RemoteDriver):
            self._end.introduce(self._client)
            trust_origin(self._launch.options, self._server.origin)
        self._client.remote_server_addr = self._end.start()
        if self._bidi:
            self._launch.options.enable_bidi = True
        self._driver = WebDriver(
            self._client.remote_server_addr, options=self._launch.options, client_config=self._client
        )
        self._client.timeout = self._config.webdriver_timeout
        self.set_waits()
        self.version = str(self._driver.capabilities.get("browserVersion", ""))
        self._window = self._driver.current_window_handle
        self._end.browser_started()

    def _open_harness(self, bring: Callable[[], tuple[PageLink, str]] | None = None) -> None:
        """A new page of the harness in the current tab, or in a window that ``bring`` gives."""
        self._close_link()
        if bring is None:
            self._watch.link = self._server.open_link()
            self.driver.get(self._watch.link.page_url)
        else:
            self._watch.link, self._elsewhere = bring()
        self._watch.link.wait_hello(self._config.webdriver_timeout)

    def renew_harness(self) -> None:
        """A new harness page in the same browser; whatever the old one did is gone.

        Raises:
            BrowserFailure: the browser can't give one: it is dead, or a hung page can't be left behind in it.
        """
        try:
            if self._driver is None or self._watch.link is None:
                raise CrashFailure("the session was not started", self.evidence(Phase.NAVIGATE))
            self._watch.look_at_processes(Phase.NAVIGATE)
            if self._stuck:
                raise self._cannot_leave()
            hangs = self._watch.pulse_stopped or self._watch.parts.stopped is Part.PAGE
            if not (hangs and self._replace_hung_page()):
                self._open_harness()
            self._spoiled = False
        except _ERRORS as error:
            raise as_failure(error, self.evidence(Phase.NAVIGATE)) from error

    def _replace_hung_page(self) -> bool:
        """Leave the page behind with its process. False: no process hangs, so the page may be left as usual."""
        if self._launch.remote_url or self.browser in {BrowserType.WEBKIT, BrowserType.SAFARI}:
            raise self._cannot_leave()
        assert self._driver is not None
        hung, self._watch.link = self._watch.link, self._server.open_link()
        if hung is not None:
            hung.close()
        if not replace_hung_tab(self._driver, self._end.browser, self._watch.link.page_url, QUESTION_TIMEOUT):
            return False
        self._window = self._driver.current_window_handle
        self._watch.link.wait_hello(self._config.webdriver_timeout)
        return True

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
        if (profiles := self.__dict__.get("profiles")) is not None:
            profiles.close()
        if self._launch.remote_url and self._driver is not None:
            with contextlib.suppress(*_ERRORS), self.patience(QUIT_TIMEOUT):
                self._driver.quit()
            self._driver = None
        self._end.stop()

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
        if self._driver is None:
            raise CrashFailure("the session was not started", self.evidence(Phase.RUN))
        return self._driver

    @property
    def lacks_bidi(self) -> bool:
        """Whether it could speak WebDriver BiDi, and was started without it."""
        return isinstance(self._launch.options, ChromiumOptions) and not self._bidi

    @cached_property
    def profiles(self) -> Profiles | None:
        """Chromium's, with harnesses of their own; None: it is another browser, or not on this machine.

        Raises:
            OSError, WebSocketException: it can't be had.
        """
        endpoint = None if self._launch.remote_url else endpoint_of(self.driver.capabilities)
        if endpoint is None:
            return None
        return Profiles(DevTools(endpoint, self._config.webdriver_timeout), self._server.open_link)

    def set_waits(self) -> None:
        """No command waits longer than we would for its answer."""
        self.driver.implicitly_wait(0)
        self.driver.set_page_load_timeout(self._config.webdriver_timeout)
        self.driver.set_script_timeout(self._config.webdriver_timeout)

    @property
    def command_seconds(self) -> float:
        """How long a command may take: what the browser itself waits for, and its answer."""
        return self._config.webdriver_timeout + QUESTION_TIMEOUT

    @property
    def address(self) -> str:
        """Where the driver listens."""
        return str(self._client.remote_server_addr)

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
            except _ERRORS as error:
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
        if self._watch.link is None:
            raise ConnectionFailure("the session has no page", self.evidence(Phase.RUN))
        return self._watch.link

    def attach_findings(self) -> None:
        """Give the trace what can be found now: driver's log, page's complaints, messages, and a screenshot if the
        page may still be drawn. Takes at most ``SCREENSHOT_TIMEOUT`` seconds and never raises. Once for each trace."""
        if not self.trace.opened_for_findings():
            return
        self.trace.attach("driver.log", self._end.log_tail(MAX_DRIVER_LOG))
        if self._watch.link is not None:
            complaints = [f"{log.level} ({log.source}): {log.text}" for log in self._watch.link.take_logs()]
            self.trace.attach("console.log", "\n".join(complaints))
            self.trace.attach("page-messages.jsonl", "\n".join(map(json.dumps, self._watch.link.talk())))
        evidence = self.evidence(Phase.RUN)
        hopeless = evidence.browser_alive is False or evidence.browser_stopped or self._end.stopped
        if self._driver is None or evidence.driver_alive is False or hopeless or self._watch.pulse_stopped:
            return
        with contextlib.suppress(*_ERRORS), self.patience(SCREENSHOT_TIMEOUT):
            if self._elsewhere is not None:
                self._driver.switch_to.window(self._elsewhere)
            self.trace.attach("screenshot.png", self._driver.get_screenshot_as_png())

    @contextlib.contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """WebDriver has so long for a command meanwhile."""
        before, self._client.timeout = self._client.timeout, seconds
        bidi = None if self._driver is None else self._driver._websocket_connection
        if bidi is not None:
            bidi.response_wait_timeout = seconds
        try:
            yield
        finally:
            self._client.timeout = before
            if bidi is not None:
                bidi.response_wait_timeout = self._config.webdriver_timeout

    def capabilities(self) -> Capabilities:
        """What this browser can really do: its page was asked, once a session.

        Raises:
            BrowserFailure: the page could not be asked, or did not answer.
        """
        if self._capabilities is None:
            probe = Probe(id=f"probe-{next(self._ids)}")
            deadline = time.monotonic() + self._config.webdriver_timeout
            try:
                self.link.send(probe)
                while True:
                    answer = self.link.receive(WATCH_INTERVAL)
                    if isinstance(answer, Capabilities) and answer.id == probe.id:
                        self._capabilities = answer
                        break
                    if isinstance(answer, PageError) and answer.id == probe.id:
                        raise self._page_failure(answer)
                    self._watch.look(self.link, deadline)
            except _ERRORS as error:
                raise as_failure(error, self.evidence(Phase.RUN)) from error
            self.trace.note("capabilities asked")
        return self._capabilities

    def withdraw_offers(self) -> None:
        """Take back the files that the page was offered."""
        if self._watch.link is not None:
            self._watch.link.withdraw_all()

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
        deadline = time.monotonic() + timeout
        command = run(f"run-{next(self._ids)}")
        self._watch.parts.begin()
        try:
            self._watch.look_at_processes(Phase.RUN)
            if command.platform is Platform.WEBNN:
                self._require_webnn(command)
            self.link.send(command)
            self.trace.note("run sent", id=command.id, platform=command.platform.value)
            while True:
                answer = self.link.receive(WATCH_INTERVAL)
                if isinstance(answer, Result | PageError) and answer.id == command.id:
                    if isinstance(answer, Result):
                        self._spoiled = False
                        return answer
                    raise self._page_failure(answer)
                if should_stop():
                    raise AttemptAborted("the attempt's result is wanted no more")
                # After progress too: a page that talks for ever has no more time than others.
                self._watch.look(self.link, deadline)
        except _ERRORS as error:
            self._watch.look_at_processes(Phase.RUN)
            raise as_failure(error, self.evidence(Phase.RUN)) from error

    def _require_webnn(self, command: Run) -> None:
        """A browser without it is told from what it said before; nothing is loaded to find out again."""
        webnn = self.capabilities().webnn
        if command.options.webnn_device not in webnn.devices:
            raise ApiFailure(
                f"{self.browser.value} gives no WebNN context for {command.options.webnn_device}: {webnn.missing}",
                self.evidence(Phase.LOAD).model_copy(update={"page_event": PageEvent.BACKEND_UNAVAILABLE}),
            )

    def _page_failure(self, error: PageError) -> Exception:
        kind = _OF_EVENT.get(error.kind)
        if kind is None:
            return TestFailure(error.message)
        phase = Phase.LOAD if error.phase is PagePhase.LOAD else Phase.RUN
        return kind(error.message, self.evidence(phase).model_copy(update={"page_event": error.kind}))

    def _ask_anything(self) -> None:
        """A question that WebDriver answers at once if the page's main thread does."""
        assert self._driver is not None
        with self.patience(QUESTION_TIMEOUT):
            if self._elsewhere is not None:
                self._driver.switch_to.window(self._elsewhere)
            self._driver.execute_script("return 1")

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
        assert self._driver is not None
        self._driver.switch_to.new_window("tab")
        self._driver.switch_to.window(self._window)
        self._driver.close()
