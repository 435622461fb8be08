"""Claim an attempt, keep it, give it back, and take it from a holder that died. What comes after it is advance.py."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Literal, cast

from pydantic import ValidationError

from jobs.batches.keyspace import text
from jobs.batches.rows import read_claim
from jobs.batches.values import Claim, Owner, Refused, StaleAttempt, UnreadableTest
from jobs.batches.verdicts import Verdicts

Renewal = Literal["held", "lost", "cancelled"]


class Claims(Verdicts):
    """The store as a worker that takes tests sees it."""

    def claim(self, batch: str, test: str, number: int, owner: Owner) -> Claim | Refused:
        """Claim an attempt for this process, in one round trip.

        The lease ends after ``lease_seconds`` of Redis's time unless renewed; then a reaper sends the test on.
        Refused: drop the message. If the holder is known to be dead, see ``expire_now``.

        Raises:
            UnreadableTest: only a newer release can run it; it is back in its queue.
        """
        reply = self.run("claim", batch, test, number, owner.model_dump_json(), self.lease_seconds, os.urandom(8).hex())
        outcome = text(reply[0])
        if outcome == "claimed":
            return self._readable(batch, test, reply)
        holder = Owner.model_validate_json(reply[1]) if reply[1] else None
        held = reply[2] if holder is not None else None
        return Refused.model_validate({"reason": outcome, "holder": holder, "number": held})

    def renew(self, claim: Claim) -> Renewal:
        """Lengthen the lease by ``lease_seconds`` from now.

        ``lost``: somebody else has the test, stop. ``cancelled``: still held, but nobody wants the result: stop, and
        finish with a ``cancelled`` verdict. A lease that ended but was not taken yet is held again. Any claim of the
        same holding will do, whatever ``next_in_place`` made of it.
        """
        reply = self.run("renew", claim.batch, claim.test, claim.fence, self.lease_seconds)
        return cast("Renewal", text(reply))

    def give_back(self, claim: Claim) -> None:
        """Put the same attempt back into its queue at once, with no record: the worker is leaving.

        In a cancelled batch the test gets its ``cancelled`` verdict instead.

        Raises:
            StaleAttempt: the claim is no longer current.
        """
        message = self.messages.write(claim.queue, claim.batch, claim.test, claim.number)
        reply = text(self.run("give_back", claim.batch, claim.test, claim.number, claim.fence, message))
        if reply == "stale":
            raise StaleAttempt(stale(claim))
        if reply == "cancelled":
            self.close(claim.batch, claim.spec, claim.number, claim.history, seconds=0.0)

    def _readable(self, batch: str, test: str, reply: Sequence[bytes | None]) -> Claim:
        try:
            return read_claim(batch, test, reply)
        except ValidationError as error:
            row = json.loads(reply[1] or b"{}")
            message = self.messages.write(row["queue"], batch, test, row["number"])
            self.run("give_back", batch, test, row["number"], row["fence"], message)
            raise UnreadableTest(f"{batch}:{test} is of a newer release; left to newer workers") from error

    def take_expired(self, batch: str, test: str) -> Claim | None:
        """Take over a test whose lease ended; its holder is fenced off. None: it is not to be had.

        The claim's ``owner`` is the holder that fell silent. The taker has a lease of its own: should it die too, the
        next one takes over.

        Raises:
            UnreadableTest: only a newer release can tell what becomes of it. It is back in its queue: a worker of
                that release runs the attempt again, without a word of the holder's death.
        """
        reply = self.run("take", batch, test, self.lease_seconds)
        return None if reply is None else self._readable(batch, test, reply)

    def expire_now(self, batch: str, test: str, number: int, holder: Owner) -> Claim | None:
        """Take over a test whose holder is *known* to be dead, without waiting for the lease to end.

        None: the holder has it no more.
        """
        if not self.run("expire", batch, test, number, holder.model_dump_json()):
            return None
        return self.take_expired(batch, test)


def stale(claim: Claim) -> str:
    """The message of a ``StaleAttempt``."""
    return f"attempt {claim.number} of {claim.batch}:{claim.test} is no longer held by {claim.owner.node}; drop it"
