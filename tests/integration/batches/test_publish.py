"""A batch appears whole or not at all."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from jobs.batches import BatchConflict, BatchStore, DuplicateTest, Reaper, StagingLost, UnknownBatch
from jobs.batches.publish import CHUNK, FEED_CHUNK
from jobs.specs import TestSpec
from recovery import BrowserType


def test_tests_of_all_browsers_reach_their_queues_in_order(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    store.publish(make.header(), [*make.specs(3), make.spec("f", BrowserType.FIREFOX)])
    assert store.header("b").total == 4
    progress = store.progress("b")
    assert (progress.total, progress.queued, progress.finished) == (4, 4, False)
    assert progress.queues["browser.chrome"].queued == 3
    # A worker takes from the right: the first test first.
    assert b"b:t0:1" in redis_client.lindex("browser.chrome", -1)
    assert redis_client.llen("browser.firefox") == 1


def test_a_batch_of_many_chunks_is_complete(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    count = CHUNK + FEED_CHUNK + 7
    store.publish(make.header(), (make.spec(f"t{number}") for number in range(count)))
    assert redis_client.llen("browser.chrome") == count
    assert [
        b"b:t%d:1" % index in message
        for index, message in enumerate(redis_client.lrange("browser.chrome", 0, -1)[::-1])
    ] == [True] * count
    assert store.progress("b").queued == count
    assert not list(redis_client.scan_iter("*staged*"))
    assert not list(redis_client.scan_iter("*feed:*"))
    assert all(redis_client.ttl(key) == -1 for key in redis_client.scan_iter("t:batch:b*"))


def test_the_same_content_again_is_the_same_batch(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    store.publish(make.header(allow=["degraded", "simulated"]), make.specs(2))
    store.publish(make.header(allow=["simulated", "degraded"], created_at=99.0), make.specs(2))
    assert redis_client.llen("browser.chrome") == 2
    assert store.header("b").created_at == 1.0


@pytest.mark.parametrize("fields", [{}, {"policy": {"max_attempts": 2}}])
def test_other_content_is_a_conflict(store: BatchStore, make: Any, fields: dict[str, Any]) -> None:
    store.publish(make.header(), make.specs(2))
    with pytest.raises(BatchConflict, match="batch b exists with other content"):
        store.publish(make.header(**fields), make.specs(2 if fields else 3))
    assert store.progress("b").total == 2


def test_of_many_publishing_at_once_one_batch_comes(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    start = threading.Barrier(4)
    conflicts: list[BatchConflict] = []

    def publish(size: int) -> None:
        start.wait(60)
        try:
            make.store(redis_client).publish(make.header(), make.specs(size))
        except BatchConflict as error:
            conflicts.append(error)

    threads = [threading.Thread(target=publish, args=(size,)) for size in (50, 50, 60, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    total = store.progress("b").total
    assert total in {50, 60}
    assert redis_client.llen("browser.chrome") == total
    assert len(conflicts) == 2
    assert not list(redis_client.scan_iter("*staged*"))


def test_a_source_of_tests_that_fails_leaves_nothing(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    def broken() -> Iterator[TestSpec]:
        yield from make.specs(CHUNK + 1)
        raise RuntimeError("line 1002 is no test")

    with pytest.raises(RuntimeError, match="line 1002"):
        store.publish(make.header(), broken())
    assert redis_client.keys("*") == []
    with pytest.raises(UnknownBatch):
        store.progress("b")


@pytest.mark.parametrize("distance", [1, CHUNK + 5])
def test_a_test_id_twice_is_refused(store: BatchStore, redis_client: redis.Redis, make: Any, distance: int) -> None:
    specs = [*make.specs(distance), make.spec("t0")]
    with pytest.raises(DuplicateTest, match="t0" if distance == 1 else r"one of 't1000' … 't0'"):
        store.publish(make.header(), specs)
    assert redis_client.keys("*") == []


def test_a_chunk_sent_twice_by_a_broken_connection_counts_once(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    class Repeats(BatchStore):
        def _stage(self, *args: Any) -> None:
            super()._stage(*args)
            super()._stage(*args)

    Repeats(redis_client, "t").publish(make.header(), [*make.specs(CHUNK + 3), make.spec("f", BrowserType.FIREFOX)])
    assert store.progress("b").queued == CHUNK + 4
    assert redis_client.llen("browser.chrome") == CHUNK + 3


def test_an_empty_batch_is_refused(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    with pytest.raises(ValueError, match="no tests"):
        store.publish(make.header(), [])
    assert redis_client.keys("*") == []


def test_staged_tests_that_expired_are_not_published_in_part(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    def slow() -> Iterator[TestSpec]:
        yield from itertools.islice(make.specs(2 * CHUNK), 2 * CHUNK)
        for key in redis_client.scan_iter("*:specs"):
            assert 0 < redis_client.ttl(key) <= 3600
            redis_client.delete(key)  # what its expiry does
        yield make.spec("last")

    with pytest.raises(StagingLost):
        store.publish(make.header(), slow())
    assert redis_client.keys("*") == []


def test_messages_of_a_client_that_died_after_the_commit_are_fed_by_a_reaper(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    class Dies(BatchStore):
        def feed(self, batch: str) -> bool:
            raise KeyboardInterrupt(batch)

    dying = Dies(redis_client, "t", lease_seconds=5)
    with pytest.raises(KeyboardInterrupt):
        dying.publish(make.header(), make.specs(2 * FEED_CHUNK))
    assert redis_client.llen("browser.chrome") == 0
    Reaper(store).tick(pytest.fail)
    assert redis_client.llen("browser.chrome") == 2 * FEED_CHUNK
    assert redis_client.smembers("t:batches:feeding") == set()


def test_scripts_that_the_server_forgot_are_sent_again(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    store.publish(make.header("b1"), make.specs(2))
    redis_client.script_flush()
    store.publish(make.header("b2"), make.specs(2))
    redis_client.script_flush()
    claim = make.claim(store, batch="b2")
    redis_client.script_flush()
    assert store.renew(claim) == "held"
    redis_client.script_flush()
    store.cancel("b1")
    assert store.progress("b1").finished
