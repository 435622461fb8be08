"""What recovery can decide: small values, told apart by ``kind``. Others carry them out."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from recovery.adjustments import Adjustments
from recovery.kinds import BrowserType, RecoveryLevel


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    level: ClassVar[RecoveryLevel | None] = None
    """The level that the action belongs to; None: no recovery, but a detour or the end."""

    strategy: ClassVar[str | None] = None
    """The name under which records and statistics keep the action; None as for ``level``."""


class Retry(_Action):
    """Run again in the same session."""

    level = RecoveryLevel.MINIMAL
    strategy = "simple_retry"
    kind: Literal["retry"] = "retry"
    delay: float = Field(ge=0, description="seconds to wait before")


class Restart(_Action):
    """Run again in a new browser process with the same settings."""

    level = RecoveryLevel.MODERATE
    strategy = "browser_restart"
    kind: Literal["restart"] = "restart"
    in_place: bool = Field(description="False: the worker is gone, another one of the same queue starts the browser")


class Adjust(_Action):
    """Back to the browser's queue: any worker starts a new browser with adjusted settings."""

    level = RecoveryLevel.AGGRESSIVE
    strategy = "settings_adjustment"
    kind: Literal["adjust"] = "adjust"
    browser: BrowserType
    adjustments: Adjustments


class Fallback(_Action):
    """On to another browser's queue."""

    level = RecoveryLevel.FALLBACK
    strategy = "browser_fallback"
    kind: Literal["fallback"] = "fallback"
    browser: BrowserType


class Simulate(_Action):
    """Run without a browser; the result is labelled as simulated."""

    level = RecoveryLevel.SIMULATION
    strategy = "simulation_fallback"
    kind: Literal["simulate"] = "simulate"


class Park(_Action):
    """A detour: wait until the circuit may be probed, then try the same again."""

    kind: Literal["park"] = "park"
    seconds: float = Field(ge=0)
    reason: str


class Reroute(_Action):
    """A detour: back to the same queue, for another worker."""

    kind: Literal["reroute"] = "reroute"
    seconds: float = Field(ge=0, description="wait so long before, or the sick worker takes the test again at once")
    reason: str


class GiveUp(_Action):
    """Nothing is left to try."""

    kind: Literal["give_up"] = "give_up"
    reason: str


Action = Annotated[
    Retry | Restart | Adjust | Fallback | Simulate | Park | Reroute | GiveUp,
    Field(discriminator="kind"),
]
