"""Circuit settings of a farm that change: a rolling deployment with a newer version changes them for every worker."""

from __future__ import annotations

import pytest
import redis

from jobs.backend import Backend
from jobs.settings import Settings
from tests.conftest import RedisServer

CIRCUIT = "browser:chrome"


def worker(server: RedisServer, threshold: int, version: int) -> Backend:
    """What a worker started with these variables uses."""
    return Backend(
        Settings(redis_url=server.url, circuit_failure_threshold=threshold, circuit_settings_version=version)
    )


def test_a_rolling_deployment_changes_the_settings_of_circuits_that_exist(
    redis_server: RedisServer, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    old = worker(redis_server, threshold=3, version=1)
    with old.registry.guard(CIRCUIT):
        pass
    mistaken = worker(redis_server, threshold=5, version=1)
    with mistaken.registry.guard(CIRCUIT):
        pass
    assert old.registry.settings_of(CIRCUIT).failure_threshold == 3
    assert "failure_threshold=3, not 5" in caplog.text

    new = worker(redis_server, threshold=2, version=2)
    with new.registry.guard(CIRCUIT):
        pass
    assert old.registry.settings_of(CIRCUIT).failure_threshold == 2
    # An old worker that restarts in the middle of the deployment turns nothing back.
    with worker(redis_server, threshold=3, version=1).registry.guard(CIRCUIT):
        pass
    for _ in range(2):
        with pytest.raises(OSError, match="driver"), old.registry.guard(CIRCUIT):
            raise OSError("driver")
    assert new.registry.states(CIRCUIT)[CIRCUIT].state == "open"
