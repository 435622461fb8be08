"""Artefacts in a real Redis: kept, listed, exported; never more than the cap, never for ever."""

from __future__ import annotations

import time
from pathlib import Path

import redis

from jobs.artefacts import ArtefactStore

KIB = 1024


def store(client: redis.Redis, cap: int = 100 * KIB, expiry: int = 60) -> ArtefactStore:
    return ArtefactStore(client, "test", cap_bytes=cap, expiry_seconds=expiry)


def total(client: redis.Redis) -> int:
    return int(client.get("test:artefacts:total") or 0)


def test_what_was_kept_is_listed_read_and_exported(redis_client: redis.Redis, tmp_path: Path) -> None:
    artefacts = store(redis_client)
    kept = artefacts.keep(
        "b1", "chrome/bert#2", 1, {"screenshot.png": b"\x89PNG", "driver.log": b"words", "empty": b""}
    )
    artefacts.keep("b2", "other", 1, {"driver.log": b"not ours"})
    assert {one.name: one.size for one in kept} == {"screenshot.png": 4, "driver.log": 5}
    assert set(artefacts.of_batch("b1")) == set(kept)
    assert artefacts.read(kept[0]) == b"\x89PNG"
    written = artefacts.export("b1", tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in written.values()) == [
        "chrome+bert=2/chrome+bert=2.1.driver.log",
        "chrome+bert=2/chrome+bert=2.1.screenshot.png",
    ]
    assert (tmp_path / "chrome+bert=2/chrome+bert=2.1.driver.log").read_bytes() == b"words"


def test_the_longest_names_make_a_file(redis_client: redis.Redis, tmp_path: Path) -> None:
    artefacts = store(redis_client)
    artefacts.keep("b", "t" * 200, 1, {"n" * 80: b"x"})
    [path] = artefacts.export("b", tmp_path).values()
    assert path.read_bytes() == b"x"


def test_no_two_tests_share_a_file(redis_client: redis.Redis, tmp_path: Path) -> None:
    artefacts = store(redis_client)
    long = "t" * 160
    tests = {"a/b", "a#b", "a-b", "a.b", "..", "/..", "#..", "-x", f"a/{long}", f"b/{long}", f"a-{long}"}
    for test in tests:
        artefacts.keep("b", test, 1, {"log": test.encode()})
    written = artefacts.export("b", tmp_path)
    assert {one.test: path.read_text() for one, path in written.items()} == {test: test for test in tests}
    assert len({path.name for path in written.values()}) == len(tests)
    assert all(path.is_relative_to(tmp_path) and ".." not in path.parts for path in written.values())


def test_the_oldest_of_all_batches_go_first_when_the_cap_is_reached(redis_client: redis.Redis) -> None:
    artefacts = store(redis_client)
    for number in range(1, 8):
        artefacts.keep(f"b{number % 2}", f"t{number}", 1, {"log": b"x" * 30 * KIB})
        assert total(redis_client) <= 100 * KIB
    left = {one.test for batch in ("b0", "b1") for one in artefacts.of_batch(batch)}
    assert left == {"t5", "t6", "t7"}
    assert total(redis_client) == 90 * KIB


def test_what_is_larger_than_the_cap_is_left_out_and_costs_nothing_else(redis_client: redis.Redis) -> None:
    artefacts = store(redis_client)
    artefacts.keep("b", "small", 1, {"log": b"x"})
    assert artefacts.keep("b", "large", 1, {"log": b"x" * 101 * KIB}) == ()
    assert [one.test for one in artefacts.of_batch("b")] == ["small"]


def test_keeping_the_same_again_replaces_it(redis_client: redis.Redis) -> None:
    artefacts = store(redis_client)
    artefacts.keep("b", "t", 1, {"log": b"x" * 50 * KIB})
    artefacts.keep("b", "t", 1, {"log": b"y" * 60 * KIB})
    [one] = artefacts.of_batch("b")
    assert one.size == 60 * KIB
    assert total(redis_client) == 60 * KIB


def test_they_expire_and_leave_no_key(redis_client: redis.Redis) -> None:
    artefacts = store(redis_client, expiry=1)
    artefacts.keep("b", "t", 1, {"log": b"x"})
    deadline = time.monotonic() + 60
    while redis_client.keys("test:*"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert artefacts.of_batch("b") == ()


def test_what_expired_is_counted_no_more(redis_client: redis.Redis) -> None:
    artefacts = store(redis_client, expiry=1)
    artefacts.keep("old", "t", 1, {"log": b"x" * 60 * KIB})
    deadline = time.monotonic() + 60
    while redis_client.exists("test:artefacts:of:old"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        artefacts.keep("new", "t", 1, {"log": b"y" * 30 * KIB})
    artefacts.keep("new", "t", 1, {"log": b"y" * 30 * KIB})
    assert total(redis_client) == 30 * KIB
