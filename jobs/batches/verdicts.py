"""A test's one verdict: written by the current claim, or by a cancelled batch for tests that still wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, cast

import redis

from jobs.batches.keyspace import Keyspace, redis_time, text
from jobs.batches.rows import Row, read_history
from jobs.batches.values import Claim, UnknownBatch
from jobs.specs import Outcome, TestSpec, Verdict
from recovery.history import AttemptRecord

# Tests closed, or verdicts read, per trip.
_CHUNK = 500
# Messages looked at per trip: a millisecond or two of Redis.
_SWEPT = 1000

CancelReason = Literal["asked", "fail_fast", "revoked", "abandoned"]

CANCELLED: Mapping[CancelReason, str] = {
    "asked": "the batch was cancelled",
    "fail_fast": "another test of the batch failed, and the batch ends at the first failure",
    "revoked": "the task was revoked",
    "abandoned": "the batch was not finished in time",
}
"""The reason that a ``cancelled`` verdict gives."""


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

    def cancel(self, batch: str, by: str = "", why: CancelReason = "asked") -> None:
        """Cancel a batch: waiting tests get a ``cancelled`` verdict, running ones learn it when they renew.

        A finished batch stays as it is. ``by``: who asked for it, for the batch's events. Should this process die on
        the way, a reaper's tick goes on.

        Raises:
            UnknownBatch: there is no such batch.
        """
        if text(self.run("cancel", batch, why, by)) == "unknown":
            raise UnknownBatch(f"no batch {batch!r}: never published here, or finished and expired")
        while self.close_some(batch):
            pass

    def why_cancelled(self, batch: str) -> CancelReason:
        """Why the batch was cancelled, for the verdicts of its tests."""
        why = self.client.hget(self.key(batch), "why")
        return cast("CancelReason", text(why)) if why else "asked"

    def close_some(self, batch: str) -> bool:
        """Give some waiting tests of a cancelled batch their verdict; whether there were any."""
        waiting = self.run("waiting", batch, _CHUNK)
        now, why = redis_time(self.client), self.why_cancelled(batch)
        with self.client.pipeline(transaction=False) as pipe:
            for _, row_json, spec_json, records in waiting:
                row = Row.model_validate_json(row_json)
                spec, history = TestSpec.model_validate_json(spec_json), read_history(records)
                seconds = max(0.0, now - row.first_claimed_at) if row.first_claimed_at else 0.0
                self.close(batch, spec, row.number, history, seconds=seconds, why=why, pipe=pipe)
            pipe.execute()
        if waiting and len(waiting) < _CHUNK:
            self._sweep(batch)
        return bool(waiting)

    def _sweep(self, batch: str) -> None:
        """Take the messages of a cancelled batch out of the queues: workers need not drop them one by one.

        One that is missed does no harm, as its test can't be claimed.
        """
        counted = {text(field).partition(":") for field in self.client.hkeys(self.key(batch, ":counts"))}
        for queue in sorted({queue for status, _, queue in counted if status == "queued"}):
            start, looked_at = 0, _SWEPT
            while looked_at == _SWEPT:
                looked_at, removed = self.run("sweep", batch, queue, start, _SWEPT)
                start += looked_at - removed

    def close(
        self,
        batch: str,
        spec: TestSpec,
        number: int,
        history: Sequence[AttemptRecord],
        *,
        seconds: float,
        why: CancelReason | None = None,
        pipe: redis.client.Pipeline | None = None,
    ) -> None:
        """Give a test of a cancelled batch that waits, as this attempt, its verdict; else do nothing."""
        verdict = cancelled_verdict(spec, history, seconds, why or self.why_cancelled(batch)).model_dump_json()
        self.run("close", batch, spec.id, number, verdict, Outcome.CANCELLED.value, self.expiry_seconds, pipe=pipe)


def cancelled_verdict(
    spec: TestSpec, history: Sequence[AttemptRecord], seconds: float, why: CancelReason = "asked"
) -> Verdict:
    """The verdict of a test whose batch was cancelled. ``seconds``: since it was first claimed, 0 if it never was."""
    return Verdict(
        test=spec.id,
        outcome=Outcome.CANCELLED,
        reason=CANCELLED[why],
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
