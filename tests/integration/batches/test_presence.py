"""Who is at work, as far as Redis knows."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from jobs.batches import Presence, presence


def test_queues_are_told_with_the_nodes_that_read_them(redis_client: redis.Redis) -> None:
    here = Presence(redis_client, "t")
    assert here.live_queues() == {}
    here.announce("w2", "boot-2", 22, ["browser.chrome", "simulation"])
    here.announce("w1", "boot-1", 11, ["browser.chrome"])
    assert here.live_queues() == {"browser.chrome": ("w1", "w2"), "simulation": ("w2",)}
    assert [(node.node, node.boot, node.pid) for node in here.nodes()] == [("w1", "boot-1", 11), ("w2", "boot-2", 22)]


def test_a_quarantined_node_is_at_work_but_reads_no_queue(redis_client: redis.Redis) -> None:
    here = Presence(redis_client, "t")
    here.announce("w1", "boot-1", 11, ["browser.chrome"], quarantined=True)
    assert here.live_queues() == {}
    assert here.nodes()[0].quarantined


def test_a_silent_node_disappears_and_its_words_too(
    redis_client: redis.Redis, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "NODE_SECONDS", 0.1)
    here = Presence(redis_client, "t")
    here.announce("w1", "boot-1", 11, ["browser.chrome"])
    make.until(lambda: not here.nodes())
    here.announce("w2", "boot-2", 22, ["simulation"])
    assert redis_client.hkeys("t:nodes:told") == [b"w2"]


def test_a_node_that_leaves_does_not_take_its_successor_along(redis_client: redis.Redis) -> None:
    old, new = Presence(redis_client, "t"), Presence(redis_client, "t")
    old.announce("w1", "boot-1", 11, ["simulation"])
    new.announce("w1", "boot-2", 12, ["simulation"])
    old.leave("w1")
    assert [node.boot for node in new.nodes()] == ["boot-2"]
    new.leave("w1")
    assert new.nodes() == []
    new.leave("never-announced")
