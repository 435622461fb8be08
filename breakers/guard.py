"""A guard stands around a call: permits on all its circuits before, the outcome on all of them after."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from breakers.core import Outcome, Permit

if TYPE_CHECKING:
    from breakers.registry import CircuitBreakerRegistry

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

Counted = tuple[type[BaseException], ...] | Callable[[BaseException], bool]

# Not outcomes of the call: somebody ended it from outside. The permit goes back, nothing is counted.
_GIVEN_UP = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)


class Guard:
    """``with registry.guard("browser:chrome", "worker:w1"): …``, or ``async with``, or a decorator.

    All permits or none: entering raises ``CircuitOpenError`` and nothing was taken. An exception that is not counted
    passes through as any other, and is a success of what the circuits stand for. One guard may be entered again and
    again, but by one call at a time; a decorated function makes a new one for each call.
    """

    def __init__(
        self,
        registry: CircuitBreakerRegistry,
        names: tuple[str, ...],
        counted: Counted = (Exception,),
        ignored: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._registry = registry
        self._names = names
        self._counted = counted
        self._ignored = ignored
        self._permit: Permit | None = None
        self._began = 0.0

    def outcome_of(self, error: BaseException | None) -> Outcome:
        """What an exception, or none, means for the circuits."""
        if error is None:
            return "success"
        if isinstance(error, _GIVEN_UP):
            return "release"
        if isinstance(error, self._ignored):
            return "success"
        counts = isinstance(error, self._counted) if isinstance(self._counted, tuple) else self._counted(error)
        return "failure" if counts else "success"

    def __enter__(self) -> Self:
        self._permit = self._registry.run(self._registry.core.acquire(self._names))
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._registry.run(self._registry.core.record(self._taken(), self.outcome_of(error), self._took()))

    async def __aenter__(self) -> Self:
        self._permit = await self._registry.run_async(self._registry.core.acquire(self._names))
        self._began = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Shielded: a cancelled task gives its permit back all the same.
        steps = self._registry.core.record(self._taken(), self.outcome_of(error), self._took())
        await asyncio.shield(self._registry.run_async(steps))

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Decorate a function or a coroutine function."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded(*args: Any, **kwargs: Any) -> Any:
                async with self._anew():
                    return await cast("Callable[..., Awaitable[Any]]", function)(*args, **kwargs)

            return cast("Callable[Parameters, Result]", guarded)

        @functools.wraps(function)
        def guarded_sync(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with self._anew():
                return function(*args, **kwargs)

        return guarded_sync

    def _anew(self) -> Guard:
        return Guard(self._registry, self._names, self._counted, self._ignored)

    def _taken(self) -> Permit:
        permit, self._permit = self._permit, None
        if permit is None:
            raise RuntimeError("this guard was not entered, or was left already")
        return permit

    def _took(self) -> float:
        return time.monotonic() - self._began
