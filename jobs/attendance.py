"""What a worker's main process does each second: say that it is here, run the reaper, leave the queue when it is sick.

A bootstep of Celery's consumer: it stops with a lost broker connection, and starts again with the new one.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import psutil
import redis
from celery import bootsteps

from jobs import tasks
from jobs.app import app
from jobs.batches import Node, Reaper
from jobs.settings import settings
from jobs.worker import BOOT, Backend

log = logging.getLogger("breakwater.worker")

# Seconds between two rounds, and seconds without one after which others take this worker for gone.
INTERVAL = 1.0
PRESENCE = 6.0


class Attendance(bootsteps.StartStopStep):  # type: ignore[misc]
    """One worker node's presence, its turn as reaper, and its quarantine."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._backend = Backend(settings())
        self._reaper = Reaper(self._backend.store)
        self._queues: tuple[str, ...] = ()
        self._quarantined = False
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        self._queues = tuple(consumer.app.amqp.queues.consume_from)
        self._quarantined = False
        self._timer = consumer.timer.call_repeatedly(INTERVAL, self._round, (consumer,))
        self._round(consumer)

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - a bootstep's signature
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shutdown(self, consumer: Any) -> None:
        self.stop(consumer)
        try:
            self._backend.presence.withdraw(self._node(consumer))
        except redis.RedisError:
            log.info("Redis is away: this worker's presence expires by itself")

    def _round(self, consumer: Any) -> None:
        try:
            self._keep_quarantine(consumer)
            self._backend.presence.announce(self._node(consumer), PRESENCE)
            self._backend.presence.keep_sessions(consumer.hostname, psutil.pid_exists, PRESENCE)
            self._reaper.tick(lambda claim: tasks.worker_lost(self._backend, claim))
        except redis.RedisError as error:  # the consumer's own connection notices too, and is made anew
            log.warning("Redis does not answer: %s", error)

    def _node(self, consumer: Any) -> Node:
        return Node(node=consumer.hostname, boot=BOOT, pid=os.getpid(), queues=self._queues)

    def _keep_quarantine(self, consumer: Any) -> None:
        """A worker whose circuit is open must not eat the queue; it is back for the probe, and stays if that passes."""
        circuit = f"worker:{consumer.hostname}"
        sick = self._backend.registry.states(circuit)[circuit].retry_after > 0
        if sick == self._quarantined:
            return
        self._quarantined = sick
        for queue in self._queues:
            (consumer.cancel_task_queue if sick else consumer.add_task_queue)(queue)
        log.warning("circuit %s: this worker %s", circuit, "leaves its queues" if sick else "is back for a probe")


app.steps["consumer"].add(Attendance)
