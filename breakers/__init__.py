"""Circuit breakers in Redis, shared by every process that names the same circuit."""

from breakers.circuit import CircuitBreaker
from breakers.errors import BreakerError, CircuitOpenError, InvalidSettings, StoreUnavailable
from breakers.events import (
    CallRecorded,
    CallRejected,
    CircuitEvent,
    SettingsChanged,
    StateChanged,
    StoreBack,
    StoreLost,
)
from breakers.guard import Guard
from breakers.registry import CircuitBreakerRegistry
from breakers.settings import CircuitSettings
from breakers.states import CircuitState, CircuitView

__all__ = [
    "BreakerError",
    "CallRecorded",
    "CallRejected",
    "CircuitBreaker",
    "CircuitBreakerRegistry",
    "CircuitEvent",
    "CircuitOpenError",
    "CircuitSettings",
    "CircuitState",
    "CircuitView",
    "Guard",
    "InvalidSettings",
    "SettingsChanged",
    "StateChanged",
    "StoreBack",
    "StoreLost",
    "StoreUnavailable",
]
