"""A test's one verdict: written by the current claim, or by a cancelled batch for tests that still wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis

from jobs.batches.keyspace import Keyspace, redis_time, text
from jobs.batches.rows import Row, read_history
from jobs.batches.values import Claim, UnknownBatch
from jobs.specs import Outcome, TestSpec, Verdict
from recovery.history import AttemptRecord

# Tests closed, or verdicts read, per trip.
_CHUNK = 500


class Verdicts(Keyspace):
    """The store's way out."""

    def finish(self, claim: Claim, verdict: Verdict) -> bool:
        """Write the verdict of a test. False: a late twin's, dropped and counted; its test has or gets another.

        The last verdict of a batch finishes it; from then on its keys are kept for ``expiry_seconds``.

        Raises:
            ValueError: the verdict is another test's.
        """
        if verdict.test != claim.test:
            raise ValueError(f"a verdict of {verdict.test!r} can't finish a claim on {claim.test!r}")
        return bool(
            self.run(
                "finish", claim.batch,
                claim.test, claim.number, claim.fence, verdict.model_dump_json(), verdict.outcome.value,
                self.expiry_seconds,
            )
        )  # fmt: skip

    def verdicts(self, batch: str, start: int = 0) -> Iterator[Verdict]:
        """The verdicts so far, in the order in which they were written, from the ``start``-th on."""
        while page := self.client.lrange(self.key(batch, ":verdicts"), start, start + _CHUNK - 1):
            for verdict in page:
                yield Verdict.model_validate_json(verdict)
            start += len(page)

    def cancel(self, batch: str, by: str = "") -> None:
        """Cancel a batch: waiting tests get a ``cancelled`` verdict, running ones learn it when they renew.

        A finished batch stays as it is. ``by``: who asked for it, for the batch's events. Should this process die on
        the way, a reaper's tick goes on.

        Raises:
            UnknownBatch: there is no such batch.
        """
        if text(self.run("cancel", batch, by)) == "unknown":
            raise UnknownBatch(f"no batch {batch!r}: never published here, or finished and expired")
        while self.close_some(batch):
            pass

    def close_some(self, batch: str) -> bool:
        """Give some waiting tests of a cancelled batch their verdict; whether there were any."""
        waiting = self.run("waiting", batch, _CHUNK)
        now = redis_time(self.client)
        with self.client.pipeline(transaction=False) as pipe:
            for _, row_json, spec_json, records in waiting:
                row = Row.model_validate_json(row_json)
                spec, history = TestSpec.model_validate_json(spec_json), read_history(records)
                seconds = max(0.0, now - row.first_claimed_at) if row.first_claimed_at else 0.0
                self.close(batch, spec, row.number, history, seconds=seconds, pipe=pipe)
            pipe.execute()
        return bool(waiting)

    def close(
        self,
        batch: str,
        spec: TestSpec,
        number: int,
        history: Sequence[AttemptRecord],
        *,
        seconds: float,
        pipe: redis.client.Pipeline | None = None,
    ) -> None:
        """Give a test of a cancelled batch that waits, as this attempt, its verdict; else do nothing."""
        verdict = cancelled_verdict(spec, history, seconds).model_dump_json()
        self.run("close", batch, spec.id, number, verdict, Outcome.CANCELLED.value, self.expiry_seconds, pipe=pipe)


def cancelled_verdict(spec: TestSpec, history: Sequence[AttemptRecord], seconds: float) -> Verdict:
    """The verdict of a test whose batch was cancelled. ``seconds``: since it was first claimed, 0 if it never was."""
    return Verdict(
        test=spec.id,
        outcome=Outcome.CANCELLED,
        reason="the batch was cancelled",
        asked_browser=spec.browser,
        browser=None,
        kind=spec.kind,
        function=spec.python.function if spec.python else None,
        model=spec.model,
        model_type=spec.model_type,
        platform=spec.platform,
        degraded=False,
        simulated=False,
        recovered=False,
        measurement=None,
        attempts=tuple(history),
        seconds=seconds,
    )
