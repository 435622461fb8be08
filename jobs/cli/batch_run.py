"""Take a plan through a farm: publish, wait, cancel on Ctrl-C, sum up. Every command that waits is made of this."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from breakers import CircuitMetrics
from jobs.backend import Backend
from jobs.bad_input import BadInput
from jobs.batches import BatchConflict, BatchHeader, DuplicateTest, UnknownBatch
from jobs.cli.farms import FarmInUse, farm_for, is_named
from jobs.cli.views import View
from jobs.farm_failure import FarmFailure
from jobs.own.embedding import workers_environment
from jobs.plan import Plan
from jobs.reports.artefact_files import NO_FILES, ArtefactFiles, by_attempt
from jobs.reports.summary import Summary, is_green, summarise
from jobs.reports.thresholds import Comparison
from jobs.settings import settings
from jobs.specs import Outcome, Verdict
from jobs.waiting import Waiting

# Seconds that workers have to notice a cancelled batch before the command leaves them to it.
_CANCEL_GRACE = 8.0
# Verdicts of note that are kept for the screen; the reports have all.
MOST_NOTABLE = 1000


@dataclass(frozen=True)
class Ran:
    """A batch as it stands when a command is done with it, finished or not."""

    header: BatchHeader
    summary: Summary
    notable: tuple[Verdict, ...]
    """Verdicts that are not simply passed, up to ``MOST_NOTABLE``."""
    not_green: tuple[str, ...]
    """The tests whose verdict is not as the batch wants it."""
    verdicts: tuple[Verdict, ...]
    """All verdicts, if they were asked for: they may be a million."""
    files: ArtefactFiles
    """What attempts left, where that was written to."""
    circuits: dict[str, CircuitMetrics]
    seconds: float
    comparison: Comparison | None = None
    """Beside a former batch, if that was asked for."""

    @property
    def finished(self) -> bool:
        """Whether every test has its verdict."""
        return self.summary.total == self.header.total


def run_plan(
    plan: Plan,
    view: View,
    *,
    batch: str | None = None,
    concurrency: int = 1,
    log_dir: Path | None = None,
    keep_verdicts: bool = True,
    artefacts: Path | None = None,
) -> Ran:
    """Publish the plan, under the id that is given, and wait until every test has its verdict.

    ``artefacts``: the folder that what attempts left is written to.
    Ctrl-C cancels the batch: its tests end as ``cancelled`` and are in the result like all others.
    """
    started = time.monotonic()
    try:
        environment = {} if is_named() else workers_environment(plan, settings())
        with farm_for(plan.all_browsers(), concurrency, log_dir, environment) as farm:
            header = publish(farm.backend, plan, batch)
            follow(farm, header, view, on_interrupt="cancel")
            return sum_up(farm.backend, header.id, keep_verdicts, artefacts, time.monotonic() - started)
    except UnknownBatch as error:
        raise FarmFailure(f"the batch is gone: its Redis lost its data ({error})") from error


def publish(backend: Backend, plan: Plan, batch: str | None = None) -> BatchHeader:
    """Publish the plan; if a batch of this id and content is there already, it is that one.

    Raises:
        BadInput: the id is taken by other content, or the plan names a test twice.
    """
    header = plan.header(batch)
    try:
        backend.store.publish(header, plan.tests())
    except (BatchConflict, DuplicateTest) as error:
        raise BadInput(str(error)) from error
    return header


def follow(
    farm: FarmInUse,
    header: BatchHeader,
    view: View,
    *,
    on_interrupt: Literal["cancel", "leave"],
    serve: bool = True,
    seconds: float | None = None,
) -> None:
    """Show a batch until it is finished, or for ``seconds``."""
    backend = farm.backend
    try:
        view.started(header, farm.where)
        if farm.embedded is None:
            for note in queue_notes(backend, header.id):
                view.noted(note)
        tend = farm.embedded.tend if farm.embedded else None
        try:
            Waiting(backend, header.id, view, serve=serve, tend=tend).until_finished(seconds)
        except KeyboardInterrupt:
            if on_interrupt == "leave":
                raise
            view.noted("interrupted: cancelling the batch; Ctrl-C again leaves at once")
            backend.store.cancel(header.id)
            Waiting(backend, header.id, view).until_finished(_CANCEL_GRACE)
    finally:
        view.close()


def sum_up(
    backend: Backend, batch: str, keep_verdicts: bool, artefacts: Path | None = None, seconds: float | None = None
) -> Ran:
    """The batch's verdicts so far, counted; its artefacts are written to the folder ``artefacts``.

    ``seconds``: how long it took; unless known, as its verdicts tell.

    Raises:
        UnknownBatch: there is no such batch.
        FarmFailure: an artefact can't be written.
    """
    header = backend.store.header(batch)
    notable: list[Verdict] = []
    not_green: list[str] = []
    kept: list[Verdict] = []

    def passing() -> Iterator[Verdict]:
        for verdict in backend.store.verdicts(batch):
            if _is_notable(verdict) and len(notable) < MOST_NOTABLE:
                notable.append(verdict)
            if not is_green(verdict, header.allow):
                not_green.append(verdict.test)
            if keep_verdicts:
                kept.append(verdict)
            yield verdict

    summary = summarise(passing(), header.allow)
    circuits = backend.registry.get_metrics()["circuits"]
    if seconds is None:
        seconds = max(0.0, (backend.store.last_event_at(batch) or 0.0) - header.created_at)
    return Ran(
        header, summary, tuple(notable), tuple(not_green), tuple(kept), _export(backend, batch, artefacts),
        circuits, seconds,
    )  # fmt: skip


def _export(backend: Backend, batch: str, folder: Path | None) -> ArtefactFiles:
    if folder is None:
        return NO_FILES
    try:
        folder.mkdir(parents=True, exist_ok=True)  # there even if no attempt left anything: CI systems look for it
        return by_attempt(backend.artefacts.export(batch, folder))
    except OSError as error:
        raise FarmFailure(f"artefacts were not written to {folder}: {error.strerror}") from error


def _is_notable(verdict: Verdict) -> bool:
    """Whether it is not simply passed. A test that was asked to be simulated is, when it did pass."""
    was_asked = len(verdict.attempts) == 1 and verdict.attempts[0].level is None
    marked = verdict.recovered or verdict.degraded or (verdict.simulated and not was_asked)
    return verdict.outcome is not Outcome.PASSED or marked


def queue_notes(backend: Backend, batch: str) -> Iterator[str]:
    """What may keep the batch waiting: queues without a worker, and tests of others that wait there already."""
    ours = {queue: counts.queued for queue, counts in backend.store.progress(batch).queues.items() if counts.queued}
    manned = backend.presence.live_queues()
    missing = [queue for queue in ours if not manned.get(queue)]
    if missing:
        patience = settings().unserved_seconds
        yield f"no worker serves {', '.join(missing)} now; after {patience:.0f} s its tests go elsewhere"
    for queue, waiting in backend.store.waiting(ours).items():
        if waiting > ours[queue]:
            nodes = len(manned.get(queue, ()))
            yield f"{waiting - ours[queue]:,} tests of other batches wait in {queue}, which {nodes} workers serve"
