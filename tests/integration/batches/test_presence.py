"""Who is at work, as far as Redis knows."""

from __future__ import annotations

from typing import Any

import redis

from jobs.batches import Node, Presence
from recovery import BrowserType


def node(name: str, boot: str, *queues: str) -> Node:
    return Node(node=name, boot=boot, pid=11, queues=queues, browsers={BrowserType.CHROME: "156.0"})


def test_queues_are_told_with_the_nodes_that_read_them(redis_client: redis.Redis) -> None:
    here = Presence(redis_client, "t")
    assert here.live_queues() == {}
    second, first = node("w2", "boot-2", "browser.chrome", "simulation"), node("w1", "boot-1", "browser.chrome")
    here.announce(second, 30)
    here.announce(first, 30)
    assert here.nodes() == [first, second]
    assert here.live_queues() == {"browser.chrome": ("w1", "w2"), "simulation": ("w2",)}
    here.announce(node("w2", "boot-2"), 30)  # quarantined: alive, and reading nothing
    assert here.live_queues() == {"browser.chrome": ("w1",)}


def test_a_silent_node_disappears_and_its_words_too(redis_client: redis.Redis, make: Any) -> None:
    here = Presence(redis_client, "t")
    here.announce(node("w1", "boot-1", "browser.chrome"), 0.1)
    make.until(lambda: not here.nodes())
    here.announce(node("w2", "boot-2", "simulation"), 30)
    assert redis_client.hkeys("t:nodes:told") == [b"w2"]


def test_a_node_that_leaves_does_not_take_its_successor_along(redis_client: redis.Redis) -> None:
    old, new = node("w1", "boot-1", "simulation"), node("w1", "boot-2", "simulation")
    here = Presence(redis_client, "t")
    here.announce(old, 30)
    here.announce(new, 30)
    here.withdraw(old)
    assert here.nodes() == [new]
    here.withdraw(new)
    here.withdraw(new)
    assert here.nodes() == []
