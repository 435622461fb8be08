"""The store as a reaper needs it: what is overdue, and the steps that put it right. Each step is fenced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from jobs.batches.keyspace import LOW, Keyspace, text
from jobs.batches.rows import Row

# Seconds that a test may be queued while its queue is empty. Between a worker's BRPOP and its claim lie milliseconds.
STRAY_SECONDS = 5.0
# Seconds by which a test that came later may be claimed before it: batches that are published together come mixed.
OVERTAKEN_SECONDS = 60.0

# Where a message bears the id of its task, "<batch>:<test>:<attempt>".
_TASK_OF = re.compile(rb'"id": "([A-Za-z0-9._-]+):')


class TestKey(NamedTuple):
    """A test's full name."""

    batch: str
    test: str

    @classmethod
    def read(cls, member: bytes) -> TestKey:
        """From ``<batch>:<test>``; ids contain no colon."""
        batch, _, test = member.decode().partition(":")
        return cls(batch, test)


class Reaping(Keyspace):
    """What a tick is made of. Nothing here needs to be done by one process only; the election just saves work."""

    def overdue(self, most: int) -> tuple[list[TestKey], list[TestKey]]:
        """Expired leases and parked tests that are due, the longest overdue first, up to ``most`` of each."""
        expired, due = self.run("due", "-", most)
        return [TestKey.read(member) for member in expired], [TestKey.read(member) for member in due]

    def unpark(self, tests: Iterable[TestKey]) -> int:
        """Queue parked tests that are due; how many it were. Two trips."""
        tests = list(tests)
        with self.client.pipeline(transaction=False) as pipe:
            for batch, test in tests:
                pipe.hget(self.key(batch, ":rows"), test)
            rows = pipe.execute()
            for (batch, test), row_json in zip(tests, rows, strict=True):
                if row_json is None:
                    self.run("unpark", batch, test, 0, "", pipe=pipe)
                else:
                    row = Row.model_validate_json(row_json)
                    message = self.messages.write(row.queue, batch, test, row.number)
                    self.run("unpark", batch, test, row.number, message, pipe=pipe)
            return sum(pipe.execute())

    def requeue_strays(
        self, batch: str, most: int, waited: float = STRAY_SECONDS, overtaken: float = OVERTAKEN_SECONDS
    ) -> int:
        """Push the messages of queued tests again whose queue is empty, or passes them over; how many it were.

        Such a message died with a worker between delivery and claim. ``waited``: seconds that a test must have been
        queued; ``overtaken``: seconds by which others came later that were claimed. If it was no stray, the second
        message finds nothing to claim.
        """
        found = self.run("strays", batch, waited, overtaken, most)
        with self.client.pipeline(transaction=False) as pipe:
            for test, row_json in zip(found[::2], found[1::2], strict=True):
                row = Row.model_validate_json(row_json)
                message = self.messages.write(row.queue, batch, text(test), row.number)
                self.run("requeue", batch, test, row.number, message, pipe=pipe)
            return sum(pipe.execute())

    def drop_dead(self, queue: str, most: int) -> int:
        """Remove messages of batches that are finished, or gone, from the old end of a queue; how many it were.

        Workers drop them as they come. Where no worker comes, they would lie there for ever. Two trips.
        """
        dropped = 0
        for name in (queue, queue + LOW):
            messages: Any = self.client.lrange(name, -most, -1)
            owners = [_TASK_OF.search(message) for message in messages]
            with self.client.pipeline(transaction=False) as pipe:
                for owner in owners:
                    pipe.hget(self.key(owner[1].decode() if owner else ""), "state")
                states = pipe.execute() if messages else []
                for message, state in zip(messages, states, strict=True):
                    if state != b"open":
                        pipe.lrem(name, -1, message)
                dropped += sum(pipe.execute())
        return dropped

    def unfinished(self) -> tuple[list[str], list[str], list[str]]:
        """Ids of batches that are open, that have messages left to feed, and that are being cancelled. One trip."""
        with self.client.pipeline(transaction=False) as pipe:
            for name in ("open", "feeding", "cancelling"):
                pipe.smembers(self.shared_key(name))
            opened, feeding, cancelling = ([text(batch) for batch in sorted(batches)] for batches in pipe.execute())
        return opened, feeding, cancelling
