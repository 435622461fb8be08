"""Take a plan through a farm: publish, wait, cancel on Ctrl-C, report. ``run`` and ``demo`` are both made of this."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from breakers import CircuitMetrics
from jobs import tasks
from jobs.batches import BatchHeader, Claim, Owner, Reaper, StaleAttempt
from jobs.batches.unmanned import GRACE, UnmannedQueues
from jobs.browsers.finding import installed_browsers
from jobs.cli.views import View
from jobs.connections import connect_checked, without_password
from jobs.farm import Farm
from jobs.plan import Plan
from jobs.settings import settings
from jobs.specs import Verdict
from jobs.worker import BOOT, Backend

# Milliseconds that one read of the event stream waits; also how late a Ctrl-C may be heard.
_BLOCK_MS = 500
# Seconds between two rounds of reaping and tending.
_ROUND = 1.0
# Seconds that workers have to notice a cancelled batch before the command leaves them to it.
_CANCEL_GRACE = 8.0
# Seconds that Redis may be away while a command waits.
_REDIS_ABSENCE = 60.0


@dataclass(frozen=True)
class Ran:
    """A batch that ended: all its verdicts, and the circuits as they stood then."""

    header: BatchHeader
    verdicts: tuple[Verdict, ...]
    circuits: dict[str, CircuitMetrics]
    seconds: float


@contextmanager
def farm_for(plan: Plan, concurrency: int, log_dir: Path | None) -> Iterator[tuple[Backend, Farm | None, str]]:
    """The farm to use: the one behind ``BREAKWATER_REDIS_URL``, or an embedded one that ends with the block.

    Raises:
        RedisUnavailable, FarmFailure: in one line, within seconds.
    """
    config = settings()
    if "redis_url" in config.model_fields_set:
        connect_checked(config.redis_url).close()
        yield Backend(config), None, f"the farm at {without_password(config.redis_url)}"
        return
    browsers = plan.all_browsers() | set(installed_browsers(config))
    with Farm(sorted(browsers), concurrency=concurrency, log_dir=log_dir) as farm:
        names = ", ".join(sorted(browsers))
        yield (
            Backend(config.model_copy(update={"redis_url": farm.url})),
            farm,
            f"an embedded farm ({names}, simulation)",
        )


def run_plan(plan: Plan, view: View, *, concurrency: int = 1, log_dir: Path | None = None) -> Ran:
    """Publish the plan and wait until every test has its verdict.

    Ctrl-C cancels the batch: its tests end as ``cancelled`` and are in the result like all others.
    """
    started = time.monotonic()
    with farm_for(plan, concurrency, log_dir) as (backend, farm, where):
        header = BatchHeader(
            id=f"{plan.slug}-{uuid.uuid4().hex[:8]}",
            name=plan.name,
            created_at=time.time(),
            allow=plan.allow,
            policy=plan.policy_overrides,
            total=plan.total,
        )
        backend.store.publish(header, plan.tests())
        try:
            view.started(header, where)
            if farm is None:
                _say_what_is_unmanned(backend, header.id, view)
            try:
                wait(backend, header.id, view, farm.tend if farm else None)
            except KeyboardInterrupt:
                view.noted("interrupted: cancelling the batch; Ctrl-C again leaves at once")
                backend.store.cancel(header.id)
                wait(backend, header.id, view, None, seconds=_CANCEL_GRACE)
        finally:
            view.close()
        verdicts = tuple(backend.store.verdicts(header.id))
        return Ran(header, verdicts, backend.registry.get_metrics()["circuits"], time.monotonic() - started)


def _say_what_is_unmanned(backend: Backend, batch: str, view: View) -> None:
    manned = backend.presence.live_queues()
    missing = [queue for queue in backend.store.progress(batch).queues if not manned.get(queue)]
    if missing:
        view.noted(f"no worker serves {', '.join(missing)} now; waiting {GRACE:.0f} s for one")


def wait(
    backend: Backend, batch: str, view: View, tend: Callable[[], list[str]] | None, seconds: float | None = None
) -> None:
    """Follow a batch until it is finished, or for ``seconds``. Does a reaper's rounds meanwhile."""
    reaper = Reaper(backend.store)
    owner = Owner(node="client", boot=BOOT, pid=os.getpid())
    unmanned = UnmannedQueues(backend.store, backend.presence, batch, owner)
    ends = None if seconds is None else time.monotonic() + seconds
    after, next_round, redis_seen = "0", 0.0, time.monotonic()
    while ends is None or time.monotonic() < ends:
        try:
            for event in backend.store.events(batch, after, _BLOCK_MS):
                after = event.id
                view.happened(event)
                if event.type == "finished":
                    return
            progress = backend.store.progress(batch)
            view.progressed(progress)
            if time.monotonic() >= next_round:
                reaper.tick(lambda claim: tasks.worker_lost(backend, claim))
                for claim in unmanned.claims(progress):
                    _hand_over(backend, claim)
                next_round = time.monotonic() + _ROUND
            redis_seen = time.monotonic()
        except (redis.ConnectionError, redis.TimeoutError):
            if time.monotonic() - redis_seen > _REDIS_ABSENCE:
                raise
            time.sleep(0.2)
        for name in tend() if tend else ():
            view.noted(f"the embedded {name} died and was started again")


def _hand_over(backend: Backend, claim: Claim) -> None:
    with contextlib.suppress(StaleAttempt):  # a worker came after all
        tasks.nobody_serves(backend, claim)
