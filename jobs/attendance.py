"""What a worker's main process does each second: say that it is here, run the reaper, leave its queues when it must.

A bootstep of Celery's consumer: it stops with a lost broker connection, and starts again with the new one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from typing import Any

import psutil
import redis
from celery import bootsteps
from celery.worker import state as worker_state

from jobs import carrying_out
from jobs.backend import BOOT, Backend
from jobs.batches import Node, Owner, Reaper, StaleAttempt
from jobs.batches.unmanned import UnmannedFarm
from jobs.celery import app
from jobs.leaving import leave, leave_at
from jobs.settings import settings

log = logging.getLogger("breakwater.worker")

# Seconds between two rounds, and seconds without one after which others take this worker for gone.
INTERVAL = 1.0
PRESENCE = 6.0
# Tests that nobody serves, sent on in one round: a few trips each, while this process does nothing else.
MOST_UNSERVED = 20


class Attendance(bootsteps.StartStopStep):  # type: ignore[misc]
    """One worker node's presence, its turn as reaper, its quarantine, and its leave when an operator drains it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._backend = Backend(settings())
        self._reaper = Reaper(self._backend.store)
        owner = Owner(node=consumer.hostname, boot=BOOT, pid=os.getpid())
        self._unmanned = UnmannedFarm(self._backend.store, self._backend.presence, owner, settings().unserved_seconds)
        self._queues: tuple[str, ...] = ()
        self._drained = False
        self._away = False
        self._heeds_signals = False
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        if threading.current_thread() is threading.main_thread() and not self._heeds_signals:
            self._heeds_signals = True
            for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                leave_at(signum)
        self._queues = tuple(consumer.app.amqp.queues.consume_from)
        self._away = False
        self._timer = consumer.timer.call_repeatedly(INTERVAL, self._round, (consumer,))
        self._round(consumer)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - a bootstep's signature
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shutdown(self, consumer: Any) -> None:
        leave()
        self.stop(consumer)
        try:
            self._backend.presence.withdraw(self._node(consumer))
        except redis.RedisError:
            log.info("Redis is away: this worker's presence expires by itself")

    def _round(self, consumer: Any) -> None:
        try:
            self._drained = self._backend.presence.announce(self._node(consumer), PRESENCE)
            self._keep_away(consumer)
            self._backend.presence.keep_sessions(consumer.hostname, psutil.pid_exists, PRESENCE)
            if self._reaper.tick(lambda claim: carrying_out.worker_lost(self._backend, claim)):
                for claim in self._unmanned.claims(MOST_UNSERVED):
                    with contextlib.suppress(StaleAttempt):  # a worker came after all
                        carrying_out.nobody_serves(self._backend, claim)
        except redis.RedisError as error:  # the consumer's own connection notices too, and is made anew
            log.warning("Redis does not answer: %s", error)

    def _node(self, consumer: Any) -> Node:
        return Node(
            node=consumer.hostname,
            boot=BOOT,
            pid=os.getpid(),
            queues=() if self._drained else self._queues,
            running=len(worker_state.reserved_requests),
            drained=self._drained,
        )

    def _keep_away(self, consumer: Any) -> None:
        """Leave the queues, or come back to them.

        A worker whose circuit is open must not eat the queue; it is back for the probe, and stays if that passes.
        """
        circuit = f"worker:{consumer.hostname}"
        away = self._drained or self._backend.registry.states(circuit)[circuit].retry_after > 0
        if away == self._away:
            return
        self._away = away
        for queue in self._queues:
            (consumer.cancel_task_queue if away else consumer.add_task_queue)(queue)
        if away:
            log.warning("%s: this worker leaves its queues", "drained" if self._drained else f"circuit {circuit}")
        else:
            log.warning("this worker is back at its queues")


app.steps["consumer"].add(Attendance)
