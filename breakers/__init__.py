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
from breakers.metrics import CircuitMetrics
from breakers.registry import CircuitBreakerRegistry, RegistryMetrics
from breakers.settings import CircuitSettings
from breakers.states import CircuitState, CircuitView

__all__ = [
    "BreakerError",
    "CallRecorded",
    "CallRejected",
    "CircuitBreaker",
    "CircuitBreakerRegistry",
    "CircuitEvent",
    "CircuitMetrics",
    "CircuitOpenError",
    "CircuitSettings",
    "CircuitState",
    "CircuitView",
    "Guard",
    "InvalidSettings",
    "RegistryMetrics",
    "SettingsChanged",
    "StateChanged",
    "StoreBack",
    "StoreLost",
    "StoreUnavailable",
]
