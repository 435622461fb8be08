"""What the farm did so far: every verdict and every attempt counted once, in the script that writes it."""

from __future__ import annotations

import os

import redis

from jobs.batches import BatchStore, NextAttempt, Presence, Session
from jobs.batches.keyspace import totals_key
from jobs.batches.totals import read_totals
from jobs.specs import PythonTest, TestKind, TestSpec
from recovery import BrowserType, RecoveryLevel
from tests.integration.batches.conftest import Make


def test_verdicts_attempts_and_durations_are_counted_once(
    store: BatchStore, batch: str, make: type[Make], redis_client: redis.Redis
) -> None:
    claim = make.claim(store)
    following = NextAttempt(queue="browser.firefox", browser=BrowserType.FIREFOX, level=RecoveryLevel.FALLBACK)
    store.send_on(claim, make.record(claim), following)
    again = make.claim(store, number=2)
    assert store.finish(again, make.verdict(again))
    assert not store.finish(again, make.verdict(again))
    store.cancel(batch, by="alice")

    totals = read_totals(redis_client.hgetall(totals_key("t")))
    assert totals.verdicts == {("passed", "chrome"): 1, ("cancelled", "chrome"): 1}
    assert totals.attempts == {("crash", "chrome"): 1, ("passed", "firefox"): 1}
    assert totals.test_seconds["text"].buckets == {"1": 1}
    assert totals.attempt_seconds["firefox"].buckets == {"0.25": 1}
    assert totals.attempt_seconds["firefox"].seconds == 0.25
    of_node = read_totals(redis_client.hgetall(totals_key("t", "w1")))
    assert of_node.attempts == totals.attempts
    [cancelled] = [event for event in store.events(batch) if event.type == "cancelled"]
    assert cancelled.by == "alice"


def test_a_published_batch_is_among_the_recent_ones(store: BatchStore, batch: str, redis_client: redis.Redis) -> None:
    store.cancel(batch)
    assert redis_client.zrange("t:batches:recent", 0, -1) == [batch.encode()]


def test_told_sessions_go_with_their_process_and_their_node(redis_client: redis.Redis, make: type[Make]) -> None:
    presence = Presence(redis_client, "t")
    mine = Session(
        node="w1", pid=os.getpid(), browser=BrowserType.CHROME, version="156", adapter="google swiftshader",
        software=True, tests=3, started_at=1.0, recycled=0,
    )  # fmt: skip
    presence.tell_session("w1", mine.pid, mine, 1)
    presence.tell_session("w1", 1, mine.model_copy(update={"pid": 1}), 1)
    presence.keep_sessions("w1", lambda pid: pid == os.getpid(), 1)
    assert presence.sessions(["w1", "w2"]) == [mine]
    make.until(lambda: presence.sessions(["w1"]) == [])
    presence.tell_session("w1", mine.pid, mine, 5)
    presence.tell_session("w1", mine.pid, None, 5)
    assert presence.sessions(["w1"]) == []


def test_a_users_own_test_counts_under_its_kind(store: BatchStore, make: type[Make], redis_client: redis.Redis) -> None:
    spec = TestSpec(id="own", browser=BrowserType.CHROME, kind=TestKind.PYTHON, python=PythonTest(function="shop:cart"))
    store.publish(make.header(), [spec])
    claim = make.claim(store, "own")
    verdict = make.verdict(claim).model_copy(update={"kind": TestKind.PYTHON, "function": "shop:cart"})
    assert store.finish(claim, verdict)
    assert read_totals(redis_client.hgetall(totals_key("t"))).test_seconds["python"].buckets == {"1": 1}
