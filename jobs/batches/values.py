"""The values that batches are spoken of in: a batch's header, a claim and who holds it, where a test goes next.

Nothing here knows Redis. Times are Unix seconds of Redis's clock unless said otherwise.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, field_serializer, field_validator

from jobs.specs import TestSpec
from recovery.adjustments import Adjustments
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, RecoveryLevel
from recovery.policy import RecoveryPolicy

Priority = Literal["high", "normal", "low"]
"""Which tests a worker takes first: ``high`` before all that wait, ``low`` when nothing else waits."""

BATCH_ID = r"^[A-Za-z0-9._-]{1,100}$"


class BatchError(Exception):
    """A batch, or a step of one of its tests, is not as the caller believed."""


class BatchConflict(BatchError):
    """The id belongs to a batch of other content."""


class DuplicateTest(BatchError, ValueError):
    """A test id occurs twice in one batch. Nothing was published."""


class StagingLost(BatchError):
    """Staged tests expired before the batch was complete. Nothing was published; publish again."""


class FarmFull(BatchError):
    """Redis has no room for the batch. Nothing was published."""


class UnknownBatch(BatchError, LookupError):
    """No batch of this id: never published, or finished so long ago that its keys expired."""


class StaleAttempt(BatchError):
    """The claim is no longer current: a later attempt or another worker has the test. Drop what this one did."""


class UnreadableTest(BatchError):
    """A newer release published the test, with things in it that this one doesn't know. It is back in its queue."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BatchHeader(_Value):
    """What is true of a whole batch."""

    id: Annotated[str, StringConstraints(pattern=BATCH_ID)]
    name: str = Field(max_length=200)
    created_at: float = Field(description="Unix time, seconds, the client's clock; no part of the content")
    allow: frozenset[Literal["degraded", "simulated"]] = frozenset()
    policy: dict[str, JsonValue] = Field(default_factory=dict, description="overrides of the recovery policy")
    priority: Priority = "normal"
    fail_fast: bool = Field(default=False, description="the first test that fails, or ends as error, cancels the rest")
    total: int = Field(default=0, ge=0, description="number of tests; filled in by publish")

    @field_validator("policy")
    @classmethod
    def _can_hold(cls, policy: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """A worker would find out after a test's first failure, and could send it nowhere."""
        if policy:
            RecoveryPolicy.default().merged(policy)
        return policy

    @field_serializer("allow")
    def _allow_in_order(self, allow: frozenset[str]) -> list[str]:
        return sorted(allow)


class Owner(_Value):
    """A process that holds a lease. ``boot`` is one uuid per life of a worker's main process."""

    node: str
    boot: str
    pid: int


class Claim(_Value):
    """A worker's leave to run one attempt, good while the lease is renewed."""

    batch: str
    test: str
    number: int = Field(ge=1, description="the attempt; a later number makes this claim stale")
    fence: int = Field(ge=1, description="grows with every change of holder, even within one attempt")
    owner: Owner = Field(description="who runs it; in a claim of the reaper: who let the lease expire")
    header: BatchHeader
    spec: TestSpec
    history: tuple[AttemptRecord, ...]
    queue: str = Field(description="the queue that it came from")
    browser: BrowserType | None = Field(description="the browser to use; null: simulation")
    level: RecoveryLevel | None = Field(description="the recovery that led to this attempt")
    strategy: str | None
    adjustments: Adjustments
    claimed_at: float = Field(description="when this attempt was claimed")
    first_claimed_at: float = Field(description="when the test was first claimed")


class Refused(_Value):
    """Why a message was not worth an attempt: drop it. The holder, if there is one, may be dead."""

    reason: Literal["stale", "leased", "done", "cancelled", "unknown"]
    holder: Owner | None = None
    number: int | None = Field(default=None, description="the holder's attempt")


class NextAttempt(_Value):
    """Where a test goes for its next attempt, and as what."""

    queue: str
    browser: BrowserType | None = Field(description="null: simulation")
    level: RecoveryLevel | None = Field(default=None, description="null: a detour, no recovery")
    strategy: str | None = None
    adjustments: Adjustments = Adjustments()


class QueueCounts(_Value):
    """The tests of a batch by status, for one queue: the one they wait in, or ran from."""

    queued: int = 0
    running: int = 0
    parked: int = 0
    done: int = 0


class Progress(_Value):
    """How far a batch is; one moment's truth."""

    total: int
    queued: int
    running: int
    parked: int
    done: int
    outcomes: dict[str, int] = Field(description="verdicts by outcome")
    queues: dict[str, QueueCounts]
    late: int = Field(description="results of late twins that were dropped")
    cancelled: bool
    finished: bool
