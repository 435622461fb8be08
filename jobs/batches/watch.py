"""Look at a batch without touching it: header, progress, events."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from jobs.batches.events import BatchEvent, read_event
from jobs.batches.keyspace import Keyspace, text
from jobs.batches.rows import Row
from jobs.batches.values import BatchHeader, Progress, QueueCounts, UnknownBatch

# Events per read.
_PAGE = 1000


class Watching(Keyspace):
    """The store as clients and live views see it."""

    def header(self, batch: str) -> BatchHeader:
        """The batch's header, its total filled in.

        Raises:
            UnknownBatch: there is no such batch.
        """
        header = self.client.hget(self.key(batch), "header")
        if header is None:
            raise UnknownBatch(_unknown(batch))
        return BatchHeader.model_validate_json(header)

    def progress(self, batch: str) -> Progress:
        """How many tests are where, in one round trip.

        Raises:
            UnknownBatch: there is no such batch.
        """
        return self.header_and_progress(batch)[1]

    def header_and_progress(self, batch: str) -> tuple[BatchHeader, Progress]:
        """Both at once, in one round trip. Raises as ``progress``."""
        with self.client.pipeline(transaction=True) as pipe:
            pipe.hmget(self.key(batch), "header", "state", "cancelled")
            pipe.hgetall(self.key(batch, ":counts"))
            (header, state, cancelled), counts = pipe.execute()
        if header is None:
            raise UnknownBatch(_unknown(batch))
        known = BatchHeader.model_validate_json(header)
        statuses: dict[str, int] = defaultdict(int)
        queues: dict[str, dict[str, int]] = defaultdict(dict)
        outcomes: dict[str, int] = {}
        for field, count in counts.items():
            kind, _, name = field.decode().partition(":")
            if kind == "outcome":
                outcomes[name] = int(count)
            elif name:
                statuses[kind] += int(count)
                queues[name][kind] = int(count)
        return known, Progress(
            total=known.total,
            queued=statuses["queued"],
            running=statuses["running"],
            parked=statuses["parked"],
            done=statuses["done"],
            outcomes=outcomes,
            queues={name: QueueCounts(**by_status) for name, by_status in sorted(queues.items())},
            late=int(counts.get(b"late", 0)),
            cancelled=cancelled is not None,
            finished=state == b"finished",
        )

    def queued_in(self, batch: str, queue: str, most: int) -> list[tuple[str, int]]:
        """Tests of a batch that wait in a queue, with the number of their attempt, longest first, up to ``most``."""
        tests = self.client.zrange(self.key(batch, f":queued:{queue}"), 0, most - 1)
        rows = self.client.hmget(self.key(batch, ":rows"), [text(test) for test in tests]) if tests else []
        return [
            (text(test), Row.model_validate_json(row).number)
            for test, row in zip(tests, rows, strict=True)
            if row is not None
        ]

    def last_event_at(self, batch: str) -> float | None:
        """When something happened to a batch last, Unix time, seconds, Redis's clock; None: never."""
        reply: Any = self.client.xrevrange(self.key(batch, ":events"), count=1)
        return read_event(*reply[0]).at if reply else None

    def events(self, batch: str, after: str = "0", block_ms: int = 0) -> list[BatchEvent]:
        """Some events after the one of this id, oldest first; ``"0"``: from the first one kept (the last 10,000 or so).

        Waits up to ``block_ms`` milliseconds for the first one; keep that below the client's socket timeout. Ask again
        with the last event's id. An unknown batch has no events.
        """
        # redis-py's type is a union of both protocols' shapes; ours is protocol 2's.
        reply: Any = self.client.xread({self.key(batch, ":events"): after}, count=_PAGE, block=block_ms or None)
        return [read_event(entry_id, fields) for _, entries in reply or () for entry_id, fields in entries]


def _unknown(batch: str) -> str:
    return f"no batch {batch!r}: never published here, or finished and expired"
