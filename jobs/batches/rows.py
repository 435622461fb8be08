"""A test's row as layout.lua keeps it, and the claim that a script's reply makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from jobs.batches.values import BatchHeader, Claim, Owner
from jobs.specs import TestSpec
from recovery.adjustments import Adjustments
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, RecoveryLevel

_RECORDS = TypeAdapter(tuple[AttemptRecord, ...])


class Row(BaseModel):
    """Where a test is. Fields that the scripts left out are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["queued", "running", "parked", "done"]
    number: int
    queue: str
    fence: int = 0
    browser: BrowserType | None = None
    level: RecoveryLevel | None = None
    strategy: str | None = None
    adjustments: str | None = None
    owner: str | None = None
    call: str | None = None
    claimed_at: float = 0.0
    first_claimed_at: float = 0.0


def read_history(records: bytes | None) -> tuple[AttemptRecord, ...]:
    """The records of a test's ended attempts, from the joined texts that the scripts keep."""
    return _RECORDS.validate_json(b"[" + records + b"]") if records else ()


def read_claim(batch: str, test: str, reply: Sequence[bytes | None]) -> Claim:
    """The claim that ``{claimed, row, spec, history, header}`` tells of."""
    _, row_json, spec_json, records, header_json = reply
    row = Row.model_validate_json(row_json or b"")
    return Claim(
        batch=batch,
        test=test,
        number=row.number,
        fence=row.fence,
        owner=Owner.model_validate_json(row.owner or ""),
        header=BatchHeader.model_validate_json(header_json or b""),
        spec=TestSpec.model_validate_json(spec_json or b""),
        history=read_history(records),
        queue=row.queue,
        browser=row.browser,
        level=row.level,
        strategy=row.strategy,
        adjustments=Adjustments.model_validate_json(row.adjustments) if row.adjustments else Adjustments(),
        claimed_at=row.claimed_at,
        first_claimed_at=row.first_claimed_at,
    )
