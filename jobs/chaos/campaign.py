"""One campaign: a farm of its own, tests whose verdicts are known, kills by plan, and an account of what was kept."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
import redis

from breakers import CircuitMetrics
from jobs.backend import Backend
from jobs.batches import BatchHeader, Progress
from jobs.batches.events import BatchEvent
from jobs.chaos.ledger import Ledger
from jobs.chaos.leftovers import Watch
from jobs.chaos.load import KnownTest
from jobs.chaos.strikes import Strike
from jobs.chaos.victims import Victim, node_of, victims_among
from jobs.farm import Farm
from jobs.farm_failure import FarmFailure
from jobs.settings import settings
from jobs.specs import Verdict
from jobs.waiting import Waiting
from recovery import BrowserType

# Seconds until every worker node of the farm must have announced itself.
_START = 90.0
# Seconds that a batch may take, however many tests it has, and for each test. More is a test that is never done.
_PATIENCE, _PATIENCE_A_TEST = 300.0, 5.0

# Seconds that Redis may be away.
_ABSENCE = 60.0

Say = Callable[[str], None]
_Reply = TypeVar("_Reply")


@dataclass(frozen=True)
class Account:
    """What a campaign did, and what of the promises was not kept."""

    verdicts: tuple[Verdict, ...]
    seconds: float
    """From the first publish to the last verdict."""
    strikes: Mapping[Victim, int]
    restarts: int
    """Parts of the farm that had to be started again from outside."""
    late: int
    """Results of attempts that had gone on elsewhere: fenced off and dropped."""
    events: int
    circuits: Mapping[str, CircuitMetrics]
    breaches: tuple[str, ...]
    leftovers: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.breaches and not self.leftovers


class Striker:
    """Kills by plan, in the rounds that its campaign gives it."""

    def __init__(self, plan: Iterator[Strike], watch: Watch, say: Say) -> None:
        self._plan = plan
        self._next: Strike | None = next(plan, None)
        self._watch = watch
        self._say = say
        self._started = time.monotonic()
        self.counts: Counter[Victim] = Counter()
        self.done = 0
        """Verdicts so far, to be told with each kill."""

    def round(self) -> None:
        """Do the strike that is due; of several that were missed, only the last one."""
        passed = time.monotonic() - self._started
        due = None
        while self._next is not None and self._next.at <= passed:
            due = self._next if due is None or due.victim is not Victim.REDIS else due
            self._next = next(self._plan, None)
        if due is not None:
            self._strike(due, passed)

    def _strike(self, strike: Strike, passed: float) -> None:
        chosen = strike.choose(victims_among(self._watch.processes()))
        if chosen is None:
            return
        kind, process = chosen
        try:
            name = node_of(process) or process.name()
            process.kill()
        except psutil.Error:
            return
        self.counts[kind] += 1
        line = f"{passed:6.1f} s  kill {strike.number:3}: {kind.value} {name} (pid {process.pid})"
        self._say(f"{line}, {self.done} tests done")


def campaign(
    batches: Iterable[Sequence[KnownTest]],
    crew: Sequence[BrowserType],
    *,
    name: str,
    policy: Mapping[str, Any] | None = None,
    plan: Iterator[Strike] | None = None,
    say: Say = lambda _: None,
    log_dir: Path | None = None,
) -> Account:
    """Start a farm, run the batches one after another while the plan's strikes fall, end the farm, and give account.

    ``policy`` overrides the recovery policy.

    Raises:
        FarmFailure: the farm does not start, or a part of it won't live.
    """
    watch = Watch()
    breaches: list[str] = []
    verdicts: list[Verdict] = []
    late = events = restarts = 0
    with Farm(crew, log_dir=log_dir, env=watch.env()) as farm:
        backend = Backend(settings().model_copy(update={"redis_url": farm.url}))
        _wait_for_all(backend, farm)
        started = time.monotonic()
        striker = Striker(plan or iter(()), watch, say)

        def tend() -> list[str]:
            nonlocal restarts
            striker.round()
            revived = farm.tend()
            restarts += len(revived)
            return revived

        for tests in batches:
            header = _header(name, tests, policy)
            # Idempotent: should its reply be lost, the same id with the same tests is the same batch.
            _patiently(partial(_publish, backend, header, tests), tend)
            book = _Book(tests, striker)
            wait = Waiting(backend, header.id, book, tend=tend)
            if not wait.until_finished(_PATIENCE + _PATIENCE_A_TEST * len(tests)):
                breaches.append(f"batch {header.id} was not finished in time")
            ended = _patiently(partial(_verdicts, backend, header.id), tend)
            book.ledger.close(ended)
            breaches += book.ledger.breaches
            verdicts += ended
            late += _patiently(partial(backend.store.progress, header.id), tend).late
            events += book.ledger.told.total()
        seconds = time.monotonic() - started
        circuits = _patiently(lambda: backend.registry.get_metrics()["circuits"], tend)
        watch.processes()
    return Account(
        verdicts=tuple(verdicts),
        seconds=seconds,
        strikes=dict(striker.counts),
        restarts=restarts,
        late=late,
        events=events,
        circuits=circuits,
        breaches=tuple(breaches),
        leftovers=tuple(watch.leftovers()),
    )


class _Book:
    """Hears what happens to a batch, and enters it."""

    def __init__(self, tests: Sequence[KnownTest], striker: Striker) -> None:
        self.ledger = Ledger({test.spec.id: test.outcome for test in tests})
        self._striker = striker

    def happened(self, event: BatchEvent) -> None:
        self.ledger.see(event)
        self._striker.done += event.type == "verdict"

    def progressed(self, progress: Progress, open_circuits: Mapping[str, object]) -> None:
        pass

    def noted(self, note: str) -> None:
        pass


def _header(name: str, tests: Sequence[KnownTest], policy: Mapping[str, Any] | None) -> BatchHeader:
    return BatchHeader(
        id=f"{name}-{uuid.uuid4().hex[:8]}",
        name=name,
        created_at=time.time(),
        allow=frozenset({"degraded", "simulated"}),
        policy=dict(policy or {}),
        total=len(tests),
    )


def _publish(backend: Backend, header: BatchHeader, tests: Sequence[KnownTest]) -> None:
    backend.store.publish(header, (test.spec for test in tests))


def _verdicts(backend: Backend, batch: str) -> list[Verdict]:
    return list(backend.store.verdicts(batch))


def _wait_for_all(backend: Backend, farm: Farm) -> None:
    deadline = time.monotonic() + _START
    while len(backend.presence.nodes()) < len(farm.workers):
        if time.monotonic() > deadline:
            raise FarmFailure(f"not all {len(farm.workers)} workers of the farm were there within {_START:.0f} s")
        time.sleep(0.1)


def _patiently(ask: Callable[[], _Reply], tend: Callable[[], object]) -> _Reply:
    """Ask Redis, again while it is away: a strike may just have hit it."""
    deadline = time.monotonic() + _ABSENCE
    while True:
        try:
            return ask()
        except (redis.ConnectionError, redis.TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            tend()
