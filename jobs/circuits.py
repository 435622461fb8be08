"""The registry of the farm's circuits, as every process of ours opens it: the same settings for all."""

from __future__ import annotations

import redis

from breakers import CircuitBreakerRegistry
from jobs.settings import Settings

# Seconds that a probe may take where nobody renews its permit, as workers do: a test's default time limit doubled by
# level 3, and a slow launch. A longer one would count as stale, and its circuit could not close.
PROBE_SECONDS = 300.0


def farm_circuits(client: redis.Redis, config: Settings) -> CircuitBreakerRegistry:
    """The circuits at this client's Redis."""
    return CircuitBreakerRegistry(
        client,
        prefix=config.key_prefix,
        failure_threshold=config.circuit_failure_threshold,
        recovery_timeout=config.circuit_recovery_timeout,
        probe_seconds=PROBE_SECONDS,
        version=config.circuit_settings_version,
    )
