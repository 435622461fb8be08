"""Browsers: launched, kept warm, watched, owned. The bridge is for users; the farm's workers use the pool below it.

What is named here is imported on first use: most parts of this package do without onnxruntime, which the bridge needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_FROM = {"CircuitOpenError": "breakers", "CircuitState": "breakers", "TestFailure": "jobs.browsers.failures"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FROM.get(name, "jobs.browsers.bridge")), name)
