"""The shared state as one process of ours sees it, worker or command: nothing here needs a browser."""

from __future__ import annotations

import time
import uuid

from jobs.artefacts import artefact_store
from jobs.batches import BatchStore, Presence
from jobs.circuits import farm_circuits
from jobs.connections import connect
from jobs.settings import Settings

# One value for a worker's main process and the children that it forks: whoever holds a lease with our BOOT and a pid
# that is gone is dead.
BOOT = uuid.uuid4().hex
# When this process, or the one that it was forked from, began; on the monotonic clock.
BOOTED_AT = time.monotonic()


class Backend:
    """The shared state as one process sees it: batches, circuits, and who is at work."""

    def __init__(self, config: Settings, patience: float = 0.0) -> None:
        """``patience``: seconds that steps of a test are tried again for while Redis is away."""
        self.client = connect(config.redis_url)
        self.store = BatchStore(
            self.client,
            prefix=config.key_prefix,
            lease_seconds=config.lease_seconds,
            expiry_seconds=config.batch_expiry_seconds,
            longest_seconds=config.batch_longest_seconds,
            patience=patience,
        )
        self.presence = Presence(self.client, prefix=config.key_prefix)
        self.artefacts = artefact_store(self.client, config)
        self.registry = farm_circuits(self.client, config)
