"""One batch in detail: verdicts by cell, the slowest, the notable ones; and one test's way. Blocking, as reading.py."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import Any

from jobs.artefacts import ArtefactStore
from jobs.batches import BatchStore, UnknownBatch
from jobs.batches.keyspace import redis_time, text
from jobs.batches.rows import Row, read_history
from jobs.batches.values import Owner
from jobs.dashboard.reading import batch_told
from jobs.dashboard.told import ArtefactTold, AttemptTold, Board, CellTold, TestTold, VerdictTold
from jobs.specs import Outcome, TestSpec, Verdict
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType

# Tests that each of the page's lists shows.
SLOWEST_SHOWN, NOTABLE_SHOWN, WAITING_SHOWN = 10, 200, 50
# Leases looked through for those of one batch.
_LEASES_LOOKED_AT = 1000

_Cell = tuple[BrowserType, str, str]


class BoardReader:
    """Reads one batch, new verdicts only: what was read is kept as counts."""

    def __init__(self, store: BatchStore, artefacts: ArtefactStore, batch: str) -> None:
        self._store = store
        self._artefacts = artefacts
        self._batch = batch
        self._read = 0
        self._places: dict[str, int] = {}
        self._totals: Counter[_Cell] = Counter()
        self._outcomes: dict[_Cell, Counter[str]] = {}
        self._marks: dict[_Cell, Counter[str]] = {}
        self._slowest: list[tuple[float, int, VerdictTold]] = []
        self._notable: deque[VerdictTold] = deque(maxlen=NOTABLE_SHOWN)
        self._notable_total = 0

    def read(self) -> Board:
        """The batch now.

        Raises:
            UnknownBatch: there is none of this name.
        """
        store = self._store
        header, progress = store.header_and_progress(self._batch)
        if not self._totals:
            self._count_cells()
        for verdict in store.verdicts(self._batch, self._read):
            self._count(verdict)
        leases, parked = self._waiting()
        return Board(
            batch=batch_told(header, progress),
            allow=tuple(sorted(header.allow)),
            cells=tuple(self._cell(cell) for cell in sorted(self._totals)),
            slowest=tuple(one for *_, one in sorted(self._slowest, reverse=True)),
            notable=tuple(reversed(self._notable)),
            notable_total=self._notable_total,
            running_tests=leases,
            parked_tests=parked,
            late=progress.late,
            artefacts=len(self._artefacts.of_batch(self._batch)),
        )

    def test(self, test: str) -> TestTold:
        """One test's way so far.

        Raises:
            UnknownBatch: there is no such batch, or no such test in it.
        """
        store, batch = self._store, self._batch
        with store.client.pipeline(transaction=True) as pipe:
            pipe.hget(store.key(batch, ":specs"), test)
            pipe.hget(store.key(batch, ":rows"), test)
            pipe.hget(store.key(batch, ":history"), test)
            spec_json, row_json, records = pipe.execute()
        if spec_json is None or row_json is None:
            raise UnknownBatch(f"no test {test!r} in a batch {batch!r}")
        spec, row, now = (
            TestSpec.model_validate_json(spec_json),
            Row.model_validate_json(row_json),
            redis_time(store.client),
        )
        _, model, platform = _cell_of(spec)
        verdict = self._verdict_of(test) if row.status == "done" else None
        attempts = [_attempt(record) for record in (verdict.attempts if verdict else read_history(records))]
        if row.status == "running":
            attempts.append(_running(row, now))
        return TestTold(
            batch=batch,
            test=test,
            status=row.status,
            queue=row.queue,
            asked=spec.browser.value,
            model=model,
            platform=platform,
            attempts=tuple(attempts),
            verdict=verdict_told(verdict) if verdict else None,
            measurement=_measurement(verdict),
            artefacts=tuple(
                ArtefactTold(attempt=one.attempt, name=one.name, size=one.size)
                for one in self._artefacts.of_batch(batch)
                if one.test == test
            ),
            now=now,
        )

    def _verdict_of(self, test: str) -> Verdict | None:
        for verdict in self._store.verdicts(self._batch, self._read):
            self._count(verdict)
        place = self._places.get(test)
        told: Any = (
            None if place is None else self._store.client.lindex(self._store.key(self._batch, ":verdicts"), place)
        )
        return None if told is None else Verdict.model_validate_json(told)

    def _count_cells(self) -> None:
        for _, spec_json in self._store.client.hscan_iter(self._store.key(self._batch, ":specs"), count=1000):
            self._totals[_cell_of(TestSpec.model_validate_json(spec_json))] += 1

    def _count(self, verdict: Verdict) -> None:
        cell = _cell_of(verdict)
        told = verdict_told(verdict)
        self._places[verdict.test] = self._read
        self._read += 1
        self._outcomes.setdefault(cell, Counter())[verdict.outcome.value] += 1
        marks = self._marks.setdefault(cell, Counter())
        marks.update(mark for mark in ("recovered", "degraded", "simulated") if getattr(verdict, mark))
        entry = (verdict.seconds, -self._read, told)
        (heapq.heappush if len(self._slowest) < SLOWEST_SHOWN else heapq.heappushpop)(self._slowest, entry)
        if verdict.outcome is not Outcome.PASSED or told.recovered or told.degraded or told.simulated:
            self._notable.append(told)
            self._notable_total += 1

    def _cell(self, cell: _Cell) -> CellTold:
        browser, model, platform = cell
        marks = self._marks.get(cell, Counter())
        return CellTold(
            browser=browser,
            model=model,
            platform=platform,
            total=self._totals[cell],
            outcomes=dict(self._outcomes.get(cell, {})),
            recovered=marks["recovered"],
            degraded=marks["degraded"],
            simulated=marks["simulated"],
        )

    def _waiting(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        store, prefix = self._store, f"{self._batch}:"
        with store.client.pipeline(transaction=False) as pipe:
            pipe.zrange(store.shared_key("leases"), 0, _LEASES_LOOKED_AT - 1)
            pipe.srandmember(store.key(self._batch, ":parked"), WAITING_SHOWN)
            leases, parked = pipe.execute()
        mine = [name.removeprefix(prefix) for name in map(text, leases) if name.startswith(prefix)]
        return tuple(sorted(mine)[:WAITING_SHOWN]), tuple(sorted(map(text, parked)))


def verdict_told(verdict: Verdict) -> VerdictTold:
    """A verdict in one line."""
    return VerdictTold(
        test=verdict.test,
        outcome=verdict.outcome.value,
        reason=verdict.reason,
        browser=None if verdict.browser is None else verdict.browser.value,
        recovered=verdict.recovered,
        degraded=verdict.degraded,
        simulated=verdict.simulated,
        attempts=len(verdict.attempts),
        seconds=verdict.seconds,
    )


def _cell_of(test: TestSpec | Verdict) -> _Cell:
    """A test of a user's own has its function where others have their model, and no platform."""
    if isinstance(test, Verdict):
        browser, function = test.asked_browser, test.function
    else:
        browser, function = test.browser, test.python.function if test.python else None
    return browser, test.model or function or "", test.platform.value if test.platform else ""


def _attempt(record: AttemptRecord) -> AttemptTold:
    return AttemptTold(
        number=record.number,
        browser=None if record.browser is None else record.browser.value,
        level=None if record.level is None else int(record.level),
        strategy=record.strategy,
        worker=record.worker,
        outcome=record.outcome,
        cause=record.cause,
        started_at=record.started_at,
        seconds=record.seconds,
    )


def _running(row: Row, now: float) -> AttemptTold:
    return AttemptTold(
        number=row.number,
        browser=None if row.browser is None else row.browser.value,
        level=None if row.level is None else int(row.level),
        strategy=row.strategy,
        worker=Owner.model_validate_json(row.owner).node if row.owner else "",
        outcome="running",
        cause="",
        started_at=row.claimed_at,
        seconds=max(0.0, now - row.claimed_at),
        running=True,
    )


def _measurement(verdict: Verdict | None) -> dict[str, float | int | str | bool | None] | None:
    if verdict is None or verdict.measurement is None:
        return None
    told = verdict.measurement.model_dump(mode="json")
    adapter = told.pop("adapter", None)
    if adapter:
        told["adapter"] = " ".join(filter(None, (adapter["vendor"], adapter["architecture"])))
        told["software_adapter"] = adapter["software"]
    return {name: value for name, value in told.items() if not isinstance(value, (dict, list))}
