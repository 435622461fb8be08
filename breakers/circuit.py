"""One circuit by its name: a thin face of the registry. It holds no state; that is in Redis."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from breakers.guard import Counted, Guard
from breakers.metrics import circuit_metrics, note_recovery
from breakers.states import CircuitState

if TYPE_CHECKING:
    from breakers.registry import CircuitBreakerRegistry

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

DEFAULT_URL = "redis://127.0.0.1:6379/0"


class CircuitBreaker:
    """Circuit breaker shared through Redis. Get it from a registry, or make it: then it uses BREAKWATER_REDIS_URL."""

    name: str
    _registry: CircuitBreakerRegistry

    def __init__(self, name: str, **settings: Any) -> None:
        """The circuit of this name at ``BREAKWATER_REDIS_URL`` (default ``redis://127.0.0.1:6379/0``).

        Raises:
            InvalidSettings: the name or a setting can't be.
        """
        from breakers.registry import CircuitBreakerRegistry  # noqa: PLC0415 - the registry makes circuits

        self._bind(CircuitBreakerRegistry.from_url(os.environ.get("BREAKWATER_REDIS_URL", DEFAULT_URL)), name)
        self._registry.core.ask(name, settings)

    @classmethod
    def of(cls, registry: CircuitBreakerRegistry, name: str) -> Self:
        """The circuit of a registry."""
        circuit = cls.__new__(cls)
        circuit._bind(registry, name)
        return circuit

    def _bind(self, registry: CircuitBreakerRegistry, name: str) -> None:
        self.name = name
        self._registry = registry

    def guard(self, counted: Counted = (Exception,), ignored: tuple[type[BaseException], ...] = ()) -> Guard:
        """A guard of this circuit alone: ``with``, ``async with`` or decorator."""
        return self._registry.guard(self.name, counted=counted, ignored=ignored)

    def call(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Call a function under the circuit.

        Raises:
            CircuitOpenError: the circuit lets nothing through; the function was not called.
        """
        with self.guard():
            return function(*args, **kwargs)

    async def execute(
        self, function: Callable[Parameters, Awaitable[Result]], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Await a coroutine function under the circuit.

        Raises:
            CircuitOpenError: the circuit lets nothing through; the function was not called.
        """
        async with self.guard():
            return await function(*args, **kwargs)

    @property
    def state(self) -> CircuitState:
        """The state now, as Redis has it."""
        return self._registry.states(self.name)[self.name].state

    def reset(self) -> None:
        """Close it and judge it afresh."""
        self._registry.reset(self.name)

    def force_open(self) -> None:
        """Let nothing through until a reset."""
        self._registry.force_open(self.name)

    def disable(self) -> None:
        """Let everything through and judge nothing until a reset."""
        self._registry.disable(self.name)

    def record_recovery(self, *, method: str, browser: str, level: int, succeeded: bool) -> None:
        """Note how a recovery ended that this circuit's browser, worker or task needed."""
        steps = note_recovery(self._registry.core, self.name, method, browser, level, succeeded=succeeded)
        self._registry.run(steps)

    def get_metrics(self) -> dict[str, Any]:
        """The circuit's figures; see docs/circuits.md for every key."""
        return self._registry.run(circuit_metrics(self._registry.core, (self.name,)))[self.name]
