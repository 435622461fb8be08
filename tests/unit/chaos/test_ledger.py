"""The book of a batch: what fits is entered in silence, what doesn't is a breach."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from jobs.batches.events import BatchEvent, Claimed, Failed, Finished, GivenBack, Published, VerdictWritten
from jobs.chaos.ledger import Ledger
from jobs.specs import Outcome
from recovery import AttemptRecord, RecoveryLevel
from tests.unit.reports.verdicts import attempt, verdict

_ids = (f"{number}-0" for number in itertools.count())
CRASH = attempt(1, "crash")
AGAIN = attempt(2, "passed", RecoveryLevel.MODERATE)


def published(total: int = 1) -> Published:
    return Published(id=next(_ids), at=0.0, type="published", total=total)


def claimed(number: int = 1, test: str = "t") -> Claimed:
    owner = '{"node": "w", "boot": "b", "pid": 1}'
    fields: dict[str, Any] = {"type": "claimed", "test": test, "number": number, "queue": "q", "owner": owner}
    return Claimed.model_validate({"id": next(_ids), "at": 0.0, "browser": "chrome", **fields})


def failed(record: AttemptRecord = CRASH, *, in_place: bool = False) -> Failed:
    fields: dict[str, Any] = {"type": "failed", "test": "t", "number": record.number, "queue": "q", "next": "{}"}
    fields |= {"record": record.model_dump_json(), "next_queue": "q", "in_place": "1" if in_place else ""}
    return Failed.model_validate({"id": next(_ids), "at": 0.0, **fields})


def given_back() -> GivenBack:
    owner = '{"node": "w", "boot": "b", "pid": 1}'
    fields: dict[str, Any] = {"type": "given_back", "test": "t", "number": 1, "queue": "q", "owner": owner}
    return GivenBack.model_validate({"id": next(_ids), "at": 0.0, **fields})


def ended(*attempts: AttemptRecord, outcome: Outcome = Outcome.PASSED) -> VerdictWritten:
    said = verdict("t", outcome, attempts=attempts or (attempt(1, "passed"),)).model_dump_json()
    fields: dict[str, Any] = {"type": "verdict", "test": "t", "queue": "q", "verdict": said}
    return VerdictWritten.model_validate({"id": next(_ids), "at": 0.0, "number": len(attempts) or 1, **fields})


def finished() -> Finished:
    return Finished(id=next(_ids), at=0.0, type="finished")


def breaches(events: Iterable[BatchEvent], expected: Outcome = Outcome.PASSED) -> list[str]:
    """Of a batch of one test, ``t``; its verdicts are those of the events."""
    ledger = Ledger({"t": expected})
    seen = list(events)
    for event in seen:
        ledger.see(event)
    ledger.close(event.verdict for event in seen if isinstance(event, VerdictWritten))
    return ledger.breaches


@pytest.mark.parametrize(
    "events",
    [
        [published(), claimed(), ended(), finished()],
        [published(), claimed(), failed(), claimed(2), ended(CRASH, AGAIN), finished()],
        [published(), claimed(), failed(in_place=True), ended(CRASH, AGAIN), finished()],
        [published(), claimed(), given_back(), claimed(), ended(), finished()],
    ],
    ids=["at once", "elsewhere", "in place", "given back"],
)
def test_ways_that_a_test_may_take_are_no_breach(events: list[BatchEvent]) -> None:
    assert breaches(events) == []


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([published(), claimed(), finished()], "lost"),
        ([published(), claimed(), ended(), ended(), finished()], "2 verdicts"),
        ([published(), claimed(), claimed(), ended(), finished()], "claimed of attempt 1 while it was running"),
        ([published(), claimed(2), ended(), finished()], "claimed of attempt 2 while 1 was due"),
        ([published(), ended(), finished()], "verdict of attempt 1 while it was waiting"),
        ([published(), claimed(), failed(), ended(CRASH, AGAIN), finished()], "while it was waiting"),
        ([published(), claimed(), ended(), claimed(), finished()], "claimed of attempt 1 while it was done"),
        ([published(), claimed(), failed(), claimed(2), ended(AGAIN, AGAIN), finished()], "another story"),
        ([published(), claimed(), ended(outcome=Outcome.ERROR), finished()], "error, must be passed"),
        ([published(), claimed(test="other"), claimed(), ended(), finished()], "is no test of the batch"),
        ([published(2), claimed(), ended(), finished()], "published with 2 tests, not 1"),
        ([published(), claimed(), ended()], "never told that it is finished"),
        ([published(), finished(), claimed(), ended()], "after the batch was finished"),
    ],
    ids=[
        "lost", "doubled", "two holders", "number ahead", "no holder", "twin of a former attempt", "after the verdict",
        "history forged", "wrong verdict", "unknown test", "wrong total", "unfinished", "after the end",
    ],
)  # fmt: skip
def test_what_breaks_a_promise_is_found(events: list[BatchEvent], said: str) -> None:
    found = breaches(events)
    assert any(said in one for one in found), found


def test_a_test_that_must_fail_and_passes_is_found() -> None:
    assert breaches([published(), claimed(), ended(), finished()], Outcome.FAILED) == ["t: passed, must be failed"]
