"""One circuit by its name: a thin face of its registry. It holds no state; that is in Redis."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from breakers.guard import Guard, Matcher
from breakers.metrics import CircuitMetrics
from breakers.settings import CircuitSettings
from breakers.states import CircuitState

if TYPE_CHECKING:
    from breakers.registry import CircuitBreakerRegistry

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

DEFAULT_URL = "redis://127.0.0.1:6379/0"
NOTHING: tuple[type[BaseException], ...] = ()


class CircuitBreaker:
    """A circuit breaker shared through Redis by all that use its name.

    From ``registry.get(name, ...)``, or by itself: then it uses ``BREAKWATER_REDIS_URL``.
    """

    def __init__(
        self,
        name: str,
        *,
        registry: CircuitBreakerRegistry | None = None,
        counted: Matcher = Exception,
        ignored: Matcher = NOTHING,
        failed_result: Callable[[Any], bool] | None = None,
        **settings: Any,
    ) -> None:
        """The circuit of this name; asks Redis nothing yet.

        Args:
            name: what all users of the circuit call it.
            registry: where it lives; without, at ``BREAKWATER_REDIS_URL`` (default ``redis://127.0.0.1:6379/0``).
            counted: exceptions that are failures.
            ignored: exceptions among those that are none after all.
            failed_result: tells whether a result that was returned is a failure.
            settings: see ``CircuitSettings``. Those in force in Redis count, once there are any.

        Raises:
            InvalidSettings: the name or a setting can't be.
        """
        self.name = name
        self._registry = registry or _registry_of_environment(os.environ.get("BREAKWATER_REDIS_URL") or DEFAULT_URL)
        self._counted = counted
        self._ignored = ignored
        self._failed_result = failed_result
        self._registry.ask(name, settings)

    def __repr__(self) -> str:
        return f"<CircuitBreaker {self.name!r}>"

    def guard(self) -> Guard:
        """A guard of this circuit alone: ``with``, ``async with`` or decorator."""
        return self._registry.guard(self.name, counted=self._counted, ignored=self._ignored)

    def call(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Call a function under the circuit.

        Raises:
            CircuitOpenError: the circuit lets nothing through; the function was not called.
            StoreUnavailable: Redis is away, and the registry rejects then; the function was not called.
        """
        with self.guard() as guard:
            result = function(*args, **kwargs)
            if self._failed_result is not None and self._failed_result(result):
                guard.fail()
            return result

    async def execute(
        self, function: Callable[Parameters, Awaitable[Result]], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Await a coroutine function under the circuit. Raises as ``call``."""
        async with self.guard() as guard:
            result = await function(*args, **kwargs)
            if self._failed_result is not None and self._failed_result(result):
                guard.fail()
            return result

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Decorate a function or a coroutine function: each call of it is one under the circuit."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def executed(*args: Any, **kwargs: Any) -> Any:
                return await self.execute(function, *args, **kwargs)

            return cast("Callable[Parameters, Result]", executed)

        @functools.wraps(function)
        def called(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            return self.call(function, *args, **kwargs)

        return called

    @property
    def state(self) -> CircuitState:
        """The state now, as Redis has it: one trip."""
        return self._registry.states(self.name)[self.name].state

    @property
    def settings(self) -> CircuitSettings:
        """The settings in force, as Redis has them: one trip."""
        return self._registry.settings_of(self.name)

    def reset(self, reason: str = "reset") -> None:
        """Close it and judge it afresh, whatever state it is in; its totals stay."""
        self._registry.reset(self.name, reason=reason)

    def force_open(self, reason: str = "forced open") -> None:
        """Let nothing through until a reset."""
        self._registry.force_open(self.name, reason=reason)

    def disable(self, reason: str = "disabled") -> None:
        """Let everything through and judge nothing, until a reset."""
        self._registry.disable(self.name, reason=reason)

    def record_recovery(
        self, *, method: str, browser: str | None = None, level: int | None = None, succeeded: bool = True
    ) -> None:
        """Note how an attempt ended to recover what this circuit stands for. ``level``: 1 to 5, if it has one.

        Raises:
            InvalidSettings: there is no such level.
            StoreUnavailable: Redis is away.
        """
        self._registry.record_recovery(self.name, method=method, browser=browser, level=level, succeeded=succeeded)

    def get_metrics(self) -> CircuitMetrics:
        """All that is known of the circuit: one trip. ``CircuitMetrics`` tells what each key means."""
        return self._registry.metrics_of(self.name)


@functools.cache
def _registry_of_environment(url: str) -> CircuitBreakerRegistry:
    from breakers.registry import CircuitBreakerRegistry  # noqa: PLC0415 – the registry makes circuits

    return CircuitBreakerRegistry.from_url(url)
