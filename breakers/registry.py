"""The registry: the way to all circuits of one Redis and prefix. Thread-safe, fork-safe, for any number of loops."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, Self, TypedDict, TypeVar

from breakers.address import Address, AnyClient
from breakers.circuit import NOTHING, CircuitBreaker
from breakers.errors import InvalidSettings
from breakers.events import CircuitEvent, Transition
from breakers.gate import Gate, OnStoreError
from breakers.guard import Guard, Matcher
from breakers.keys import Keys, checked_name
from breakers.listeners import Listener
from breakers.metrics import LEVELS, CircuitMetrics
from breakers.notes import BELIEVED
from breakers.redis_url import RedisUrl
from breakers.scripts import Scripts
from breakers.settings import DEFAULTS_UNASKED, CircuitSettings
from breakers.states import CircuitState, CircuitView

Event = TypeVar("Event", bound=CircuitEvent)

# Seconds that Redis may take to answer before it counts as away: far above what it needs, below what a call can bear.
TIMEOUT = 0.5
# Seconds that Redis may take to collect the metrics of all circuits.
METRICS_PATIENCE = 10.0


class RegistryMetrics(TypedDict):
    """Figures of all circuits of a registry."""

    circuits: dict[str, CircuitMetrics]
    states: dict[str, int]
    """How many circuits are in each state."""
    health: float
    """Mean health of the circuits, 0 to 100; 100 where there are none."""
    executions: int
    failures: int
    rejected: int
    store_errors: int
    """Commands of this process that Redis failed."""
    unguarded_calls: int
    """Calls of this process that were let through without asking, because Redis was away."""


class CircuitBreakerRegistry:
    """Circuits by name, shared by every process whose registry has the same Redis and prefix."""

    _scripts = Scripts()
    _note_seconds = BELIEVED

    def __init__(
        self,
        client: AnyClient,
        prefix: str = "breakwater",
        *,
        timeout: float = TIMEOUT,
        on_store_error: OnStoreError = "allow",
        **defaults: Any,
    ) -> None:
        """Connects to nothing yet.

        Args:
            client: says where Redis is (plain, cluster or sentinel; sync or async). Its connections are not used.
            prefix: the first part of every key; another prefix is another world.
            timeout: seconds that Redis may take to answer before it counts as away.
            on_store_error: what becomes of calls while Redis is away: ``allow`` or ``reject`` them.
            defaults: settings (see ``CircuitSettings``) for circuits that are used without any of their own.

        Raises:
            InvalidSettings: the prefix or a default can't be.
        """
        keys = Keys(prefix)
        self._defaults = CircuitSettings.of(defaults) if defaults else DEFAULTS_UNASKED
        self._gate = Gate(
            Address(client, keys.events, timeout),
            keys,
            self._scripts,
            defaults=self._defaults,
            on_store_error=on_store_error,
            note_seconds=self._note_seconds,
        )
        # A registry that is forgotten without being closed must not leave threads.
        weakref.finalize(self, _end_threads, self._gate)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A registry for any URL that ``RedisUrl`` reads; options as for the constructor.

        Raises:
            BadRedisUrl: the URL can't be used.
        """
        return cls(RedisUrl.parse(url).client(), **options)

    def get(
        self,
        name: str,
        *,
        counted: Matcher = Exception,
        ignored: Matcher = NOTHING,
        failed_result: Callable[[Any], bool] | None = None,
        **settings: Any,
    ) -> CircuitBreaker:
        """The circuit of this name; arguments as for ``CircuitBreaker``.

        Raises:
            InvalidSettings: the name or a setting can't be.
        """
        return CircuitBreaker(
            name, registry=self, counted=counted, ignored=ignored, failed_result=failed_result, **settings
        )

    def guard(
        self,
        *names: str,
        counted: Matcher = Exception,
        ignored: Matcher = NOTHING,
        probe_seconds: float | None = None,
    ) -> Guard:
        """A guard of all these circuits: one trip in, one trip out, whatever their number.

        ``counted``: exceptions (classes or a predicate) that are failures; ``ignored``: those among them that aren't.
        ``probe_seconds``: how long this call may hold a probe's place, instead of what the circuits' settings say; a
        short one that is renewed (``Guard.renew``) frees the place of a process that died soon.

        Raises:
            InvalidSettings: ``probe_seconds`` can't be. No name, or one that can't be, is told on entering.
        """
        if len(names) > 1 and len(set(names)) != len(names):
            names = tuple(dict.fromkeys(names))
        if probe_seconds is not None and not probe_seconds > 0:
            raise InvalidSettings(f"probe_seconds={probe_seconds!r}: must be above 0")
        return Guard(self._gate, names, counted, ignored, probe_seconds)

    def record(self, *names: str, failed: bool, seconds: float | None = None) -> None:
        """Record an outcome that was seen from outside, without a permit, such as a worker that died.

        It counts as one of the present generation. While Redis is away it is dropped.

        Raises:
            InvalidSettings: no name, or one that can't be.
        """
        self._gate.record(names, "failure" if failed else "success", seconds)

    def states(self, *names: str) -> dict[str, CircuitView]:
        """How these circuits look now, in one trip. One that nobody used yet looks closed.

        Raises:
            InvalidSettings: a name can't be.
            StoreUnavailable: Redis is away.
        """
        return self._gate.store.run(self._gate.operations.states(names)) if names else {}

    def ask(self, name: str, settings: dict[str, Any]) -> None:
        """Ask for settings of a circuit, over the registry's defaults; Redis is told with the first use.

        Raises:
            InvalidSettings: the name or a setting can't be.
        """
        checked_name(name)
        if settings:
            version = max(1, self._defaults.version)
            wanted = CircuitSettings.of({**self._defaults.model_dump(), "version": version, **settings})
            self._gate.operations.want(name, wanted)

    def settings_of(self, name: str) -> CircuitSettings:
        """The settings in force for a circuit.

        Raises:
            InvalidSettings: the name can't be.
            StoreUnavailable: Redis is away.
        """
        return self._gate.store.run(self._gate.operations.in_force(checked_name(name)))

    def configure(self, name: str, **changes: Any) -> CircuitSettings:
        """Change settings of a circuit for every process, at once; returns those in force then.

        Raises:
            InvalidSettings: the name or a setting can't be.
            StoreUnavailable: Redis is away.
        """
        return self._gate.store.run(self._gate.operations.configure(checked_name(name), changes))

    def reset(self, *names: str, reason: str = "reset") -> None:
        """Close circuits and judge them afresh, whatever state they are in; their totals stay.

        Raises:
            InvalidSettings: a name can't be.
            StoreUnavailable: Redis is away.
        """
        self._force(names, CircuitState.CLOSED, reason)

    def force_open(self, *names: str, reason: str = "forced open") -> None:
        """Let nothing through until a reset. Raises as ``reset``."""
        self._force(names, CircuitState.FORCED_OPEN, reason)

    def disable(self, *names: str, reason: str = "disabled") -> None:
        """Let everything through and judge nothing, until a reset. Raises as ``reset``."""
        self._force(names, CircuitState.DISABLED, reason)

    def record_recovery(
        self, name: str, *, method: str, browser: str | None = None, level: int | None = None, succeeded: bool = True
    ) -> None:
        """Note how an attempt ended to recover what a circuit stands for. ``level``: 1 to 5, if it has one.

        Raises:
            InvalidSettings: the name or the level can't be.
            StoreUnavailable: Redis is away.
        """
        if level is not None and (not isinstance(level, int) or isinstance(level, bool) or level not in LEVELS):
            raise InvalidSettings(f"recovery level {level!r}: must be {LEVELS[0]} to {LEVELS[-1]}, or None")
        recovery = {"method": method, "browser": browser, "level": level, "succeeded": succeeded}
        self._gate.store.run(self._gate.operations.recovered(checked_name(name), recovery))

    def metrics_of(self, name: str) -> CircuitMetrics:
        """All that is known of one circuit, in one trip. Raises as ``reset``."""
        return self._gate.store.run(self._gate.operations.metrics_of(checked_name(name)))

    def get_metrics(self) -> RegistryMetrics:
        """All that is known of every circuit, in one trip. Raises as ``reset``.

        Redis answers nobody else meanwhile: about 15 µs a circuit. ``states`` is the cheap question.
        """
        circuits = self._gate.store.run(self._gate.operations.metrics_of_all(), METRICS_PATIENCE)
        health = [circuit["health"] for circuit in circuits.values()]
        return RegistryMetrics(
            circuits=circuits,
            states=dict(Counter(circuit["current_state"] for circuit in circuits.values())),
            health=round(sum(health) / len(health), 1) if health else 100.0,
            executions=sum(circuit["executions"] for circuit in circuits.values()),
            failures=sum(circuit["failures"] for circuit in circuits.values()),
            rejected=sum(circuit["rejected"] for circuit in circuits.values()),
            store_errors=self.store_errors,
            unguarded_calls=self._gate.unguarded,
        )

    def history(self, limit: int = 100) -> list[Transition]:
        """The latest changes of state and settings, at most ``limit`` of them, oldest first.

        Raises:
            InvalidSettings: ``limit`` is not a whole number above 0.
            StoreUnavailable: Redis is away.
        """
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise InvalidSettings(f"limit={limit!r}: must be a whole number above 0")
        return self._gate.store.run(self._gate.operations.history(limit))

    def on(self, event_type: type[Event], listener: Listener[Event]) -> Callable[[], None]:
        """Be told of events of a type (see ``breakers.events``); the returned function ends it.

        Changes of state and settings are told whichever process made them, in a thread of the registry's; other
        events are this process's own, told in the thread that they happen in. A coroutine function runs in the event
        loop that is running now. Returns when changes made from now on will be told, or Redis is found away.

        Raises:
            RuntimeError: a coroutine function, and no event loop is running.
        """
        remove = self._gate.listeners.add(event_type, listener)
        self._gate.follower.start()
        self._gate.follower.reading.wait(self._gate.store.timeout)
        return remove

    @property
    def store_errors(self) -> int:
        """Commands of this process that Redis failed so far."""
        return self._gate.outage.errors

    def close(self) -> None:
        """End threads and idle connections. The registry may be used again."""
        _end_threads(self._gate)
        self._gate.store.close()

    async def aclose(self) -> None:
        """``close``, and the running event loop's connection too."""
        await self._gate.store.close_async()
        self.close()

    def _force(self, names: tuple[str, ...], state: CircuitState, reason: str) -> None:
        for name in names:
            checked_name(name)
        if names:
            self._gate.store.run(self._gate.operations.force(names, state, reason))


def _end_threads(gate: Gate) -> None:
    gate.follower.stop()
    gate.outage.forget()
