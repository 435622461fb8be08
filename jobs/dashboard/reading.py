"""Read how the farm stands, in a few trips and one for each open batch. Blocking: live.py calls it in a thread."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from breakers import CircuitMetrics
from jobs.backend import Backend
from jobs.batches import Node, Progress, Session
from jobs.batches.keyspace import text, totals_key
from jobs.batches.totals import Totals, read_totals
from jobs.batches.values import BatchHeader, UnknownBatch
from jobs.dashboard.told import (
    KINDS,
    BatchTold,
    BrowserTold,
    CircuitTold,
    Kind,
    NodeTold,
    Recovery,
    RecoveryTold,
    SessionTold,
    State,
)
from jobs.recoveries import DAYS_KEPT, summary
from jobs.routing import QUEUE_NAMES, browser_queue
from recovery.kinds import BrowserType

# Batches that the list shows.
BATCHES_SHOWN = 50
# Recoveries that the page shows.
RECOVERIES_SHOWN = 200

_TURNS_AWAY = ("open", "forced_open")


class Reading(NamedTuple):
    """The farm at one moment."""

    at: float
    circuits: dict[str, CircuitTold]
    metrics: Mapping[str, CircuitMetrics]
    nodes: tuple[Node, ...]
    sessions: tuple[Session, ...]
    queues: Mapping[str, int]
    batches: tuple[BatchTold, ...]
    waiting: Mapping[str, Progress]
    leases: int
    parked: int
    totals: Totals

    def browsers(self) -> tuple[BrowserTold, ...]:
        """Each browser that somebody serves, that has a circuit, or that something waits for."""
        told = []
        for browser in BrowserType:
            queue, circuit = browser_queue(browser), self.circuits.get(f"browser:{browser.value}")
            counts = [progress.queues[queue] for progress in self.waiting.values() if queue in progress.queues]
            told.append(
                BrowserTold(
                    browser=browser,
                    circuit=circuit.state if circuit else None,
                    health=circuit.health if circuit else None,
                    workers=tuple(node.node for node in self.nodes if queue in node.queues),
                    sessions=tuple(_session(one) for one in self.sessions if one.browser is browser),
                    queue=self.queues[queue],
                    waiting=sum(count.queued for count in counts),
                    running=sum(count.running for count in counts),
                    parked=sum(count.parked for count in counts),
                )
            )
        return tuple(one for one in told if one.circuit or one.workers or one.queue or one.waiting or one.running)

    def nodes_told(self) -> tuple[NodeTold, ...]:
        """The workers, by name."""
        sessions = Counter(session.node for session in self.sessions)
        return tuple(
            NodeTold(
                node=node.node,
                pid=node.pid,
                queues=node.queues,
                sessions=sessions[node.node],
                circuit=circuit.state if (circuit := self.circuits.get(f"worker:{node.node}")) else None,
                quarantined=circuit is not None and circuit.state in _TURNS_AWAY,
            )
            for node in self.nodes
        )

    def calls(self) -> dict[Kind, tuple[int, int]]:
        """Calls and failures so far, by component type."""
        sums: dict[Kind, list[int]] = {kind: [0, 0] for kind in KINDS}
        for circuit in self.circuits.values():
            sums[circuit.kind][0] += circuit.executions
            sums[circuit.kind][1] += circuit.failures
        return {kind: (calls, failures) for kind, (calls, failures) in sums.items()}


class Reader:
    """Reads the farm of one backend. Remembers batches that ended: they don't change any more."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._ended: dict[str, BatchTold] = {}

    def read(self) -> Reading:
        """The farm now.

        Raises:
            redis.RedisError, breakers.BreakerError: Redis is away.
        """
        backend = self.backend
        metrics = backend.registry.get_metrics()["circuits"]
        nodes = tuple(backend.presence.nodes())
        sessions = tuple(backend.presence.sessions(node.node for node in nodes))
        store = backend.store
        with store.client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hgetall(totals_key(store.prefix))
            pipe.zcard(store.shared_key("leases"))
            pipe.zcard(store.shared_key("parked"))
            pipe.zrevrange(store.shared_key("recent"), 0, BATCHES_SHOWN - 1)
            pipe.smembers(store.shared_key("open"))
            for queue in QUEUE_NAMES:
                pipe.llen(queue)
            now, totals, leases, parked, recent, still_open, *lengths = pipe.execute()
        at = now[0] + now[1] / 1e6
        names = dict.fromkeys([*map(text, recent), *sorted(map(text, still_open))])
        batches, progress = self._batches(names)
        return Reading(
            at=at,
            circuits={name: circuit_told(one, at) for name, one in metrics.items()},
            metrics=metrics,
            nodes=nodes,
            sessions=sessions,
            queues=dict(zip(QUEUE_NAMES, lengths, strict=True)),
            batches=batches,
            waiting=progress,
            leases=leases,
            parked=parked,
            totals=read_totals(totals),
        )

    def recovery(self, reading: Reading) -> Recovery:
        """What recoveries did."""
        latest = [
            RecoveryTold(
                at=_unix(one["timestamp"]),
                method=one["recovery_method"],
                browser=one["browser"],
                level=one["level"],
                succeeded=one["succeeded"],
            )
            for name, circuit in reading.metrics.items()
            if name.startswith("browser:")
            for one in circuit["recovery_history"]
        ]
        latest.sort(key=lambda one: one.at)
        return Recovery(
            at=reading.at,
            days=DAYS_KEPT,
            summary=summary(self.backend.client, prefix=self.backend.store.prefix),
            latest=tuple(latest[-RECOVERIES_SHOWN:]),
            parked=reading.parked,
            running=reading.leases,
        )

    def _batches(self, names: Iterable[str]) -> tuple[tuple[BatchTold, ...], dict[str, Progress]]:
        told, running = [], {}
        for name in names:
            if name not in self._ended:
                try:
                    header, progress = self.backend.store.header_and_progress(name)
                except UnknownBatch:  # expired
                    continue
                one = batch_told(header, progress)
                if not progress.finished:
                    running[name] = progress
                    told.append(one)
                    continue
                self._ended[name] = one
            told.append(self._ended[name])
        self._ended = {name: self._ended[name] for name in names if name in self._ended}
        return tuple(sorted(told, key=lambda one: -one.created_at)), running


def circuit_told(metrics: CircuitMetrics, now: float) -> CircuitTold:
    """A circuit's tile."""
    window, settings = metrics["window"], metrics["settings"]
    enough = window["samples"] >= settings.min_samples_for_stats
    state: Any = metrics["current_state"]
    opens_for = metrics["retry_after"]
    return CircuitTold(
        name=metrics["name"],
        kind=kind_of(metrics["name"]),
        state=state,
        since=round(metrics["since"], 3),
        # Rounded, so that a circuit that stays as it is looks the same at every reading.
        open_until=None if state != "open" or math.isinf(opens_for) else round(now + opens_for, 1),
        health=metrics["health"],
        executions=metrics["executions"],
        failures=metrics["failures"],
        failure_rate=window["failure_rate"] if enough else None,
        samples=window["samples"],
        failures_in_a_row=metrics["failures_in_a_row"],
        failure_threshold=settings.failure_threshold,
        rejected=metrics["rejected"],
        opens=metrics["circuit_open_count"],
        downtime=0.0 if state in _TURNS_AWAY else round(metrics["avg_downtime_seconds"], 1),
        seconds_p50=window["seconds_p50"],
        seconds_p95=window["seconds_p95"],
        recoveries=metrics["recoveries"],
        recovery_attempts=metrics["recovery_attempts"],
    )


def kind_of(name: str) -> Kind:
    """The component type that a circuit's name tells."""
    prefix = name.partition(":")[0]
    return next((kind for kind in KINDS if kind == prefix), "other")


def batch_told(header: BatchHeader, progress: Progress) -> BatchTold:
    """A batch's line."""
    return BatchTold(
        id=header.id,
        name=header.name,
        created_at=header.created_at,
        total=progress.total,
        queued=progress.queued,
        running=progress.running,
        parked=progress.parked,
        outcomes=progress.outcomes,
        cancelled=progress.cancelled,
        finished=progress.finished,
    )


def states_of(circuits: Iterable[CircuitTold]) -> dict[State, int]:
    """How many circuits are in each state."""
    counts: dict[State, int] = defaultdict(int)
    for circuit in circuits:
        counts[circuit.state] += 1
    return dict(counts)


def _session(session: Session) -> SessionTold:
    return SessionTold.model_validate(session.model_dump(include=set(SessionTold.model_fields)))


def _unix(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
