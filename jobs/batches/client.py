"""What a program calls that is a farm's client: ``from jobs.batches import enqueue, wait, report``.

The farm is the one behind ``BREAKWATER_REDIS_URL``, or at the ``url`` that is given.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from jobs.batches.events import BatchEvent
from jobs.batches.values import BatchHeader, Priority, Progress
from jobs.specs import TestSpec, Verdict

# What is imported in the functions knows this package, and brings Celery and the models' catalogue along.
if TYPE_CHECKING:
    from breakers import CircuitView
    from jobs.backend import Backend
    from jobs.plan import Plan
    from jobs.reports.summary import Summary


@dataclass(frozen=True)
class BatchReport:
    """A batch as it stands: finished if it has as many verdicts as tests."""

    header: BatchHeader
    progress: Progress
    verdicts: tuple[Verdict, ...]
    summary: Summary

    @property
    def finished(self) -> bool:
        """Whether every test has its verdict."""
        return self.progress.finished


def enqueue(
    tests: Plan | Path | str | Iterable[TestSpec],
    *,
    batch_id: str | None = None,
    name: str = "batch",
    allow: Collection[str] = (),
    policy: Mapping[str, JsonValue] | None = None,
    priority: Priority = "normal",
    fail_fast: bool = False,
    url: str | None = None,
) -> str:
    """Publish a batch, whole or not at all, and return its id. The tests may be a generator of a million.

    Publishing the same tests under the same id again is the same batch.

    Args:
        tests: a batch file's path, a ``Plan`` (both say all the rest themselves), or the tests one by one.
        batch_id: up to 100 letters, digits and ``.``, ``_``, ``-``; by default one is made.
        name: for reports.
        allow: marks that don't spoil the exit code: ``degraded``, ``simulated``.
        policy: overrides of the recovery policy.
        priority: which tests a worker takes first.
        fail_fast: the first test that fails cancels the rest.
        url: the farm's Redis.

    Raises:
        BadInput: the batch file, the id or the policy is not as it must be.
        BatchConflict: the id belongs to a batch of other tests.
        DuplicateTest: a test id occurs twice.
        FarmFull: its Redis has no room for more.
    """
    from jobs.batch_file import load_plan  # noqa: PLC0415
    from jobs.plan import Plan  # noqa: PLC0415

    plan = load_plan(Path(tests)) if isinstance(tests, (str, Path)) else tests
    if isinstance(plan, Plan):
        header, specs = plan.header(batch_id), plan.tests()
    else:
        header = BatchHeader.model_validate(
            {
                "id": batch_id or f"batch-{uuid.uuid4().hex[:12]}",
                "name": name,
                "created_at": time.time(),
                "allow": frozenset(allow),
                "policy": dict(policy or {}),
                "priority": priority,
                "fail_fast": fail_fast,
            }
        )
        specs = iter(plan)
    with _farm(url) as backend:
        backend.store.publish(header, specs)
    return header.id


def wait(
    batch: str,
    *,
    timeout: float | None = None,
    on_event: Callable[[BatchEvent], None] | None = None,
    url: str | None = None,
) -> Progress:
    """Wait until every test of a batch has its verdict, and do a client's share of the farm's work meanwhile.

    Args:
        batch: its id.
        timeout: seconds; the batch itself goes on.
        on_event: told of all that happens.
        url: the farm's Redis.

    Raises:
        TimeoutError: it is not finished by then.
        UnknownBatch: there is no such batch.
    """
    from jobs.waiting import Waiting  # noqa: PLC0415

    with _farm(url) as backend:
        finished = Waiting(backend, batch, _Told(on_event)).until_finished(timeout)
        progress = backend.store.progress(batch)
    if not finished:
        raise TimeoutError(f"batch {batch} is not finished after {timeout:g} s: {progress.done} of {progress.total}")
    return progress


def report(batch: str, *, url: str | None = None) -> BatchReport:
    """All that is known of a batch, finished or not. ``jobs.reports`` writes files of it.

    Raises:
        UnknownBatch: there is no such batch.
    """
    from jobs.reports.summary import summarise  # noqa: PLC0415

    with _farm(url) as backend:
        store = backend.store
        header, progress = store.header(batch), store.progress(batch)
        verdicts = tuple(store.verdicts(batch))
    return BatchReport(header, progress, verdicts, summarise(verdicts, header.allow))


class _Told:
    """A listener of one function."""

    def __init__(self, on_event: Callable[[BatchEvent], None] | None) -> None:
        self._on_event = on_event

    def happened(self, event: BatchEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def progressed(self, progress: Progress, open_circuits: Mapping[str, CircuitView]) -> None:
        pass

    def noted(self, note: str) -> None:
        pass


@contextmanager
def _farm(url: str | None) -> Iterator[Backend]:
    from jobs.backend import Backend  # noqa: PLC0415
    from jobs.settings import settings  # noqa: PLC0415

    config = settings()
    backend = Backend(config if url is None else config.model_copy(update={"redis_url": url}))
    try:
        yield backend
    finally:
        backend.registry.close()
        backend.client.close()
