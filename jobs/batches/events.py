"""What happens to a batch, as typed events: the stream that live views and waiting clients read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, TypeAdapter

from jobs.batches.values import Owner
from jobs.specs import Verdict
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, RecoveryLevel

# A field of a stream is text; an empty one means none.
_Browser = Annotated[BrowserType | None, BeforeValidator(lambda value: value or None)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="place in the stream: what to ask for events after")
    at: float = Field(description="Unix time, seconds, Redis's clock")


class Following(BaseModel):
    """The next attempt of a test, as an event tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    browser: BrowserType | None = None
    level: RecoveryLevel | None = None
    strategy: str | None = None


class Published(_Event):
    """The batch exists."""

    type: Literal["published"]
    total: int


class Claimed(_Event):
    """A worker began an attempt."""

    type: Literal["claimed"]
    test: str
    number: int
    queue: str
    owner: Json[Owner]
    browser: _Browser


class Failed(_Event):
    """An attempt ended without a verdict, and another follows: in the same process, or on a queue."""

    type: Literal["failed"]
    test: str
    number: int
    queue: str
    record: Json[AttemptRecord]
    next: Json[Following]
    next_queue: str
    in_place: Annotated[bool, BeforeValidator(bool)]


class Parked(_Event):
    """An attempt ended, and the next one waits until ``due`` (Unix time, seconds)."""

    type: Literal["parked"]
    test: str
    number: int
    queue: str
    record: Json[AttemptRecord]
    next: Json[Following]
    next_queue: str
    due: float


class GivenBack(_Event):
    """A worker that leaves put its attempt back."""

    type: Literal["given_back"]
    test: str
    number: int
    queue: str
    owner: Json[Owner]


class VerdictWritten(_Event):
    """A test ended."""

    type: Literal["verdict"]
    test: str
    number: int
    queue: str
    verdict: Json[Verdict]


class Cancelled(_Event):
    """The batch was cancelled; verdicts of its tests follow."""

    type: Literal["cancelled"]
    by: str = Field(default="", description="who asked for it, where that is known")


class Finished(_Event):
    """The last verdict was written. Nothing follows."""

    type: Literal["finished"]


BatchEvent = Published | Claimed | Failed | Parked | GivenBack | VerdictWritten | Cancelled | Finished

_EVENT: TypeAdapter[BatchEvent] = TypeAdapter(Annotated[BatchEvent, Field(discriminator="type")])


def read_event(entry_id: bytes, fields: dict[bytes, bytes]) -> BatchEvent:
    """The event that an entry of the stream holds."""
    named = {name.decode(): value.decode() for name, value in fields.items()}
    return _EVENT.validate_python({"id": entry_id.decode(), **named})
