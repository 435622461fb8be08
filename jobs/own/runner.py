"""Run a user's own test: a tab for it, an order to the process that runs users' code, and a watch over both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.browsers.failures import AttemptAborted, TestFailure
from jobs.browsers.faults import faults_of
from jobs.browsers.faults_run import strike_own_test
from jobs.browsers.isolation import own_tab
from jobs.browsers.page_work import WATCH_INTERVAL
from jobs.browsers.pool import SessionPool
from jobs.browsers.session import BrowserSession
from jobs.own.hosting import HostKeeper, HostLost, TestHost
from jobs.own.judgement import check_well, judge, judge_lost, judge_overdue
from jobs.own.messages import Ended, Order
from jobs.specs import OwnRun, TestSpec
from recovery import Adjustments, BrowserType, Evidence, Phase
from recovery.failures import BrowserFailure, InternalFailure

# Seconds in which a test whose browser failed may end by itself, so that its process needn't be killed.
_FAILED_GRACE = 0.5


@dataclass(frozen=True)
class OwnAttempt:
    """One attempt at a user's own test. Times in seconds."""

    spec: TestSpec
    number: int
    browser: BrowserType
    seconds: float

    def order(self, session: BrowserSession, host: TestHost) -> Order:
        """What the process is to do."""
        test = self.spec.python
        assert test is not None
        return Order(
            function=test.function,
            parameters=test.parameters,
            base_url=test.base_url,
            test=self.spec.id,
            browser=self.browser.value,
            attempt=self.number,
            seconds=self.seconds,
            driver_address=session.line.address,
            session_id=str(session.driver.session_id),
            capabilities=session.driver.capabilities,
            command_seconds=session.line.command_seconds,
            folder=str(host.folder),
        )


def run_own_test(
    spec: TestSpec,
    attempt: int,
    browser: BrowserType,
    adjustments: Adjustments,
    pool: SessionPool,
    hosts: HostKeeper,
    should_stop: Callable[[], bool],
) -> OwnRun:
    """Run the function in a warm session, isolated as the test says. What it attaches goes to the attempt's trace.

    Raises:
        TestFailure: the test's own doing.
        BrowserFailure: the infrastructure failed, and there is evidence for it.
        AttemptAborted: ``should_stop`` said so.
    """
    faults = faults_of(spec, attempt, browser)
    one = OwnAttempt(spec, attempt, browser, spec.timeout * adjustments.time_factor)
    with pool.isolated(browser, adjustments, faults, spec.isolation, own=True) as session:
        host = _ready(hosts, session)
        session.tests += 1
        try:
            with own_tab(session, spec.isolation):
                try:
                    host.send(one.order(session, host))
                    session.trace.note("test begun", function=spec.python and spec.python.function)
                    strike_own_test(faults, session)
                    ended = _watch(one, session, host, should_stop)
                    if ended.raised is not None:
                        judge(ended.raised, session, spec.isolation)
                except HostLost as lost:
                    judge_lost(lost, session, spec.isolation)
                except TestFailure:
                    session.attach_findings()  # while the test's own page is there to be drawn
                    raise
        except (BrowserFailure, AttemptAborted):
            session.spoil()
            raise
        except TestFailure:
            session.trace.attach("output.txt", host.output())
            raise
        finally:
            for name, content in host.take_artefacts().items():
                session.trace.attach(name, content)
            if not host.reusable:
                hosts.drop()
    return OwnRun(browser_version=session.version, isolation=spec.isolation)


def _ready(hosts: HostKeeper, session: BrowserSession) -> TestHost:
    try:
        return hosts.host()
    except (HostLost, OSError) as error:
        raise InternalFailure(
            f"the process for users' tests can't be started: {error}",
            Evidence(browser=session.browser, phase=Phase.RUN),
        ) from error


def _watch(one: OwnAttempt, session: BrowserSession, host: TestHost, should_stop: Callable[[], bool]) -> Ended:
    """Wait for the test's end, and see meanwhile that it can come."""
    deadline = time.monotonic() + one.seconds
    while True:
        ended = host.receive(WATCH_INTERVAL)
        if ended is not None:
            return ended
        if should_stop():
            raise AttemptAborted("the attempt's result is wanted no more")
        try:
            check_well(session)
        except BrowserFailure:
            ended = host.receive(_FAILED_GRACE)
            if ended is None:
                raise
            return ended
        if time.monotonic() > deadline:
            judge_overdue(host.where(), one.seconds, session, one.spec.isolation)
