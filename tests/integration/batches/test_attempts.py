"""An attempt's life: claimed once, kept, gone on with, finished once."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest
import redis

from jobs.batches import BatchStore, Claim, LeaseKeeper, NextAttempt, Owner, Refused, StaleAttempt, UnknownBatch
from jobs.batches.rows import read_claim
from jobs.specs import Outcome
from recovery import BrowserType, RecoveryLevel
from recovery.adjustments import Adjustments

FALLBACK = NextAttempt(
    queue="browser.firefox", browser=BrowserType.FIREFOX, level=RecoveryLevel.FALLBACK, strategy="browser_fallback"
)


def test_a_claim_has_all_that_an_attempt_needs(store: BatchStore, batch: str, make: Any) -> None:
    claim = make.claim(store)
    assert claim.spec == make.spec("t0")
    assert claim.header == store.header(batch)
    assert (claim.number, claim.browser, claim.level, claim.history) == (1, BrowserType.CHROME, None, ())
    assert claim.claimed_at == claim.first_claimed_at > 1_700_000_000
    assert store.progress(batch).queues["browser.chrome"].running == 1


@pytest.mark.parametrize(
    ("attempt", "reason"), [(("b", "t0", 2), "stale"), (("b", "none", 1), "unknown"), (("none", "t0", 1), "unknown")]
)
def test_what_is_not_to_be_had_is_refused(
    store: BatchStore, batch: str, make: Any, attempt: tuple[str, str, int], reason: str
) -> None:
    assert store.claim(*attempt, make.owner()) == Refused.model_validate({"reason": reason})


def test_a_held_attempt_is_refused_and_its_holder_told(store: BatchStore, batch: str, make: Any) -> None:
    make.claim(store, pid=11)
    assert store.claim(batch, "t0", 1, make.owner(12)) == Refused(reason="leased", holder=make.owner(11), number=1)


def _claim_from_another_process(url: str, pid_number: int) -> bool:
    client = redis.Redis.from_url(url)
    try:
        store = BatchStore(client, "t", lease_seconds=30)
        return isinstance(store.claim("b", "t0", 1, Owner(node="n", boot="x", pid=os.getpid())), Claim)
    finally:
        client.close()


def test_of_many_processes_that_claim_at_once_one_gets_the_attempt(
    store: BatchStore, batch: str, redis_server: Any
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        assert sum(pool.map(_claim_from_another_process, [redis_server.url] * 30, range(30))) == 1


def test_of_many_threads_that_claim_at_once_one_gets_each_attempt(store: BatchStore, make: Any) -> None:
    store.publish(make.header("many"), make.specs(40))
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: store.claim("many", f"t{n % 40}", 1, make.owner(n)), range(400)))
    assert len([reply for reply in replies if isinstance(reply, Claim)]) == 40
    assert {reply.reason for reply in replies if isinstance(reply, Refused)} == {"leased"}


def test_the_next_attempt_in_place_keeps_the_lease(store: BatchStore, batch: str, make: Any) -> None:
    first = make.claim(store)
    record = make.record(first)
    second = store.next_in_place(first, record, RecoveryLevel.MINIMAL, "simple_retry")
    assert second is not None
    assert (second.number, second.fence, second.level, second.history) == (
        2,
        first.fence,
        RecoveryLevel.MINIMAL,
        (record,),
    )
    assert store.renew(first) == store.renew(second) == "held"
    assert not store.finish(first, make.verdict(first))
    with pytest.raises(StaleAttempt):
        store.next_in_place(first, record, RecoveryLevel.MINIMAL, "simple_retry")
    assert store.claim(batch, "t0", 1, make.owner(2)) == Refused(reason="stale", holder=make.owner(), number=2)
    assert store.finish(second, make.verdict(second))


def test_a_test_sent_on_waits_in_its_new_queue_with_its_history(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    first = make.claim(store)
    following = FALLBACK.model_copy(update={"adjustments": Adjustments(time_factor=2.0, rules=("more time",))})
    store.send_on(first, make.record(first), following)
    assert b"b:t0:2" in redis_client.lindex("browser.firefox", 0)
    assert store.queued_in(batch, "browser.firefox", 10) == [("t0", 2)]
    with pytest.raises(StaleAttempt, match=r"attempt 1 of b:t0 is no longer held"):
        store.send_on(first, make.record(first), FALLBACK)
    second = make.claim(store, number=2)
    assert second.history == (make.record(first),)
    assert (second.browser, second.level, second.strategy, second.queue) == (
        BrowserType.FIREFOX, RecoveryLevel.FALLBACK, "browser_fallback", "browser.firefox",
    )  # fmt: skip
    assert second.adjustments == following.adjustments
    assert second.first_claimed_at == first.first_claimed_at
    assert store.renew(first) == "lost"


def test_a_simulation_has_no_browser(store: BatchStore, batch: str, make: Any) -> None:
    first = make.claim(store)
    store.send_on(
        first, make.record(first), NextAttempt(queue="simulation", browser=None, level=RecoveryLevel.SIMULATION)
    )
    second = make.claim(store, number=2)
    assert (second.browser, second.queue, second.level) == (None, "simulation", RecoveryLevel.SIMULATION)


def test_a_queue_that_nobody_reads_is_refused_before_anything_changes(store: BatchStore, batch: str, make: Any) -> None:
    claim = make.claim(store)
    nowhere = NextAttempt(queue="browser.opera", browser=None)
    with pytest.raises(ValueError, match="no queue"):
        store.send_on(claim, make.record(claim), nowhere)
    with pytest.raises(ValueError, match="no queue"):
        store.park(claim, make.record(claim), nowhere, 1)
    assert store.renew(claim) == "held"


def test_an_attempt_given_back_is_claimed_again_as_the_same_one(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    first = make.claim(store, pid=1)
    store.give_back(first)
    assert b"b:t0:1" in redis_client.lindex("browser.chrome", -1), "it waited its turn already"
    again = make.claim(store, pid=2)
    assert (again.number, again.history) == (1, ())
    # The number is the same: only the fence tells the two holders apart.
    assert store.renew(first) == "lost"
    assert not store.finish(first, make.verdict(first))
    with pytest.raises(StaleAttempt):
        store.give_back(first)
    assert store.finish(again, make.verdict(again))


def test_one_verdict_and_a_late_twins_is_dropped_and_counted(store: BatchStore, batch: str, make: Any) -> None:
    claim = make.claim(store)
    assert store.finish(claim, make.verdict(claim, Outcome.FAILED))
    assert not store.finish(claim, make.verdict(claim))
    assert store.claim(batch, "t0", 1, make.owner()) == Refused(reason="done")
    assert [verdict.outcome for verdict in store.verdicts(batch)] == [Outcome.FAILED]
    assert store.progress(batch).late == 1


def test_another_tests_verdict_is_refused(store: BatchStore, batch: str, make: Any) -> None:
    with pytest.raises(ValueError, match="can't finish"):
        store.finish(make.claim(store), make.verdict(make.claim(store, "t1")))


def test_the_last_verdict_finishes_the_batch_and_its_keys_expire(
    store: BatchStore, batch: str, redis_client: redis.Redis, make: Any
) -> None:
    for test in ("t0", "t1"):
        assert not store.progress(batch).finished
        claim = make.claim(store, test)
        store.finish(claim, make.verdict(claim))
    progress = store.progress(batch)
    assert progress.finished
    assert (progress.done, progress.outcomes, progress.queued, progress.running) == (2, {"passed": 2}, 0, 0)
    assert {verdict.test for verdict in store.verdicts(batch)} == {"t0", "t1"}
    assert [verdict.test for verdict in store.verdicts(batch, start=1)] == ["t1"]
    kept = set(redis_client.scan_iter("t:*")) - {b"t:batches:recent", b"t:batches:front", b"t:totals", b"t:totals:w1"}
    assert kept
    assert all(0 < redis_client.ttl(key) <= 60 for key in kept), kept
    assert [event.type for event in store.events(batch)] == [
        "published", "claimed", "verdict", "claimed", "verdict", "finished",
    ]  # fmt: skip


def test_events_are_read_on_from_the_last_one_and_waited_for(store: BatchStore, batch: str, make: Any) -> None:
    last = store.events(batch)[-1].id
    assert store.events(batch, last, 10) == []
    reader: list[Any] = []
    thread = threading.Thread(target=lambda: reader.extend(store.events(batch, last, 60_000)))
    thread.start()
    first = make.claim(store)
    thread.join(60)
    assert [event.type for event in reader] == ["claimed"]
    store.send_on(first, make.record(first), FALLBACK)
    (failed,) = store.events(batch, reader[-1].id)
    assert failed.type == "failed"
    assert failed.record == make.record(first)
    assert (failed.next_queue, failed.next.browser, failed.next.level, failed.in_place) == (
        "browser.firefox", BrowserType.FIREFOX, RecoveryLevel.FALLBACK, False,
    )  # fmt: skip


def test_a_keeper_keeps_leases_through_the_next_attempt_in_place(store: BatchStore, batch: str, make: Any) -> None:
    keeper = LeaseKeeper(store)
    claim = make.claim(store)
    ends = store.client.zscore("t:batches:leases", "b:t0")
    with keeper.hold(claim) as held:
        following = store.next_in_place(claim, make.record(claim), RecoveryLevel.MINIMAL, "simple_retry")
        assert following is not None
        held.follow(following)
        make.until(lambda: store.client.zscore("t:batches:leases", "b:t0") > ends + 3 * make.LEASE)
        assert held.claim_state() == "held"
        assert not held.should_stop
        assert store.finish(following, make.verdict(following))
    keeper.close()


def test_a_keeper_learns_that_the_attempt_is_lost(store: BatchStore, batch: str, make: Any) -> None:
    keeper = LeaseKeeper(store)
    claim = make.claim(store)
    with keeper.hold(claim) as held:
        assert store.expire_now(batch, "t0", 1, claim.owner) is not None
        assert held.wait_stop(60)
        assert held.claim_state() == "lost"
    keeper.close()


def _keep_in_child(keeper: LeaseKeeper, claim: Claim) -> None:
    with keeper.hold(claim) as held:
        raise SystemExit(0 if held.wait_stop(60) and held.claim_state() == "lost" else 1)


def test_a_keeper_taken_through_a_fork_keeps_the_childs_lease(store: BatchStore, batch: str, make: Any) -> None:
    keeper = LeaseKeeper(store)
    with keeper.hold(make.claim(store, "t0")):
        claim = make.claim(store, "t1", pid=2)
        ends = store.client.zscore("t:batches:leases", "b:t1")
        child = multiprocessing.get_context("fork").Process(target=_keep_in_child, args=(keeper, claim))
        child.start()
        make.until(lambda: store.client.zscore("t:batches:leases", "b:t1") > ends + 2 * make.LEASE)
        assert store.expire_now(batch, "t1", 1, claim.owner) is not None
        child.join(60)
        assert child.exitcode == 0
    keeper.close()


def test_cancelling_closes_what_waits_and_tells_what_runs(store: BatchStore, make: Any) -> None:
    store.publish(make.header(), make.specs(1200))
    running, parked, leaving = (make.claim(store, test) for test in ("t0", "t1", "t2"))
    store.park(parked, make.record(parked), FALLBACK, 60)
    store.cancel("b")
    progress = store.progress("b")
    assert (progress.cancelled, progress.finished, progress.running, progress.done) == (True, False, 2, 1198)
    assert store.renew(running) == "cancelled"
    assert store.claim("b", "t5", 1, make.owner()) == Refused(reason="done")
    store.send_on(leaving, make.record(leaving), FALLBACK)
    assert store.next_in_place(running, make.record(running), RecoveryLevel.MINIMAL, "simple_retry") is None
    progress = store.progress("b")
    assert progress.finished
    assert progress.outcomes == {"cancelled": 1200}
    by_test = {verdict.test: verdict for verdict in store.verdicts("b")}
    assert len(by_test) == 1200
    assert by_test["t1"].attempts == (make.record(parked),)
    assert by_test["t2"].attempts == (make.record(leaving),)
    assert set(store.client.keys("t:batches:*")) == {b"t:batches:recent", b"t:batches:front"}
    store.cancel("b")  # of a finished batch: nothing happens


@pytest.mark.parametrize("step", ["give_back", "park", "finish"])
def test_an_attempt_of_a_cancelled_batch_ends_at_once(store: BatchStore, make: Any, step: str) -> None:
    store.publish(make.header(), make.specs(1))
    claim = make.claim(store)
    store.cancel("b")
    if step == "give_back":
        store.give_back(claim)
    elif step == "park":
        store.park(claim, make.record(claim), FALLBACK, 60)
    else:
        store.finish(claim, make.verdict(claim))
    progress = store.progress("b")
    assert progress.finished
    assert progress.outcomes == {"passed" if step == "finish" else "cancelled": 1}


def test_an_unknown_batch_is_named(store: BatchStore) -> None:
    for ask in (store.header, store.progress, store.cancel):
        with pytest.raises(UnknownBatch, match="no batch 'nope'"):
            ask("nope")
    assert store.events("nope") == []


def test_a_claim_whose_reply_got_lost_is_answered_again(store: BatchStore, batch: str, make: Any) -> None:
    # What redis-py does when a connection breaks before the reply: the same command once more.
    call = ("claim", batch, "t0", 1, make.owner().model_dump_json(), make.LEASE, "call-1")
    first, again = (read_claim(batch, "t0", store.run(*call)) for _ in range(2))
    assert first == again
    assert store.run(*call[:-1], "call-2")[0] == b"leased"
    assert [event.type for event in store.events(batch)].count("claimed") == 1


def test_a_waiting_test_is_closed_only_in_a_cancelled_batch_and_as_the_attempt_it_is(
    store: BatchStore, batch: str, make: Any
) -> None:
    store.close(batch, make.spec("t0"), 1, (), seconds=0)
    running = make.claim(store, "t0")
    store.client.hset("t:batch:b", "cancelled", "1")
    store.close(batch, make.spec("t0"), 1, (), seconds=0)
    store.close(batch, make.spec("t1"), 2, (), seconds=0)
    assert store.progress(batch).done == 0
    store.close(batch, make.spec("t1"), 1, (), seconds=0)
    assert store.progress(batch).done == 1
    assert store.finish(running, make.verdict(running))
