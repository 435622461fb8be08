"""A guard stands around a call: permits on all its circuits before, the outcome on all of them after."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from time import perf_counter
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeAlias, TypeVar, cast

from breakers.errors import BreakerError
from breakers.gate import Gate
from breakers.operations import Outcome

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

Matcher: TypeAlias = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
"""Exceptions by class, by several classes, or by a predicate."""


class Guard:
    """``with registry.guard("browser:chrome", "worker:w1"): …``, or ``async with``, or a decorator.

    All permits or none: where entering raises, nothing was taken. An exception that isn't counted passes through as
    any other, and is a success of what the circuits stand for. A call that was given up (KeyboardInterrupt,
    SystemExit, cancellation) or that another circuit rejected gives its permits back, and nothing is counted. One
    guard may be entered again and again, by one call at a time; a decorated function makes a new one for each call.
    """

    __slots__ = (
        "_began",
        "_counted",
        "_entered",
        "_failed",
        "_gate",
        "_ignored",
        "_lease",
        "_names",
        "_suspect",
        "_token",
    )

    def __init__(
        self, gate: Gate, names: tuple[str, ...], counted: Matcher, ignored: Matcher, lease: float | None = None
    ) -> None:
        self._gate = gate
        self._names = names
        self._counted = counted
        self._ignored = ignored
        self._lease = lease
        self._entered = False
        self._failed = False
        self._suspect: str | None = None
        self._token: bytes | None = None
        self._began = 0.0

    def fail(self) -> None:
        """Count the call that is being made as a failure, though it raises nothing."""
        self._failed = True

    def suspect(self, name: str) -> None:
        """Should the call that is being made fail, suspect ``name``, one of the guard's circuits, before the others.

        For a circuit of one among many that share the others: where it is not closed (its third failure in a row opens
        it, or this was its probe) it explains the failure, which the others then don't count. Where it is closed and
        the call was another circuit's probe, that one explains the failure, and ``name`` doesn't count it.

        Raises:
            ValueError: the guard has no such circuit.
        """
        if name not in self._names:
            raise ValueError(f"{name!r} is none of this guard's circuits: {', '.join(self._names)}")
        self._suspect = name

    def renew(self) -> bool:
        """Let the lease of a probe that is being made last as long again, as of now; from any thread.

        For calls that may last longer than a dead one shall hold its place. Without a permit (the circuits are closed)
        it asks nothing. False: a permit is held no more, or Redis is away, and the outcome may count as stale.
        """
        return self._gate.renew(self._names, self._token, self._lease)

    async def renew_async(self) -> bool:
        """As ``renew``."""
        return await self._gate.renew_async(self._names, self._token, self._lease)

    def __enter__(self) -> Self:
        self._check_free()
        self._take(self._gate.enter(self._names, self._lease))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        took = perf_counter() - self._began
        self._gate.leave(self._names, self._give_back(), self._outcome_of(error), took, self._suspect)

    async def __aenter__(self) -> Self:
        self._check_free()
        self._take(await self._gate.enter_async(self._names, self._lease))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        took = perf_counter() - self._began
        await self._gate.leave_async(self._names, self._give_back(), self._outcome_of(error), took, self._suspect)

    def __call__(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Decorate a function or a coroutine function."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded_async(*args: Any, **kwargs: Any) -> Any:
                async with self._anew():
                    return await cast("Callable[..., Awaitable[Any]]", function)(*args, **kwargs)

            return cast("Callable[Parameters, Result]", guarded_async)

        @functools.wraps(function)
        def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with self._anew():
                return function(*args, **kwargs)

        return guarded

    def _anew(self) -> Guard:
        return Guard(self._gate, self._names, self._counted, self._ignored, self._lease)

    def _check_free(self) -> None:
        if self._entered:
            raise RuntimeError(f"this guard of {', '.join(self._names)} is around a call already: make another")

    def _take(self, token: bytes | None) -> None:
        self._token = token
        self._entered = True
        self._failed = False
        self._suspect = None
        self._began = perf_counter()

    def _give_back(self) -> bytes | None:
        if not self._entered:
            raise RuntimeError(f"this guard of {', '.join(self._names)} was not entered, or was left already")
        token, self._token = self._token, None
        self._entered = False
        return token

    def _outcome_of(self, error: BaseException | None) -> Outcome:
        if error is None:
            return "failure" if self._failed else "success"
        if not isinstance(error, Exception) or isinstance(error, BreakerError):
            return "release"
        if self._failed or (matches(self._counted, error) and not matches(self._ignored, error)):
            return "failure"
        return "success"


def matches(matcher: Matcher, error: BaseException) -> bool:
    """Whether an exception is among those that a matcher stands for."""
    if isinstance(matcher, type | tuple):
        return isinstance(error, matcher)
    return matcher(error)
