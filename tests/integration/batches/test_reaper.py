"""What dies with its worker is sent on, by whoever reaps, and never twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from typing import Any

import pytest
import redis

from jobs.batches import BatchStore, Claim, LeaseKeeper, NextAttempt, Owner, Reaper, Tick
from recovery import BrowserType

RETRY = NextAttempt(queue="browser.chrome", browser=BrowserType.CHROME)

_SPAWN = multiprocessing.get_context("spawn")


def _hold_for_ever(url: str, ready: Any) -> None:
    # Long enough that a busy machine's pause is not taken for a death.
    store = BatchStore(redis.Redis.from_url(url), "t", lease_seconds=2)
    claim = store.claim("b", "t0", 1, Owner(node="w1", boot="boot-1", pid=os.getpid()))
    assert isinstance(claim, Claim)
    with LeaseKeeper(store).hold(claim):
        ready.set()
        signal.pause()


def _reap_and_hang(url: str, ready: Any) -> None:
    def hang(claim: Claim) -> None:
        ready.set()
        signal.pause()

    reaper = Reaper(BatchStore(redis.Redis.from_url(url), "t", lease_seconds=0.6))
    while True:
        reaper.tick(hang)


def _start(target: Any, url: str) -> Any:
    ready = _SPAWN.Event()
    process = _SPAWN.Process(target=target, args=(url, ready), daemon=True)
    process.start()
    assert ready.wait(60)
    return process


def _kill(process: Any) -> None:
    process.kill()
    process.join(60)


def _sends_on(store: BatchStore, make: Any, lost: list[Claim]) -> Any:
    def on_lost(claim: Claim) -> None:
        lost.append(claim)
        store.send_on(claim, make.record(claim), RETRY)

    return on_lost


def test_an_attempt_whose_holder_was_killed_is_sent_on_once(
    store: BatchStore, batch: str, redis_server: Any, make: Any
) -> None:
    holder = _start(_hold_for_ever, redis_server.url)
    reaper, lost = Reaper(store), list[Claim]()
    on_lost = _sends_on(store, make, lost)
    first_end = store.client.zscore("t:batches:leases", "b:t0")
    # While the holder lives it renews, and nothing is reaped.
    make.until(
        lambda: not reaper.tick(on_lost).lost and store.client.zscore("t:batches:leases", "b:t0") > first_end + 1
    )
    assert not lost
    _kill(holder)
    make.until(lambda: reaper.tick(on_lost).lost)
    assert [(claim.test, claim.number, claim.owner.pid) for claim in lost] == [("t0", 1, holder.pid)]
    assert make.claim(store, number=2).history == (make.record(lost[0]),)
    assert reaper.tick(on_lost) == Tick(lost=0, failed=0, unparked=0, strays=0)


def test_a_reaper_killed_in_the_middle_loses_nothing(
    store: BatchStore, batch: str, redis_server: Any, make: Any
) -> None:
    make.claim(store)
    _kill(_start(_reap_and_hang, redis_server.url))
    reaper, lost = Reaper(store), list[Claim]()
    on_lost = _sends_on(store, make, lost)

    def next_reaper_took_over() -> bool:
        tick = reaper.tick(on_lost)
        return tick is not None and tick.lost == 1

    make.until(next_reaper_took_over)
    assert make.claim(store, number=2).history == (make.record(lost[0]),)


def test_the_holder_is_fenced_off_once_its_attempt_is_taken(store: BatchStore, batch: str, make: Any) -> None:
    slow = make.claim(store)
    reaper, lost = Reaper(store), list[Claim]()
    make.until(lambda: reaper.tick(lost.append).lost)
    assert store.renew(slow) == "lost"
    assert not store.finish(slow, make.verdict(slow))
    assert store.finish(lost[0], make.verdict(lost[0]))
    assert store.progress(batch).late == 1


def test_an_expired_lease_has_one_taker_at_a_time(store: BatchStore, batch: str, make: Any) -> None:
    make.claim(store)
    make.until(lambda: store.overdue(10)[0])
    first = store.take_expired(batch, "t0")
    assert first is not None
    assert store.take_expired(batch, "t0") is None
    second = None
    while second is None:  # bounded by the lease of the first
        second = store.take_expired(batch, "t0")
    assert not store.finish(first, make.verdict(first))
    assert store.finish(second, make.verdict(second))


def test_a_holder_that_finishes_before_it_is_reaped_wins(store: BatchStore, batch: str, make: Any) -> None:
    claim = make.claim(store)
    make.until(lambda: store.overdue(10)[0])
    assert store.finish(claim, make.verdict(claim))
    assert Reaper(store).tick(pytest.fail) == Tick(lost=0, failed=0, unparked=0, strays=0)


def test_a_decision_that_raises_is_asked_for_again_and_stops_nobody_else(
    store: BatchStore, batch: str, make: Any
) -> None:
    make.claim(store, "t0"), make.claim(store, "t1")
    make.until(lambda: len(store.overdue(10)[0]) == 2)
    reaper, seen = Reaper(store), list[str]()

    def on_lost(claim: Claim) -> None:
        seen.append(claim.test)
        if seen.count("t0") == 1 and claim.test == "t0":
            raise RuntimeError("no decision today")
        store.send_on(claim, make.record(claim), RETRY)

    assert reaper.tick(on_lost) == Tick(lost=2, failed=1, unparked=0, strays=0)
    make.until(lambda: reaper.tick(on_lost).lost)
    assert sorted(seen) == ["t0", "t0", "t1"]


def test_one_reaper_is_elected_and_another_follows_when_it_falls_silent(
    store: BatchStore, batch: str, make: Any
) -> None:
    first, second = Reaper(store), Reaper(store)
    assert first.tick(pytest.fail) is not None
    assert second.tick(pytest.fail) is None
    assert first.tick(pytest.fail) is not None
    make.until(lambda: second.tick(pytest.fail))
    assert first.tick(pytest.fail) is None


def test_a_parked_test_waits_until_it_is_due(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    redis_client.delete("browser.chrome")
    first, second = make.claim(store, "t0"), make.claim(store, "t1")
    store.park(first, make.record(first, "circuit_open"), RETRY, 1.5)
    store.park(second, make.record(second, "circuit_open"), RETRY, 60)
    progress = store.progress(batch)
    assert (progress.parked, progress.queues["browser.chrome"].parked) == (2, 2)
    reaper = Reaper(store)
    assert reaper.tick(pytest.fail).unparked == 0  # type: ignore[union-attr]
    assert store.claim(batch, "t0", 2, make.owner()).reason == "stale"  # type: ignore[union-attr]
    make.until(lambda: reaper.tick(pytest.fail).unparked)  # type: ignore[union-attr]
    assert redis_client.llen("browser.chrome") == 1
    again = make.claim(store, "t0", 2)
    assert again.history == (make.record(first, "circuit_open"),)
    assert store.progress(batch).parked == 1
    assert [event.type for event in store.events(batch)].count("parked") == 2


def test_a_message_lost_between_delivery_and_claim_is_pushed_again(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    assert store.requeue_strays(batch, 10, waited=0) == 0  # their messages are there
    delivered = redis_client.lpop("browser.chrome", 2)
    assert store.requeue_strays(batch, 10, waited=5) == 0  # they may just be on their way
    assert store.requeue_strays(batch, 10, waited=0) == 2
    assert len({*delivered, *redis_client.lrange("browser.chrome", 0, -1)}) == 4
    redis_client.delete("browser.chrome")
    make.claim(store, "t0")
    assert store.requeue_strays(batch, 10, waited=0) == 1
    assert b"b:t1:1" in redis_client.lindex("browser.chrome", 0)


def test_a_message_lost_on_a_queue_that_is_never_empty_is_pushed_again(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    redis_client.rpop("browser.chrome", 2)  # a worker had both, and died before it claimed the first
    make.claim(store, "t1")
    time.sleep(0.3)
    store.publish(make.header("later"), make.specs(2))
    assert store.requeue_strays(batch, 10, waited=0, overtaken=0.2) == 0  # it may just be its turn
    make.claim(store, "t0", batch="later")
    assert store.requeue_strays("later", 10, waited=0, overtaken=0.2) == 0  # nobody passed those
    assert store.requeue_strays(batch, 10, waited=0, overtaken=60) == 0
    assert store.requeue_strays(batch, 10, waited=0, overtaken=0.2) == 1
    assert b"b:t0:1" in redis_client.lindex("browser.chrome", 0)
    assert store.requeue_strays(batch, 10, waited=0, overtaken=0.2) == 0  # once


def test_what_is_given_back_passes_others_over_and_makes_no_stray_of_them(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    first = make.claim(store, "t0")
    time.sleep(0.2)
    store.give_back(first)
    make.claim(store, "t0")
    assert store.requeue_strays(batch, 10, waited=0, overtaken=0.1) == 0


def test_a_lost_attempt_of_a_newer_release_goes_back_to_its_queue(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    holder = make.claim(store)
    specs = "t:batch:b:specs"
    spec = json.loads(redis_client.hget(specs, "t0"))
    redis_client.hset(specs, "t0", json.dumps({**spec, "from_the_future": 1}))
    reaper = Reaper(store)
    make.until(lambda: (reaper.tick(pytest.fail), store.progress(batch).running == 0)[1])
    assert b"b:t0:1" in redis_client.lindex("browser.chrome", -1)
    assert store.renew(holder) == "lost"
    redis_client.hset(specs, "t0", json.dumps(spec))  # as the newer release reads it
    assert make.claim(store, "t0", 1).history == ()


def test_a_cancel_that_died_on_the_way_is_completed(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    class Dies(BatchStore):
        def close_some(self, batch: str) -> bool:
            raise KeyboardInterrupt(batch)

    with pytest.raises(KeyboardInterrupt):
        Dies(redis_client, "t").cancel(batch)
    assert store.claim(batch, "t0", 1, make.owner()).reason == "cancelled"  # type: ignore[union-attr]
    Reaper(store).tick(pytest.fail)
    assert store.progress(batch).finished


def test_a_batch_deleted_from_outside_leaves_nothing_to_reap(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    running, parked = make.claim(store, "t0"), make.claim(store, "t1")
    store.park(parked, make.record(parked), RETRY, 0)
    redis_client.delete(*redis_client.scan_iter("t:batch:*"))
    make.until(lambda: store.overdue(10)[0])
    Reaper(store).tick(pytest.fail)
    assert store.overdue(10) == ([], [])
    assert store.renew(running) == "lost"


def test_a_dead_holder_known_to_be_dead_is_not_waited_for(store: BatchStore, batch: str, make: Any) -> None:
    dead = make.claim(store, pid=11)
    assert store.expire_now(batch, "t0", 1, make.owner(12)) is None
    takers: list[Claim | None] = []
    threads = [
        threading.Thread(target=lambda: takers.append(store.expire_now(batch, "t0", 1, make.owner(11))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    claims = [claim for claim in takers if claim is not None]
    assert all(claim.owner == dead.owner for claim in claims)
    # Each who expired it may take it anew, but only the last has it: one decision counts.
    assert sum(store.finish(claim, make.verdict(claim)) for claim in claims) == 1
