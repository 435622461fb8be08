"""The farm's metrics on Flower's /metrics, in Prometheus's terms. Read from the latest reading: a scrape asks nobody.

Every label's values are of a closed set, but for circuits' names: of those the first MOST_CIRCUITS are told by name.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from breakers import CircuitState
from jobs.dashboard.live import Live
from jobs.dashboard.reading import Reading, kind_of
from jobs.dashboard.told import KINDS, CircuitTold, TransitionTold
from jobs.totals_metrics import counter, histogram

# Circuits told by name: browsers and task types first, then workers. Names of containers must not heap up.
MOST_CIRCUITS = 200


class FarmCollector(Collector):
    """Collects from one process's reader."""

    def __init__(self, live: Live, registry: CollectorRegistry) -> None:
        self._live = live
        self._idle = IdleBatches()
        self._transitions = CounterMetric(
            "breakwater_circuit_transitions_total",
            "Changes of circuits' states, since this Flower started",
            ["kind", "state"],
            registry=registry,
        )
        for kind in KINDS:
            for state in CircuitState:
                self._transitions.labels(kind, state.value)
        live.on_transition.append(self._moved)
        live.on_reading.append(self._idle.take)
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the families' names depend on no configuration, and nobody else uses this prefix."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield GaugeMetricFamily(
            "breakwater_up", "Whether the farm's Redis can be read", value=0 if self._live.is_away else 1
        )
        reading = self._live.reading
        if reading is None:
            return
        yield from _of_circuits(reading)
        yield from _of_work(reading)
        yield from _of_workers(reading)
        yield from _of_tests(reading)
        yield GaugeMetricFamily("breakwater_batches_open", "Batches not finished", value=len(reading.waiting))
        yield GaugeMetricFamily(
            "breakwater_batch_idle_seconds",
            "Seconds since the last verdict of the open batch that waits longest for one; 0: none is open",
            value=self._idle.longest,
        )

    def _moved(self, transition: TransitionTold) -> None:
        self._transitions.labels(kind_of(transition.name), transition.state).inc()


class IdleBatches:
    """Since when each open batch has had no new verdict, as far as this process saw."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    @property
    def longest(self) -> float:
        """Seconds, of the batch that waits longest."""
        now = time.monotonic()
        return round(max((now - since for _, since in self._seen.values()), default=0.0), 1)

    def take(self, reading: Reading) -> None:
        """Look at the open batches."""
        now = time.monotonic()
        seen = {}
        for name, progress in reading.waiting.items():
            done, since = self._seen.get(name, (-1, now))
            seen[name] = (progress.done, since if progress.done == done else now)
        self._seen = seen


def _of_circuits(reading: Reading) -> Iterator[Metric]:
    circuits = reading.circuits.values()
    by_state = GaugeMetricFamily("breakwater_circuits", "Circuits in a state", labels=["kind", "state"])
    counts = Counter((circuit.kind, circuit.state) for circuit in circuits)
    for kind in KINDS:
        for state in CircuitState:
            by_state.add_metric([kind, state.value], counts[kind, state.value])
    yield by_state
    health = [circuit.health for circuit in circuits]
    yield GaugeMetricFamily(
        "breakwater_health", "Mean health of the circuits, 0 to 100", value=sum(health) / len(health) if health else 100
    )
    named = _named(circuits)
    labels = ["circuit", "kind"]
    states = GaugeMetricFamily(
        "breakwater_circuit_state", "1 for the state that the circuit is in", labels=[*labels, "state"]
    )
    healths = GaugeMetricFamily("breakwater_circuit_health", "Health of the circuit, 0 to 100", labels=labels)
    calls = CounterMetricFamily(
        "breakwater_circuit_calls", "Calls whose outcome was recorded", labels=[*labels, "outcome"]
    )
    rejected = CounterMetricFamily("breakwater_circuit_rejected", "Calls that were turned away", labels=labels)
    opens = CounterMetricFamily("breakwater_circuit_opens", "Times that the circuit opened", labels=labels)
    for one in named:
        values = [one.name, one.kind]
        for state in CircuitState:
            states.add_metric([*values, state.value], int(one.state == state.value))
        healths.add_metric(values, one.health)
        calls.add_metric([*values, "success"], one.executions - one.failures)
        calls.add_metric([*values, "failure"], one.failures)
        rejected.add_metric(values, one.rejected)
        opens.add_metric(values, one.opens)
    yield from (states, healths, calls, rejected, opens)


def _named(circuits: Iterable[CircuitTold]) -> list[CircuitTold]:
    order = ("browser", "task", "other", "worker")
    return sorted(circuits, key=lambda one: (order.index(one.kind), one.name))[:MOST_CIRCUITS]


def _of_work(reading: Reading) -> Iterator[Metric]:
    length = GaugeMetricFamily("breakwater_queue_length", "Messages in a queue", labels=["queue"])
    waiting = GaugeMetricFamily("breakwater_tests_waiting", "Tests of open batches that wait", labels=["queue"])
    states = GaugeMetricFamily("breakwater_queue_tests", "Tests of open batches", labels=["queue", "state"])
    for queue, messages in reading.queues.items():
        length.add_metric([queue], messages)
        counts = [progress.queues[queue] for progress in reading.waiting.values() if queue in progress.queues]
        waiting.add_metric([queue], sum(count.queued for count in counts))
        for state in ("queued", "parked", "running"):
            states.add_metric([queue, state], sum(getattr(count, state) for count in counts))
    yield from (length, waiting, states)
    yield GaugeMetricFamily("breakwater_leases", "Attempts that run: leases held", value=reading.leases)
    yield GaugeMetricFamily("breakwater_tests_parked", "Tests that wait for a circuit", value=reading.parked)


def _of_workers(reading: Reading) -> Iterator[Metric]:
    workers = GaugeMetricFamily("breakwater_workers", "Workers that read a queue", labels=["queue"])
    for queue in reading.queues:
        workers.add_metric([queue], sum(queue in node.queues for node in reading.nodes))
    yield workers
    yield GaugeMetricFamily(
        "breakwater_workers_quarantined",
        "Workers whose circuit is open",
        value=sum(node.quarantined for node in reading.nodes_told()),
    )
    sessions = GaugeMetricFamily("breakwater_sessions", "Live browsers", labels=["browser"])
    for browser, count in Counter(session.browser.value for session in reading.sessions).items():
        sessions.add_metric([browser], count)
    yield sessions


def _of_tests(reading: Reading) -> Iterator[Metric]:
    totals = reading.totals
    yield counter("breakwater_tests", "Verdicts", ["outcome", "browser"], totals.verdicts)
    marks = {(mark,): count for mark, count in totals.marks.items()}
    yield counter("breakwater_tests_marked", "Verdicts that are recovered, degraded or simulated", ["mark"], marks)
    yield counter("breakwater_attempts", "Attempts that ended", ["outcome", "browser"], totals.attempts)
    yield counter(
        "breakwater_recoveries", "Recovery attempts that ended", ["level", "browser", "outcome"], totals.recoveries
    )
    recycles = {(browser,): count for browser, count in totals.recycles.items()}
    yield counter("breakwater_session_recycles", "Browsers that were replaced", ["browser"], recycles)
    yield histogram("breakwater_test_duration_seconds", "From first claim to verdict", "type", totals.test_seconds)
    yield histogram("breakwater_attempt_duration_seconds", "Of one attempt", "browser", totals.attempt_seconds)
