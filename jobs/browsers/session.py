"""One live browser under WebDriver, with our harness in it: launch, run a model, renew the harness, close.

Every wait is bounded, every process is owned, and whatever goes wrong comes out as a BrowserFailure with evidence.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

import psutil
from selenium.common.exceptions import NoSuchWindowException, WebDriverException
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.webdriver import WebDriver
from urllib3.exceptions import HTTPError

from jobs.browsers.display import VirtualDisplay
from jobs.browsers.failures import AttemptAborted, TestFailure, as_failure
from jobs.browsers.launch import Launch
from jobs.browsers.page_link import LinkClosed, PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.patience import stretched
from jobs.browsers.protocol import Capabilities, PageError, PagePhase, Probe, Result, Run
from jobs.browsers.tabs import replace_hung_tab
from jobs.browsers.trace import Trace
from jobs.processes import OwnedProcess
from jobs.scratch import ScratchFolder
from jobs.settings import Settings
from jobs.specs import Platform
from recovery import BrowserType, Evidence, PageEvent, Phase
from recovery.failures import (
    ApiFailure,
    BrowserFailure,
    ConnectionFailure,
    CrashFailure,
    GpuFailure,
    InternalFailure,
    LaunchFailure,
    ResourceExhaustionFailure,
    TimeoutFailure,
)

# Seconds between two looks at the browser while a page works; how late a crash is seen.
WATCH_INTERVAL: Final = 0.1
# Seconds without a connection of the page after which WebDriver is asked why; a page comes back by itself in a tenth.
ASK_AFTER: Final = 0.25
# Seconds that a browser has to end after its talk broke off.
END_GRACE: Final = 0.5
# What Firefox says of scripts in a tab whose process died: it shows a page of its own there.
_FIREFOX_CRASH_PAGE: Final = "not supported for parent process browsing contexts"
# What Chromium's log says when a page's heap is exhausted, and how many bytes of it are read.
_OUT_OF_MEMORY: Final = r"javascript OOM|Out of memory"
_LOG_READ: Final = 8_000
# Bytes. With less room than this a browser can't write a profile.
LEAST_DISK: Final = 1 << 20
# Seconds that WebDriver has to say what became of a page that fell silent.
QUESTION_TIMEOUT: Final = 3.0
# Seconds that a screenshot of a failed attempt may take.
SCREENSHOT_TIMEOUT: Final = 2.0
# Bytes of the driver's log that a failed attempt keeps: its end.
MAX_DRIVER_LOG: Final = 16_000

# Characters. Chromium makes a socket some 45 characters below, and a socket's path may have 107.
LONGEST_SCRATCH: Final = 60

# Phases that may block the page's main thread for long: its silence in them is work until the time limit.
_BLOCKING = frozenset({PagePhase.CREATE, PagePhase.COMPILE, PagePhase.RUN})

_OF_EVENT: dict[PageEvent, type[BrowserFailure]] = {
    PageEvent.DEVICE_LOST: GpuFailure,
    PageEvent.NO_ADAPTER: GpuFailure,
    PageEvent.OUT_OF_MEMORY: ResourceExhaustionFailure,
    PageEvent.BACKEND_UNAVAILABLE: ApiFailure,
    PageEvent.ASSET_UNAVAILABLE: ConnectionFailure,
}

_ERRORS = (WebDriverException, HTTPError, OSError, LinkClosed, TimeoutError)


class BrowserSession:
    """A browser of our own. Not for use by two threads at once."""

    def __init__(self, launch: Launch, config: Settings, server: PageServer) -> None:
        self.browser: BrowserType = launch.browser
        self.version = ""
        self.tests = 0
        self.trace = Trace()
        self._spoiled = False
        self._launch = launch
        self._config = config
        self._server = server
        self._ids = itertools.count(1)
        self._client = ClientConfig(
            remote_server_addr="http://127.0.0.1",
            timeout=config.launch_timeout,  # type: ignore[arg-type]  # urllib3 takes a float
            # urllib3 would ask again by itself, and a hang would last four times as long.
            init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
        )
        self._process: OwnedProcess | None = None
        self._display: VirtualDisplay | None = None
        self._driver: WebDriver | None = None
        self._main: psutil.Process | None = None
        self._window = ""
        self._link: PageLink | None = None
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
        environment = {**os.environ, **self._launch.environment}
        if self._launch.needs_display:
            self._display = VirtualDisplay(self._config.scratch_dir)
            self._display.start()
            environment |= {"DISPLAY": self._display.name, "GDK_BACKEND": "x11"}
        scratch = ScratchFolder(self._config.scratch_dir)
        if len(str(scratch.path)) > LONGEST_SCRATCH:
            scratch.remove()
            raise LaunchFailure(
                f"the temporary folder's path {scratch.path} is too long for a browser's sockets (allowed: "
                f"{LONGEST_SCRATCH} characters); set BREAKWATER_SCRATCH_DIR to a shorter one",
                self.evidence(Phase.LAUNCH),
            )
        environment["HOME"] = str(scratch.path)
        self._process = OwnedProcess(self._launch.driver_command, env=environment, scratch=scratch)
        self._process.start()
        self._client.remote_server_addr = f"http://127.0.0.1:{self._await_port()}"
        self._driver = WebDriver(
            self._client.remote_server_addr, options=self._launch.options, client_config=self._client
        )
        self._client.timeout = self._config.webdriver_timeout
        self._driver.set_page_load_timeout(self._config.webdriver_timeout)
        self.version = str(self._driver.capabilities.get("browserVersion", ""))
        self._window = self._driver.current_window_handle
        self._main = self._find_main()

    def _await_port(self) -> int:
        assert self._process is not None
        deadline = time.monotonic() + self._config.launch_timeout
        while True:
            output = self._process.log_tail()
            if isinstance(self._launch.listening, int):
                if _is_open(self._launch.listening):
                    return self._launch.listening
            elif listening := re.search(self._launch.listening, output):
                return int(listening.group(1))
            if not self._process.alive() or time.monotonic() > deadline:
                raise ConnectionRefusedError(f"the driver does not listen; its output: {output[-300:]!r}")
            time.sleep(0.01)

    def _find_main(self) -> psutil.Process | None:
        """The browser's main process: the driver's child that has most descendants."""
        assert self._process is not None
        if self._process.pid is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children()
            return max(children, key=lambda child: len(child.children()), default=None)
        return None

    def _open_harness(self) -> None:
        """A new page of the harness in the current tab."""
        assert self._driver is not None
        self._close_link()
        self._link = self._server.open_link()
        self._driver.get(self._link.page_url)
        self._link.wait_hello(self._config.webdriver_timeout)

    def renew_harness(self) -> None:
        """A new harness page in the same browser; whatever the old one did is gone.

        Raises:
            BrowserFailure: the browser can't give one: it is dead, or a hung page can't be left behind in it.
        """
        try:
            if self._driver is None or self._link is None:
                raise CrashFailure("the session was not started", self.evidence(Phase.NAVIGATE))
            self._check_processes(Phase.NAVIGATE)
            if not (self._pulse_stopped() and self._replace_hung_page()):
                self._open_harness()
            self._spoiled = False
        except _ERRORS as error:
            raise as_failure(error, self.evidence(Phase.NAVIGATE)) from error

    def _replace_hung_page(self) -> bool:
        """Leave the page behind with its process. False: no process hangs, so the page may be left as usual."""
        if self.browser in {BrowserType.WEBKIT, BrowserType.SAFARI}:
            seen = self.evidence(Phase.NAVIGATE)
            raise TimeoutFailure(f"{self.browser.value} can't leave a hung page behind in the same session", seen)
        assert self._driver is not None
        hung, self._link = self._link, self._server.open_link()
        if hung is not None:
            hung.close()
        if not replace_hung_tab(self._driver, self._main, self._link.page_url, QUESTION_TIMEOUT):
            return False
        self._window = self._driver.current_window_handle
        self._link.wait_hello(self._config.webdriver_timeout)
        return True

    def is_well(self) -> bool:
        """Whether the next test may use it: browser and driver run, the page lives, and no run was left unfinished."""
        evidence = self.evidence(Phase.RUN)
        return (
            evidence.driver_alive is True
            and evidence.browser_alive is True
            and not evidence.browser_stopped
            and not self._driver_stopped()
            and self._link is not None
            and self._link.connected
            and not self._silent()
            and not self._pulse_stopped()
            and not self._spoiled
        )

    def close(self) -> None:
        """End browser and driver, profile and page. Never hangs: nobody is asked."""
        self._close_link()
        if self._process is not None:
            self._process.stop()
        if self._display is not None:
            self._display.stop()

    def _close_link(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    # Running a model

    @property
    def link(self) -> PageLink:
        """The line to the harness page.

        Raises:
            ConnectionFailure: there is none: the session is not started, or closed.
        """
        if self._link is None:
            raise ConnectionFailure("the session has no page", self.evidence(Phase.RUN))
        return self._link

    def attach_findings(self) -> None:
        """Give the trace what can be found now: driver's log, page's complaints, messages, and a screenshot if the
        page may still be drawn. Takes at most ``SCREENSHOT_TIMEOUT`` seconds and never raises."""
        if self._process is not None:
            self.trace.attach("driver.log", self._process.log_tail(MAX_DRIVER_LOG))
        if self._link is not None:
            complaints = [f"{log.level} ({log.source}): {log.text}" for log in self._link.take_logs()]
            self.trace.attach("console.log", "\n".join(complaints))
            self.trace.attach("page-messages.jsonl", "\n".join(map(json.dumps, self._link.talk())))
        evidence = self.evidence(Phase.RUN)
        hopeless = evidence.browser_alive is False or evidence.browser_stopped or self._driver_stopped()
        if self._driver is None or evidence.driver_alive is False or hopeless or self._pulse_stopped():
            return
        with contextlib.suppress(*_ERRORS), self._patience(SCREENSHOT_TIMEOUT):
            self.trace.attach("screenshot.png", self._driver.get_screenshot_as_png())

    @contextlib.contextmanager
    def _patience(self, seconds: float) -> Iterator[None]:
        """WebDriver has so long for a command meanwhile."""
        before, self._client.timeout = self._client.timeout, seconds
        try:
            yield
        finally:
            self._client.timeout = before

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
                    self._watch(deadline)
            except _ERRORS as error:
                raise as_failure(error, self.evidence(Phase.RUN)) from error
            self.trace.note("capabilities asked")
        return self._capabilities

    def withdraw_offers(self) -> None:
        """Take back the files that the page was offered."""
        if self._link is not None:
            self._link.withdraw_all()

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
        try:
            self._check_processes(Phase.RUN)
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
                self._watch(deadline)  # after progress too: a page that talks for ever has no more time than others
        except _ERRORS as error:
            self._check_processes(Phase.RUN)
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

    def _watch(self, deadline: float) -> None:
        """Look at the browser; raise what is wrong with it."""
        self._check_processes(Phase.RUN)
        if self.link.refused is not None:
            raise InternalFailure(f"the page broke the protocol: {self.link.refused}", self.evidence(Phase.RUN))
        lost = self.link.lost_age
        if lost is not None and lost > ASK_AFTER:
            self._ask_page()
            if lost > stretched(self._config.heartbeat_timeout):
                seen = self.evidence(Phase.RUN, answers=True)
                raise ConnectionFailure("the page lost its connection, and its browser lives", seen)
        elif self._silent():
            self._ask_page()
            seen = self.evidence(Phase.RUN, answers=True)
            raise ConnectionFailure("the page fell silent, and its browser lives", seen)
        elif self._pulse_stopped() and self.link.phase not in _BLOCKING:
            raise TimeoutFailure("the page's main thread hangs", self.evidence(Phase.RUN))
        if time.monotonic() > deadline:
            evidence = self.evidence(Phase.LOAD if self.link.phase is PagePhase.LOAD else Phase.RUN)
            phase = self.link.phase.value if self.link.phase else "unknown"
            raise TimeoutFailure(
                f"the attempt's time is used up in the page's phase {phase!r}",
                evidence.model_copy(update={"budget_spent": True}),
            )

    def _check_processes(self, phase: Phase) -> None:
        evidence = self.evidence(phase)
        if evidence.driver_alive is False:
            raise ConnectionFailure("the driver died", evidence)
        if evidence.browser_alive is False:
            raise CrashFailure("the browser died", evidence)
        if evidence.browser_stopped:
            raise TimeoutFailure("the browser is stopped", evidence)
        if self._driver_stopped():
            raise ConnectionFailure("the driver is stopped", evidence)

    def _driver_stopped(self) -> bool:
        return self._process is not None and self._process.stopped()

    def _silent(self) -> bool:
        age = None if self._link is None else self._link.heartbeat_age
        return age is not None and age > stretched(self._config.heartbeat_timeout)

    def _pulse_stopped(self) -> bool:
        age = None if self._link is None else self._link.pulse_age
        return age is not None and age > stretched(self._config.heartbeat_timeout)

    def _ask_page(self) -> None:
        """The page says nothing any more: let WebDriver tell why, and raise that. If it answers, nothing is known."""
        assert self._driver is not None
        try:
            with self._patience(QUESTION_TIMEOUT):
                self._driver.execute_script("return 1")
        except NoSuchWindowException as error:
            raise ConnectionFailure("the page's window was closed", self.evidence(Phase.RUN, answers=False)) from error
        except (WebDriverException, HTTPError, OSError) as error:
            failure = as_failure(error, self.evidence(Phase.RUN, answers=False))
            if _FIREFOX_CRASH_PAGE in str(error):
                failure = CrashFailure("the page's process died", failure.evidence)
            if isinstance(failure, CrashFailure) and self._ran_out_of_memory():
                seen = failure.evidence.model_copy(update={"page_event": PageEvent.OUT_OF_MEMORY})
                failure = ResourceExhaustionFailure("the page's process died of want of memory", seen)
            if isinstance(failure, ConnectionFailure) and self._main is not None:
                # A talk that breaks off is often the first sign of a browser's end: Firefox ends with its renderer.
                _await_end(self._main, END_GRACE)
                self._check_processes(Phase.RUN)
            raise failure from error

    def _ran_out_of_memory(self) -> bool:
        """Whether the browser's log says so: Chromium ends such a process as it would any broken one."""
        return self._process is not None and re.search(_OUT_OF_MEMORY, self._process.log_tail(_LOG_READ)) is not None

    def evidence(self, phase: Phase, answers: bool | None = None) -> Evidence:
        """What can be seen from outside, now."""
        driver_alive = None if self._process is None else self._process.alive()
        exit_code = None if self._process is None else self._process.exit_code
        link = self._link
        return Evidence(
            browser=self.browser,
            phase=phase,
            browser_alive=_runs(self._main),
            browser_stopped=self._stopped(),
            driver_alive=driver_alive,
            exit_code=exit_code,
            session_answers=answers,
            heartbeat_age=None if link is None else link.heartbeat_age,
            pulse_age=None if link is None else link.pulse_age,
            disk_full=self._disk_is_full() if phase in {Phase.LAUNCH, Phase.NAVIGATE} else None,
        )

    def _disk_is_full(self) -> bool | None:
        """Whether there is no room for a profile, as the driver sees the disk: it may have mounts of its own."""
        if self._process is None:
            return None
        inside = f"/proc/{self._process.pid}/root" if self._process.pid is not None else ""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(f"{inside}{self._process.scratch.path}").free < LEAST_DISK
        return None

    def _stopped(self) -> bool | None:
        if self._main is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            return bool(self._main.status() == psutil.STATUS_STOPPED)
        return False

    # For faults, injected for real

    @property
    def main_process(self) -> psutil.Process | None:
        """The browser's main process; None before the start."""
        return self._main

    @property
    def driver_pid(self) -> int | None:
        """The driver's pid; None when it is not running."""
        return None if self._process is None else self._process.pid

    def close_window(self) -> None:
        """Close the page's window, though not the browser: it gets another one first."""
        assert self._driver is not None
        self._driver.switch_to.new_window("tab")
        self._driver.switch_to.window(self._window)
        self._driver.close()


def _is_open(port: int) -> bool:
    """Whether somebody listens on this port of the machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _await_end(process: psutil.Process, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while _runs(process) and time.monotonic() < deadline:
        time.sleep(0.005)


def _runs(process: psutil.Process | None) -> bool | None:
    """Whether a process runs; a zombie does not. None: there never was one."""
    if process is None:
        return None
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
