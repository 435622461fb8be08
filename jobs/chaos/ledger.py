"""The promises of a batch, checked from its event stream as it comes: a book in which every step must fit the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from jobs.batches.events import BatchEvent, Claimed, Failed, Finished, GivenBack, Parked, Published, VerdictWritten
from jobs.specs import Outcome, Verdict
from recovery import AttemptRecord


@dataclass
class _Entry:
    """Where a test is, as the events so far tell."""

    status: Literal["waiting", "running", "done"] = "waiting"
    number: int = 1
    records: list[AttemptRecord] = field(default_factory=list)


class Ledger:
    """Keeps the book of one batch. ``breaches`` says what was not as promised, in the order in which it was seen."""

    def __init__(self, expected: Mapping[str, Outcome]) -> None:
        """``expected``: the tests of the batch, and how each must end."""
        self._expected = expected
        self._entries = {test: _Entry() for test in expected}
        self._finished = False
        self.breaches: list[str] = []
        self.told: Counter[str] = Counter()
        """Events by type."""

    def see(self, event: BatchEvent) -> None:
        """Enter an event."""
        self.told[event.type] += 1
        if self._finished:
            self._breach(f"{event.type} after the batch was finished")
        match event:
            case Published():
                if event.total != len(self._expected):
                    self._breach(f"published with {event.total} tests, not {len(self._expected)}")
            case Finished():
                self._finished = True
            case Claimed() | Failed() | Parked() | GivenBack() | VerdictWritten():
                self._step(event)

    def _step(self, event: Claimed | Failed | Parked | GivenBack | VerdictWritten) -> None:
        entry = self._entries.get(event.test)
        if entry is None:
            self._breach(f"{event.test}: {event.type}, and is no test of the batch")
            return
        wanted = "waiting" if isinstance(event, Claimed) else "running"
        if entry.status != wanted:
            self._breach(f"{event.test}: {event.type} of attempt {event.number} while it was {entry.status}")
        if event.number != entry.number:
            self._breach(f"{event.test}: {event.type} of attempt {event.number} while {entry.number} was due")
        match event:
            case Claimed():
                entry.status = "running"
            case GivenBack():
                entry.status = "waiting"
            case Failed() | Parked():
                entry.records.append(event.record)
                entry.number = event.number + 1
                entry.status = "running" if isinstance(event, Failed) and event.in_place else "waiting"
            case VerdictWritten():
                entry.status = "done"
                if list(event.verdict.attempts[:-1]) != entry.records:
                    self._breach(f"{event.test}: its verdict tells another story than the events did")

    def close(self, verdicts: Iterable[Verdict]) -> None:
        """Compare with the verdicts as they are kept: each test has one, and it is the right one."""
        written = Counter[str]()
        for verdict in verdicts:
            written[verdict.test] += 1
            expected = self._expected.get(verdict.test)
            if expected is not None and verdict.outcome is not expected:
                said = f" ({verdict.reason})" if verdict.reason else ""
                self._breach(f"{verdict.test}: {verdict.outcome.value}{said}, must be {expected.value}")
            if [entry.number for entry in verdict.attempts] != list(range(1, len(verdict.attempts) + 1)):
                self._breach(f"{verdict.test}: the numbers of its attempts have gaps")
        for test in self._expected.keys() - written.keys():
            self._breach(f"{test}: lost: it has no verdict")
        for test, count in written.items():
            if count > 1 or test not in self._expected:
                self._breach(f"{test}: {count} verdicts")
        if not self._finished:
            self._breach("the batch never told that it is finished")

    def _breach(self, what: str) -> None:
        self.breaches.append(what)
