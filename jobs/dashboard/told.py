"""What the pages are told, as JSON; TypeScript types are made of these models (generate.py). Times: Unix seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from recovery.kinds import BrowserType
from recovery.statistics import RecoverySummary

Kind = Literal["browser", "worker", "task", "other"]
State = Literal["closed", "open", "half_open", "forced_open", "disabled"]
Outcome = Literal["passed", "failed", "error", "cancelled"]
KINDS: tuple[Kind, ...] = ("browser", "worker", "task", "other")


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CircuitTold(_Told):
    """One circuit as a tile shows it."""

    name: str
    kind: Kind
    state: State
    since: float
    open_until: float | None = Field(description="when a probe may be let through; null: no such time")
    health: float = Field(description="0 to 100")
    executions: int
    failures: int
    failure_rate: float | None = Field(description="of the window; null: too few samples")
    samples: int
    failures_in_a_row: int
    failure_threshold: int | None
    rejected: int
    opens: int
    downtime: float = Field(description="mean seconds from opening to closing")
    seconds_p50: float | None
    seconds_p95: float | None
    recoveries: int
    recovery_attempts: int


class TransitionTold(_Told):
    """A circuit changed its state."""

    id: str = Field(description="place in the stream")
    name: str
    at: float
    previous: State
    state: State
    reason: str
    open_seconds: float | None


class SessionTold(_Told):
    """A live browser."""

    node: str
    version: str
    adapter: str | None
    software: bool | None
    tests: int
    started_at: float


class BrowserTold(_Told):
    """One browser of the farm: who serves it, and what waits for it."""

    browser: BrowserType
    circuit: State | None = Field(description="null: its circuit was never used")
    health: float | None
    workers: tuple[str, ...]
    sessions: tuple[SessionTold, ...]
    queue: int = Field(description="messages in its queue")
    waiting: int = Field(description="tests that wait for it, whether or not their message is in the queue yet")
    running: int
    parked: int


class NodeTold(_Told):
    """A worker at work."""

    node: str
    pid: int
    queues: tuple[str, ...]
    sessions: int
    circuit: State | None
    quarantined: bool = Field(description="its circuit is open: it has left its queues")


class Sample(_Told):
    """Failure rates over the last 30 s by component type; null where nothing ran."""

    at: float
    health: float
    rates: dict[Kind, float | None]


class Standing(_Told):
    """How the farm stands, but for its circuits and what happened before."""

    at: float = Field(description="Redis's clock")
    health: float
    states: dict[State, int]
    browsers: tuple[BrowserTold, ...]
    nodes: tuple[NodeTold, ...]
    simulation_queue: int
    running: int
    waiting: int
    parked: int
    open_batches: int
    sample: Sample


class Farm(_Told):
    """Everything that the Circuits page shows; what it begins with."""

    standing: Standing
    circuits: tuple[CircuitTold, ...]
    samples: tuple[Sample, ...]
    transitions: tuple[TransitionTold, ...] = Field(description="the latest, oldest first")


class Change(_Told):
    """What became different since the last one."""

    standing: Standing
    circuits: tuple[CircuitTold, ...] = Field(description="those that changed, and new ones")
    gone: tuple[str, ...]


class Trouble(_Told):
    """The farm can't be read, as Redis is away; or it can again."""

    away_since: float | None = Field(description="null: it is there")
    message: str = ""


class BatchTold(_Told):
    """A batch in the list."""

    id: str
    name: str
    created_at: float
    total: int
    queued: int
    running: int
    parked: int
    outcomes: dict[str, int]
    cancelled: bool
    finished: bool


class Batches(_Told):
    """The recent batches, newest first."""

    batches: tuple[BatchTold, ...]


class CellTold(_Told):
    """Verdicts of one cell of a batch's matrix."""

    browser: BrowserType
    model: str
    platform: str
    total: int
    outcomes: dict[str, int]
    recovered: int
    degraded: int
    simulated: int


class VerdictTold(_Told):
    """A test that ended, in one line."""

    test: str
    outcome: Outcome
    reason: str
    browser: str | None
    recovered: bool
    degraded: bool
    simulated: bool
    attempts: int
    seconds: float


class Board(_Told):
    """One batch, as its page shows it."""

    batch: BatchTold
    allow: tuple[str, ...]
    cells: tuple[CellTold, ...]
    slowest: tuple[VerdictTold, ...]
    notable: tuple[VerdictTold, ...] = Field(description="not simply passed; the latest, newest first")
    notable_total: int
    running_tests: tuple[str, ...]
    parked_tests: tuple[str, ...]
    late: int
    artefacts: int = Field(description="kept of all its failed attempts")


class AttemptTold(_Told):
    """One attempt on a test's timeline."""

    number: int
    browser: str | None = Field(description="null: simulation")
    level: int | None
    strategy: str | None
    worker: str
    outcome: str
    cause: str
    started_at: float
    seconds: float
    running: bool = False


class ArtefactTold(_Told):
    """Something that is kept of a failed attempt."""

    attempt: int
    name: str
    size: int


class TestTold(_Told):
    """One test, as its page shows it."""

    __test__ = False

    batch: str
    test: str
    status: Literal["queued", "running", "parked", "done"]
    queue: str
    asked: str
    model: str
    platform: str
    attempts: tuple[AttemptTold, ...]
    verdict: VerdictTold | None
    measurement: dict[str, float | int | str | bool | None] | None
    artefacts: tuple[ArtefactTold, ...]
    now: float = Field(description="Redis's clock")


class RecoveryTold(_Told):
    """One recovery attempt."""

    at: float
    method: str
    browser: str | None
    level: int | None
    succeeded: bool


class Recovery(_Told):
    """What the Recovery page shows."""

    at: float
    days: int
    summary: RecoverySummary
    latest: tuple[RecoveryTold, ...] = Field(
        description="oldest first; those that brought no browser back are not in it"
    )
    parked: int
    running: int
