"""What happens to circuits, one type an event. ``at`` is Unix time in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from breakers.states import CircuitState


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A circuit went to another state, in whichever process. Redis's clock."""

    name: str
    at: float
    previous: CircuitState
    state: CircuitState
    reason: str
    generation: int
    open_seconds: float | None
    """How long it stays open; None for every other state."""


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Other settings are in force for a circuit, in whichever process. Redis's clock."""

    name: str
    at: float
    version: int


@dataclass(frozen=True, slots=True)
class CallRejected:
    """This process didn't make a call. This process's clock."""

    names: tuple[str, ...]
    at: float
    waits: dict[str, float]
    """The circuits in the way, and seconds until each may be asked again."""


@dataclass(frozen=True, slots=True)
class CallRecorded:
    """This process made a call, and its outcome was recorded. This process's clock."""

    names: tuple[str, ...]
    at: float
    failed: bool
    seconds: float | None


@dataclass(frozen=True, slots=True)
class StoreLost:
    """Redis is away for this process. This process's clock."""

    at: float
    error: str


@dataclass(frozen=True, slots=True)
class StoreBack:
    """Redis is back for this process. This process's clock."""

    at: float
    away_seconds: float


Transition = StateChanged | SettingsChanged
CircuitEvent = StateChanged | SettingsChanged | CallRejected | CallRecorded | StoreLost | StoreBack


def from_stream(fields: dict[str, str]) -> Transition | None:
    """An entry of the stream; None: one that this release doesn't know."""
    try:
        return _BY_TYPE[fields["type"]](fields)
    except (KeyError, ValueError):
        return None


def _state_changed(fields: dict[str, str]) -> StateChanged:
    return StateChanged(
        name=fields["name"],
        at=float(fields["at"]),
        previous=CircuitState(fields["previous"]),
        state=CircuitState(fields["state"]),
        reason=fields["reason"],
        generation=int(fields["generation"]),
        open_seconds=float(fields["open_seconds"]) if fields["open_seconds"] else None,
    )


def _settings_changed(fields: dict[str, str]) -> SettingsChanged:
    return SettingsChanged(name=fields["name"], at=float(fields["at"]), version=int(fields["version"]))


_BY_TYPE: dict[str, Callable[[dict[str, str]], Transition]] = {
    "state_changed": _state_changed,
    "settings_changed": _settings_changed,
}
