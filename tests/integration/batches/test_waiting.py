"""Who waits for a batch hears of everything that happens to it, down to the last verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import redis

from jobs.backend import Backend
from jobs.batches.events import BatchEvent
from jobs.settings import Settings
from jobs.waiting import Waiting
from tests.conftest import RedisServer
from tests.integration.batches.conftest import Make


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def happened(self, event: BatchEvent) -> None:
        self.events.append(event.type)

    def progressed(self, progress: object, open_circuits: Mapping[str, object]) -> None:
        pass

    def noted(self, note: str) -> None:
        pass


def test_a_verdict_between_two_looks_is_told(
    redis_server: RedisServer, redis_client: redis.Redis, make: type[Make], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Backend(Settings(redis_url=redis_server.url))
    store = backend.store
    store.publish(make.header(), make.specs(1))
    claim = make.claim(store)
    look, looks = store.progress, 0

    def finish_first(batch: str) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:  # the events have been read by now
            store.finish(claim, make.verdict(claim))
        return look(batch)

    monkeypatch.setattr(store, "progress", finish_first)
    heard = Heard()
    assert Waiting(backend, "b", heard, serve=False).until_finished(60)
    assert heard.events == ["published", "claimed", "verdict", "finished"]
