"""Browsers: launched, kept warm, watched, owned. The bridge is for users; the farm's workers use the pool below it."""

from breakers import CircuitOpenError, CircuitState
from jobs.browsers.bridge import BridgeResult, BrowserAutomationBridge, create_browser_circuit_breaker
from jobs.browsers.failures import TestFailure

__all__ = [
    "BridgeResult",
    "BrowserAutomationBridge",
    "CircuitOpenError",
    "CircuitState",
    "TestFailure",
    "create_browser_circuit_breaker",
]
