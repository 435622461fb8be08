"""The states of a circuit, and how one looks from outside."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class CircuitState(StrEnum):
    """CLOSED, OPEN and HALF_OPEN follow from outcomes and time, the other two from an operator's word."""

    CLOSED = "closed"
    """Calls pass, their outcomes are judged."""

    OPEN = "open"
    """Calls are rejected until the recovery timeout is over."""

    HALF_OPEN = "half_open"
    """A few calls, each with a permit, find out whether the circuit may close."""

    FORCED_OPEN = "forced_open"
    """Calls are rejected until a reset."""

    DISABLED = "disabled"
    """Calls pass and are counted, nothing is judged, until a reset."""


class CircuitView(NamedTuple):
    """A circuit as one look at Redis showed it."""

    state: CircuitState
    retry_after: float
    """Seconds until a call may be let through: 0.0 at once, ``math.inf`` not before a reset."""
