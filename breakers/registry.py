"""The registry: the way to all circuits of one Redis and prefix, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, Self, TypeVar
from weakref import WeakKeyDictionary

import redis

from breakers.address import AnyClient
from breakers.circuit import CircuitBreaker
from breakers.core import Core, Steps
from breakers.events import CircuitEvent, Transition
from breakers.guard import Counted, Guard
from breakers.listeners import Listener
from breakers.metrics import circuit_metrics, history_of, registry_metrics
from breakers.notes import Notes
from breakers.pipe import Pipe
from breakers.scripts import Scripts
from breakers.states import CircuitState, CircuitView

Result = TypeVar("Result")
Event = TypeVar("Event", bound=CircuitEvent)

# Seconds that Redis may take to answer a circuit's question before it counts as away.
TIMEOUT = 1.0


class CircuitBreakerRegistry:
    """Circuits by name, shared by every process whose registry has the same Redis and prefix. Thread-safe."""

    def __init__(
        self,
        client: AnyClient,
        prefix: str = "breakwater",
        *,
        timeout: float = TIMEOUT,
        on_store_error: Literal["allow", "reject"] = "allow",
        scripts: Scripts | None = None,
        **defaults: Any,
    ) -> None:
        """Connects to nothing yet.

        Args:
            client: says where Redis is; its connections are not used.
            prefix: the first part of every key.
            timeout: seconds that Redis may take to answer before it counts as away.
            on_store_error: what becomes of calls while Redis is away: ``allow`` or ``reject`` them.
            scripts: the Lua to use; for tests that put another clock there.
            defaults: settings (see ``CircuitSettings``) for circuits that are named without any.

        Raises:
            InvalidSettings: the prefix or a default can't be.
        """
        self.core = Core(
            client,
            prefix,
            timeout=timeout,
            on_store_error=on_store_error,
            defaults=defaults,
            scripts=scripts or Scripts(),
            notes=Notes(),
        )
        self._pipes: WeakKeyDictionary[asyncio.AbstractEventLoop, Pipe] = WeakKeyDictionary()

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A registry for ``redis://…``; options as for the constructor."""
        return cls(redis.Redis.from_url(url), **options)

    def get(self, name: str, **settings: Any) -> CircuitBreaker:
        """The circuit of this name. Settings are those of ``CircuitSettings``; the ones in force in Redis win.

        Raises:
            InvalidSettings: the name or a setting can't be.
        """
        self.core.ask(name, settings)
        return CircuitBreaker.of(self, name)

    def guard(
        self, *names: str, counted: Counted = (Exception,), ignored: tuple[type[BaseException], ...] = ()
    ) -> Guard:
        """A guard of all these circuits: one trip in, one trip out, whatever their number.

        ``counted``: exception classes, or a predicate, that are failures; ``ignored``: exceptions from them.
        """
        return Guard(self, names, counted, ignored)

    def record(self, *names: str, failed: bool, seconds: float | None = None) -> None:
        """Record an outcome that was seen without a permit, such as a worker that died."""
        self.run(self.core.record_outside(names, "failure" if failed else "success", seconds))

    def states(self, *names: str) -> dict[str, CircuitView]:
        """How these circuits look now, in one trip. One that nobody used yet looks closed.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        return self.run(self.core.states(names))

    def configure(self, name: str, **settings: Any) -> None:
        """Change settings of a circuit for every process, at once.

        Raises:
            InvalidSettings: a setting can't be.
            redis.exceptions.RedisError: Redis does not answer.
        """
        self.run(self.core.configure(name, settings))

    def reset(self, *names: str, reason: str = "reset") -> None:
        """Close circuits and judge them afresh; their totals stay."""
        self.run(self.core.force(names, CircuitState.CLOSED, reason))

    def force_open(self, *names: str, reason: str = "forced open") -> None:
        """Let nothing through until a reset."""
        self.run(self.core.force(names, CircuitState.FORCED_OPEN, reason))

    def disable(self, *names: str, reason: str = "disabled") -> None:
        """Let everything through and judge nothing until a reset."""
        self.run(self.core.force(names, CircuitState.DISABLED, reason))

    def get_metrics(self) -> dict[str, Any]:
        """Figures of all circuits, in one trip: ``circuits`` (name → figures), ``health``, counts by state."""
        return registry_metrics(self.run(circuit_metrics(self.core, ())))

    def history(self, limit: int = 100) -> list[Transition]:
        """The latest changes of state and settings, oldest first."""
        return history_of(self.core, limit)

    def on(self, event_type: type[Event], listener: Listener[Event]) -> Callable[[], None]:
        """Be told of events of a type; the returned function ends it. Changes by other processes are told as well."""
        self.core.follower.start()
        return self.core.listeners.add(event_type, listener)

    @property
    def store_errors(self) -> int:
        """Commands that failed in this process since it started."""
        return self.core.outage.errors

    def close(self) -> None:
        """End threads and idle connections. The registry can be used again."""
        self.core.follower.stop()
        self.core.outage.forget()
        self.core.connections.close()

    # What carries the shared operations out

    def run(self, steps: Steps[Result]) -> Result:
        """Carry out an operation from a thread."""
        try:
            command = next(steps)
            while True:
                try:
                    reply = self.core.exchange(command)
                except redis.RedisError as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(reply)
        except StopIteration as end:
            result: Result = end.value
            return result

    async def run_async(self, steps: Steps[Result]) -> Result:
        """Carry out an operation from the running event loop."""
        pipe = self._pipe
        try:
            command = next(steps)
            while True:
                try:
                    try:
                        reply = await pipe.exchange(command.call.packed(*command.arguments))
                    except redis.exceptions.NoScriptError:
                        reply = await pipe.exchange(command.call.packed_with_source(*command.arguments))
                except redis.RedisError as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(reply)
        except StopIteration as end:
            result: Result = end.value
            return result

    @property
    def _pipe(self) -> Pipe:
        loop = asyncio.get_running_loop()
        pipe = self._pipes.get(loop)
        if pipe is None:
            pipe = self._pipes[loop] = Pipe(self.core.address)
        return pipe

    async def aclose(self) -> None:
        """``close`` for the running event loop too."""
        await self._pipe.close()
        self.close()
