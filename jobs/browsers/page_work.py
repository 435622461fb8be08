"""Work for a session's page: a question or a run is sent, and browser and page are watched until its answer comes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Final, TypeVar

from jobs.browsers.failures import LINE_ERRORS, AttemptAborted, TestFailure, as_failure
from jobs.browsers.page_link import PageLink
from jobs.browsers.protocol import Capabilities, PageError, Probe, Result, Run
from jobs.browsers.watching import LOADING, Watch
from jobs.specs import Platform
from recovery import BrowserFailure, BrowserType, PageEvent, Phase
from recovery.failures import ApiFailure, ConnectionFailure, GpuFailure, ResourceExhaustionFailure

# Seconds between two looks at the browser while a page works; how late a crash is seen.
WATCH_INTERVAL: Final = 0.1

_OF_EVENT: dict[PageEvent, type[BrowserFailure]] = {
    PageEvent.DEVICE_LOST: GpuFailure,
    PageEvent.NO_ADAPTER: GpuFailure,
    PageEvent.OUT_OF_MEMORY: ResourceExhaustionFailure,
    PageEvent.BACKEND_UNAVAILABLE: ApiFailure,
    PageEvent.ASSET_UNAVAILABLE: ConnectionFailure,
}

Answer = TypeVar("Answer", Result, Capabilities)


class PageWork:
    """What one session asks of its pages, whichever page ``watch`` has at the time."""

    def __init__(self, browser: BrowserType, watch: Watch, answer_timeout: float, note: Callable[..., None]) -> None:
        """``answer_timeout``: seconds that a question may take; a run has its own. ``note`` is a trace's."""
        self._browser = browser
        self._watch = watch
        self._answer_timeout = answer_timeout
        self._note = note
        self._ids = itertools.count(1)
        self._capabilities: Capabilities | None = None

    @property
    def link(self) -> PageLink:
        """The line to the page.

        Raises:
            ConnectionFailure: there is none: the session is not started, or closed.
        """
        if self._watch.link is None:
            raise ConnectionFailure("the session has no page", self._watch.evidence(Phase.RUN))
        return self._watch.link

    def capabilities(self) -> Capabilities:
        """What this browser can really do: its page was asked, once a session.

        Raises:
            BrowserFailure: the page could not be asked, or did not answer.
        """
        if self._capabilities is None:
            probe = Probe(id=f"probe-{next(self._ids)}")
            deadline = time.monotonic() + self._answer_timeout
            try:
                self.link.send(probe)
                self._capabilities = self._await(Capabilities, probe.id, deadline, lambda: False)
            except LINE_ERRORS as error:
                raise as_failure(error, self._watch.evidence(Phase.RUN)) from error
            self._note("capabilities asked")
        return self._capabilities

    def run(self, command: Run, timeout: float, should_stop: Callable[[], bool]) -> Result:
        """Have the page run a model.

        Raises:
            BrowserFailure: the infrastructure failed, seen within half a second for a crash, two for a hang.
            TestFailure: the page says that the model, or a script, is at fault.
            AttemptAborted: ``should_stop`` said so.
        """
        deadline = time.monotonic() + timeout
        self._watch.parts.begin()
        try:
            self._watch.look_at_processes(Phase.RUN)
            if command.platform is Platform.WEBNN:
                self._require_webnn(command)
            self.link.send(command)
            self._note("run sent", id=command.id, platform=command.platform.value)
            return self._await(Result, command.id, deadline, should_stop)
        except LINE_ERRORS as error:
            self._watch.look_at_processes(Phase.RUN)
            raise as_failure(error, self._watch.evidence(Phase.RUN)) from error

    def new_id(self) -> str:
        """A run's, which its answer carries too."""
        return f"run-{next(self._ids)}"

    def _await(self, kind: type[Answer], name: str, deadline: float, should_stop: Callable[[], bool]) -> Answer:
        """The answer of this kind to what was sent by this name. Raises as ``run``."""
        while True:
            answer = self.link.receive(WATCH_INTERVAL)
            if isinstance(answer, kind) and answer.id == name:
                return answer
            if isinstance(answer, PageError) and answer.id == name:
                raise self._page_failure(answer)
            if should_stop():
                raise AttemptAborted("the attempt's result is wanted no more")
            # After progress too: a page that talks for ever has no more time than others.
            self._watch.look(self.link, deadline)

    def _require_webnn(self, command: Run) -> None:
        """A browser without it is told from what it said before; nothing is loaded to find out again."""
        webnn = self.capabilities().webnn
        if command.options.webnn_device not in webnn.devices:
            evidence = self._watch.evidence(Phase.LOAD)
            raise ApiFailure(
                f"{self._browser.value} gives no WebNN context for {command.options.webnn_device}: {webnn.missing}",
                evidence.model_copy(update={"page_event": PageEvent.BACKEND_UNAVAILABLE}),
            )

    def _page_failure(self, error: PageError) -> Exception:
        kind = _OF_EVENT.get(error.kind)
        if kind is None:
            return TestFailure(error.message)
        phase = Phase.LOAD if error.phase in LOADING else Phase.RUN
        return kind(error.message, self._watch.evidence(phase).model_copy(update={"page_event": error.kind}))
