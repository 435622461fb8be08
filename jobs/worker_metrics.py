"""A worker tells of itself to Prometheus, where BREAKWATER_METRICS_PORT is set. Of the farm as a whole, Flower tells.

Served by a thread of the worker's main process. What its child processes did was counted in Redis, by the script that
wrote it: it outlives them, and a restarted worker of the same name goes on counting.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import psutil
import redis
from celery import bootsteps
from celery.worker import state as worker_state
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from breakers import BreakerError
from jobs.backend import Backend
from jobs.batches.keyspace import totals_key
from jobs.batches.totals import read_totals
from jobs.celery import app
from jobs.settings import settings
from jobs.totals_metrics import counter, histogram

log = logging.getLogger("breakwater.worker")


class WorkerCollector(Collector):
    """Collects of one node."""

    def __init__(self, backend: Backend, node: str) -> None:
        self._backend = backend
        self._node = node

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry of its own, so nobody else's names are in it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families. Redis away: only those that need none."""
        running = len(worker_state.reserved_requests)
        yield GaugeMetricFamily("breakwater_worker_running", "Tests that its processes run", value=running)
        yield GaugeMetricFamily("breakwater_worker_memory_bytes", "Resident, of it and all below it", value=_memory())
        try:
            families = list(self._from_redis())
        except (redis.RedisError, BreakerError):
            families = []
        yield GaugeMetricFamily("breakwater_up", "Whether the farm's Redis can be read", value=int(bool(families)))
        yield from families

    def _from_redis(self) -> Iterator[Metric]:
        backend, circuit = self._backend, f"worker:{self._node}"
        is_sick = backend.registry.states(circuit)[circuit].retry_after > 0
        yield GaugeMetricFamily("breakwater_worker_quarantined", "1 while its circuit is open", value=int(is_sick))
        live = backend.presence.sessions([self._node])
        sessions = GaugeMetricFamily("breakwater_worker_sessions", "Live browsers", labels=["browser"])
        for browser, count in Counter(session.browser.value for session in live).items():
            sessions.add_metric([browser], count)
        yield sessions
        counted: Any = backend.client.hgetall(totals_key(backend.store.prefix, self._node))
        totals = read_totals(counted)
        yield counter("breakwater_worker_attempts", "Attempts that ended", ["outcome", "browser"], totals.attempts)
        yield histogram(
            "breakwater_worker_attempt_duration_seconds", "Of one attempt", "browser", totals.attempt_seconds
        )


class WorkerMetrics(bootsteps.StartStopStep):  # type: ignore[misc]
    """The serving thread; it lives as long as the worker, whatever becomes of its connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._port = settings().metrics_port
        self.enabled = self._port is not None
        self._serving = False

    def start(self, consumer: Any) -> None:
        if self._serving or self._port is None:
            return
        registry = CollectorRegistry()
        registry.register(WorkerCollector(Backend(settings()), consumer.hostname))
        try:
            start_http_server(self._port, settings().metrics_host, registry)
        except OSError as error:  # a worker that nobody can watch still runs tests
            where = f"{settings().metrics_host}:{self._port}"
            log.warning("metrics can't be served at %s: %s", where, error.strerror)
        self._serving = True


def _memory() -> int:
    """Pages that its processes share are counted for each: an upper bound."""
    this = psutil.Process()
    sizes = []
    for process in (this, *this.children(recursive=True)):
        try:
            sizes.append(process.memory_info().rss)
        except psutil.Error:  # it ended meanwhile
            continue
    return sum(sizes)


app.steps["consumer"].add(WorkerMetrics)
