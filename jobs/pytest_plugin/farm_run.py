"""Marked tests with ``--breakwater``: one batch, published before the first test; each item waits for its verdict."""

from __future__ import annotations

import builtins
import os
import threading
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import redis
import selenium.common.exceptions

from breakers import CircuitView
from jobs.artefacts import Artefact
from jobs.bad_input import BadInput
from jobs.batches import BatchError, BatchHeader, Progress
from jobs.batches.events import BatchEvent, VerdictWritten
from jobs.cli.farms import farm_for
from jobs.connections import RedisUnavailable
from jobs.exit_codes import ExitCode
from jobs.farm_failure import FarmFailure
from jobs.pytest_plugin.marks import folder_of, is_skipped, specs_of
from jobs.specs import Outcome, TestSpec, Verdict
from jobs.waiting import Waiting

# Seconds that running tests have to notice that nobody waits any more.
_CANCEL_GRACE = 8.0
# A test asked for this browser: it gets it, or an error. No simulation either: there is no model.
_POLICY = {"limits": {"fallback": 0}}

_infrastructure = pytest.StashKey[bool]()


class RemoteFailure(Exception):
    """A test failed on the farm."""


class _Told:
    """A failure as pytest shows it: the remote lines, and one line for the summary."""

    def __init__(self, text: str, line: str) -> None:
        self._text = text
        self.reprcrash = _Line(line)

    def __str__(self) -> str:
        return self._text

    def toterminal(self, writer: pytest.TerminalReporter) -> None:
        """Called by pytest's terminal."""
        for line in self._text.splitlines():
            writer.line(line, red=True)


class _Line:
    def __init__(self, message: str) -> None:
        self.message = message


class FarmRun:
    """One batch. It is a plugin of pytest's while tests run, and what a waiting client tells things to."""

    def __init__(self, config: pytest.Config, marked: list[pytest.Item]) -> None:
        """Say which tests go to the farm.

        Raises:
            pytest.UsageError: one can't.
        """
        self._config = config
        functions = [item for item in marked if isinstance(item, pytest.Function)]
        sent = [item for item in functions if not is_skipped(item)]
        self._specs: dict[str, TestSpec] = specs_of(sent, config.option.breakwater_base_url)
        self._folders = dict.fromkeys(str(folder_of(item)) for item in sent)
        self._verdicts: dict[str, Verdict] = {}
        self._changed = threading.Condition()
        self._broken: Exception | None = None
        self._over = False
        self._notes: list[str] = []
        self._stack = ExitStack()
        self.batch = f"pytest-{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        if not self._specs:
            return self
        modules = dict.fromkeys(
            str(spec.python and spec.python.function).partition(":")[0] for spec in self._specs.values()
        )
        environment = {
            # What pytest has just imported may run in workers of its own, and nothing else.
            "BREAKWATER_TEST_MODULES": ",".join(modules),
            "BREAKWATER_TEST_PATH": os.pathsep.join(self._folders),
        }
        browsers = {spec.browser for spec in self._specs.values()}
        try:
            self._farm = self._stack.enter_context(
                farm_for(browsers, self._config.option.breakwater_workers, None, environment)
            )
            header = BatchHeader(id=self.batch, name="pytest", created_at=time.time(), policy=_POLICY)
            self._farm.backend.store.publish(header, iter(self._specs.values()))
        except (FarmFailure, RedisUnavailable, redis.RedisError) as error:
            self._stack.close()
            pytest.exit(f"breakwater: {error}", returncode=ExitCode.INFRASTRUCTURE)
        except (BadInput, BatchError) as error:
            self._stack.close()
            raise pytest.UsageError(f"breakwater: {error}") from error
        self._waiter = threading.Thread(target=self._wait, name="breakwater-waiter", daemon=True)
        self._waiter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._specs:
            return
        with self._stack:
            try:
                if len(self._verdicts) < len(self._specs):
                    self._farm.backend.store.cancel(self.batch)
                    self._waiter.join(_CANCEL_GRACE)
                self._export()
            except (redis.RedisError, BatchError, OSError) as failure:
                self._notes.append(str(failure))
            self._over = True
            self._waiter.join(_CANCEL_GRACE)

    def _export(self) -> None:
        folder = self._config.option.breakwater_artefacts
        if folder:
            self._farm.backend.artefacts.export(self.batch, Path(folder))

    # The waiting thread, and what it is told

    def _wait(self) -> None:
        tend = self._farm.embedded.tend if self._farm.embedded else None
        waiting = Waiting(self._farm.backend, self.batch, self, tend=tend)
        try:
            while not self._over and not waiting.until_finished(1.0):
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the tests must not wait for ever
            with self._changed:
                self._broken = error
                self._changed.notify_all()

    def happened(self, event: BatchEvent) -> None:
        """Something happened to the batch."""
        if isinstance(event, VerdictWritten):
            with self._changed:
                self._verdicts[event.verdict.test] = event.verdict
                self._changed.notify_all()

    def progressed(self, progress: Progress, open_circuits: Mapping[str, CircuitView]) -> None:
        """How far the batch is."""

    def noted(self, note: str) -> None:
        """Something that the user should know."""
        self._notes.append(note)

    # Hooks

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Wait for the verdict. An error of the infrastructure is an error here, not a failure."""
        spec = self._specs.get(item.nodeid)
        if spec is None:
            return
        verdict = self._verdict(spec)
        if verdict.outcome in {Outcome.ERROR, Outcome.CANCELLED}:
            item.stash[_infrastructure] = True
            raise RemoteFailure(f"{verdict.outcome.value}: {verdict.reason}")

    def _verdict(self, spec: TestSpec) -> Verdict:
        with self._changed:
            # No limit of our own: every test of a batch gets its verdict, or the waiting thread breaks.
            self._changed.wait_for(lambda: spec.id in self._verdicts or self._broken is not None)
            if spec.id in self._verdicts:
                return self._verdicts[spec.id]
        pytest.exit(f"breakwater: the batch is lost: {self._broken}", returncode=ExitCode.INFRASTRUCTURE)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """In place of the function's call: the farm did that."""
        spec = self._specs.get(pyfuncitem.nodeid)
        if spec is None:
            return None
        verdict = self._verdict(spec)
        if verdict.outcome is Outcome.FAILED:
            error = verdict.own.error if verdict.own else None
            if error == "Skipped":
                pytest.skip(verdict.reason.partition(": ")[2])
            if error == "XFailed":
                pytest.xfail(verdict.reason.partition(": ")[2])
            raise _as_local(error)(verdict.reason)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell a failure as it was there; an infrastructure's error is none that ``xfail`` expects."""
        report = yield
        spec = self._specs.get(item.nodeid)
        verdict = self._verdicts.get(spec.id) if spec else None
        if verdict is None or call.when == "teardown":
            return report
        if call.when == "call":
            report.duration = verdict.seconds
        report.user_properties += [("browser", verdict.asked_browser.value), ("attempts", len(verdict.attempts))]
        if item.stash.get(_infrastructure, False):
            report.outcome = "failed"
            vars(report).pop("wasxfail", None)
        if report.failed and call.excinfo is not None:
            report.longrepr = _Told(_text(verdict), verdict.reason)  # type: ignore[assignment]
            if output := self._output(verdict):
                report.sections.append(("Output on the farm", output))
        return report

    def _output(self, verdict: Verdict) -> str:
        artefact = Artefact(
            batch=self.batch, test=verdict.test, attempt=max(1, len(verdict.attempts)), name="output.txt", size=0
        )
        try:
            return (self._farm.backend.artefacts.read(artefact) or b"").decode(errors="replace")
        except redis.RedisError:
            return ""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Where the tests ran, and which were recovered."""
        if not self._specs:
            return
        terminalreporter.section("breakwater")
        terminalreporter.line(f"batch {self.batch}: {len(self._specs)} tests on {self._farm.where}")
        for note in self._notes:
            terminalreporter.line(note)
        for node, spec in self._specs.items():
            verdict = self._verdicts.get(spec.id)
            if verdict is not None and verdict.recovered:
                way = " → ".join(_step(entry.level, entry.outcome) for entry in verdict.attempts)
                terminalreporter.line(f"recovered: {node}: {way}")


def _step(level: int | None, outcome: str) -> str:
    return outcome if level is None else f"level {int(level)} {outcome}"


def _text(verdict: Verdict) -> str:
    details = verdict.own.details if verdict.own else ""
    attempts = [
        f"attempt {entry.number} in {entry.browser} on {entry.worker}: {entry.outcome.replace('_', ' ')}"
        for entry in verdict.attempts
    ]
    return "\n".join(part for part in (details, verdict.reason, *attempts) if part)


def _as_local(error: str | None) -> type[Exception]:
    """A class that ``xfail(raises=…)`` knows: the remote exception's, where it is Python's or Selenium's own."""
    for namespace in (vars(builtins), vars(selenium.common.exceptions)):
        kind = namespace.get(error or "")
        if isinstance(kind, type) and issubclass(kind, Exception):
            return type(
                kind.__name__, (RemoteFailure, kind), {"__init__": Exception.__init__, "__str__": Exception.__str__}
            )
    return RemoteFailure
