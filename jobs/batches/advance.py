"""End an attempt that failed and say what comes next: in place, on a queue, or parked. Every step is fenced."""

from __future__ import annotations

import json
from typing import Any

from jobs.batches.claims import Claims, stale
from jobs.batches.keyspace import text
from jobs.batches.rows import Row
from jobs.batches.values import Claim, NextAttempt, StaleAttempt
from jobs.batches.verdicts import cancelled_verdict
from recovery.adjustments import Adjustments
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, RecoveryLevel


class Advancing(Claims):
    """The store as recovery's actions need it."""

    def next_in_place(
        self, claim: Claim, record: AttemptRecord, level: RecoveryLevel | None, strategy: str | None
    ) -> Claim | None:
        """Go on to the next attempt in this process: same browser, same adjustments, the lease kept and renewed.

        None: the batch was cancelled; the test has its ``cancelled`` verdict.

        Raises:
            StaleAttempt: the claim is no longer current.
        """
        attempt = _described(claim.browser, level, strategy, claim.adjustments)
        reply = self.run(
            "next_in_place", claim.batch,
            claim.test, claim.number, claim.fence, record.model_dump_json(), attempt, self.lease_seconds,
        )  # fmt: skip
        outcome, history = text(reply[0]), (*claim.history, record)
        if outcome == "cancelled":
            why = self.why_cancelled(claim.batch)
            if self.finish(claim, cancelled_verdict(claim.spec, history, _ended(claim, record), why)):
                return None
        if outcome != "ok":
            raise StaleAttempt(stale(claim))
        row = Row.model_validate_json(reply[1])
        return claim.model_copy(
            update={
                "number": row.number,
                "history": history,
                "level": level,
                "strategy": strategy,
                "claimed_at": row.claimed_at,
            }
        )

    def send_on(self, claim: Claim, record: AttemptRecord, following: NextAttempt) -> None:
        """Queue the next attempt, record the one that ended; in a cancelled batch close the test instead.

        Raises:
            StaleAttempt: the claim is no longer current.
            ValueError: there is no such queue.
        """
        message = self.messages.write(following.queue, claim.batch, claim.test, claim.number + 1)
        self._leave("send_on", claim, record, following, message)

    def park(self, claim: Claim, record: AttemptRecord, following: NextAttempt, seconds: float) -> None:
        """Let the next attempt wait for ``seconds`` before it is queued (``unpark``, by any reaper's tick).

        In a cancelled batch the test is closed instead.

        Raises:
            StaleAttempt: the claim is no longer current.
            ValueError: there is no such queue.
        """
        self.messages.check(following.queue)
        self._leave("park", claim, record, following, seconds)

    def _leave(self, script: str, claim: Claim, record: AttemptRecord, following: NextAttempt, last: Any) -> None:
        attempt = _described(following.browser, following.level, following.strategy, following.adjustments)
        reply = text(
            self.run(
                script, claim.batch,
                claim.test, claim.number, claim.fence, record.model_dump_json(), attempt, following.queue, last,
            )
        )  # fmt: skip
        if reply == "stale":
            raise StaleAttempt(stale(claim))
        if reply == "cancelled":
            history = (*claim.history, record)
            self.close(claim.batch, claim.spec, claim.number + 1, history, seconds=_ended(claim, record))


def _ended(claim: Claim, record: AttemptRecord) -> float:
    """Seconds from the first claim to the end of an attempt."""
    return max(0.0, record.started_at + record.seconds - claim.first_claimed_at)


def _described(
    browser: BrowserType | None, level: RecoveryLevel | None, strategy: str | None, adjustments: Adjustments
) -> str:
    """An attempt as the scripts read it: absent means none; adjustments stay opaque text (see layout.lua)."""
    fields = {
        "browser": None if browser is None else browser.value,
        "level": None if level is None else level.value,
        "strategy": strategy,
        "adjustments": None if adjustments == Adjustments() else adjustments.model_dump_json(),
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None})
