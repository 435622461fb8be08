"""What a farm leaves in Redis when its batches are finished: it expires, or it has a bound of its own."""

from __future__ import annotations

import redis

from jobs.artefacts import artefact_store
from jobs.settings import Settings
from tests.farms import until
from tests.integration.farm.conftest import QuickFarm

# Keys that never expire, and what bounds them.
BOUNDED = {
    "breakwater:batches:front": "a time for each queue",
    "breakwater:batches:recent": "the latest 1,000 batches",
    "breakwater:batches:reaper:rounds": "two numbers",
    "breakwater:nodes": "the nodes at work; who falls silent goes",
    "breakwater:nodes:told": "as nodes",
    "breakwater:totals": "a counter for each outcome, level and browser",
    "{breakwater:circuits}:names": "circuits that were used of late",
    "{breakwater:circuits}:events": "a capped stream",
    # Celery's own: queues, control boxes of nodes at work, messages in hand.
    "_kombu.binding.breakwater": "queues",
    "_kombu.binding_permanent.breakwater": "queues",
    "_kombu.binding.celery.pidbox": "nodes at work",
    "_kombu.binding.reply.celery.pidbox": "clients of remote control",
    "_kombu.binding.celeryev": "who listens to events",
    "_kombu.binding_deadlines": "the bindings above",
    "unacked": "messages that run",
    "unacked_index": "messages that run",
}


def lasting(client: redis.Redis) -> dict[str, int]:
    """The keys that never expire, with their sizes in bytes."""
    keys = [key.decode() for key in client.scan_iter(count=1000) if client.ttl(key) == -1]
    return {key: client.memory_usage(key, samples=0) or 0 for key in keys}


def test_every_key_of_finished_batches_expires_and_what_stays_has_a_bound(
    quick_farm: QuickFarm, redis_client: redis.Redis
) -> None:
    worker = quick_farm.worker("one", "--concurrency", "2", lease="2")
    quick_farm.client.at_work(worker)
    quick_farm.publish("kill", "sleep-0-1", "sleep-0-2", timeout=2.0, max_attempts=2)
    kept = artefact_store(redis_client, Settings(redis_url=quick_farm.url))
    kept.keep("b", "kill", 1, {"driver.log": b"its last words"})
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b")["passed"] == 2
    assert all(redis_client.ttl(key) > 0 for key in redis_client.scan_iter("*:b:*"))
    before = lasting(redis_client)
    assert before.keys() <= BOUNDED.keys()
    for _ in range(5):
        quick_farm.client.run(40, worker)
    # Six batches by name, and nothing of their two hundred tests.
    until(lambda: lasting(redis_client).keys() <= before.keys(), 60, lambda: str(lasting(redis_client)))
    grown = {key: size - before[key] for key, size in lasting(redis_client).items() if size > before[key] + 100}
    assert grown.keys() <= {"breakwater:batches:recent", "breakwater:totals"}
    assert sum(grown.values()) < 1500
