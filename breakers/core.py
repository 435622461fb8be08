"""What sync and async callers share: each operation is a generator that yields commands and is sent their replies.

So ``call`` and ``execute`` differ in one ``await``, and what is decided about a reply is decided once, here.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from breakers.address import Address, AnyClient
from breakers.connections import Connections
from breakers.errors import CircuitOpenError, StoreUnavailable
from breakers.events import CallRecorded, CallRejected, StateChanged, StoreBack, StoreLost, Transition
from breakers.follower import Follower
from breakers.keys import Keys, checked_name
from breakers.listeners import Listeners
from breakers.notes import Notes, seconds
from breakers.outage import Outage
from breakers.scripts import Argument, Call, Reply, Scripts
from breakers.settings import DEFAULTS_UNASKED, SETTING_NAMES, CircuitSettings, from_redis, to_redis
from breakers.states import CircuitState, CircuitView

logger = logging.getLogger("breakwater.breakers")

Result = TypeVar("Result")
Outcome = Literal["success", "failure", "release"]

# Times that a circuit which vanished (FLUSHALL, expiry) is made anew before a call gives up on it.
_DECLARE_TRIES = 3


class Command(NamedTuple):
    """A script on its keys, and this call's arguments."""

    call: Call
    arguments: tuple[Argument, ...]


Steps = Generator[Command, Reply, Result]


class Permit(NamedTuple):
    """Leave to make one call. No token: Redis was away, and the call is made on trust."""

    names: tuple[str, ...]
    token: str | None


class Core:
    """One registry's operations and what this process knows. Thread-safe; a forked child starts afresh."""

    def __init__(
        self,
        client: AnyClient,
        prefix: str,
        *,
        timeout: float,
        on_store_error: Literal["allow", "reject"],
        defaults: Mapping[str, Any],
        scripts: Scripts,
        notes: Notes,
    ) -> None:
        self.keys = Keys(prefix)
        self.address = Address(client, self.keys.events, timeout)
        self.connections = Connections(self.address)
        self.listeners = Listeners()
        self.notes = notes
        self.outage = Outage(self.address, self._store_changed)
        self.follower = Follower(self.address, self.keys.events, self._transition)
        self.scripts = scripts
        self._on_store_error = on_store_error
        self._defaults = CircuitSettings.of(defaults) if defaults else DEFAULTS_UNASKED
        self._asked: dict[str, CircuitSettings] = {}
        self._declared: set[str] = set()
        self._calls: dict[tuple[str, tuple[str, ...]], Call] = {}
        self._pid = os.getpid()
        self._verbose = os.environ.get("CIRCUIT_BREAKER_VERBOSE", "") not in {"", "0"}

    # Settings

    def ask(self, name: str, settings: Mapping[str, Any]) -> None:
        """Name a circuit with settings; they are put to Redis with the next operation on it.

        Raises:
            InvalidSettings: the name or a setting can't be.
        """
        checked_name(name)
        if settings:
            asked = CircuitSettings.of(settings)
            if self._asked.get(name) != asked:
                self._asked[name] = asked
                self._declared.discard(name)

    def declare(self, names: Sequence[str]) -> Steps[None]:
        """Make circuits known to Redis, and learn which settings are in force."""
        asked = [self._asked.get(name, self._defaults) for name in names]
        arguments: list[Argument] = [len(SETTING_NAMES), *SETTING_NAMES]
        for name, settings in zip(names, asked, strict=True):
            arguments += (name, *to_redis(settings.model_dump()))
        reply = yield self._command("declare", tuple(names), *arguments)
        assert isinstance(reply, list)
        for name, settings, row in zip(names, asked, reply, strict=True):
            in_force = from_redis(row)  # type: ignore[arg-type]
            differences = settings.differences(in_force) if settings.version else {}
            if differences:
                told = ", ".join(
                    f"{key} {theirs!r} (asked for: {mine!r})" for key, (mine, theirs) in differences.items()
                )
                logger.warning("circuit %r: in force are %s; registry.configure changes them for all", name, told)
        self._declared.update(names)

    def configure(self, name: str, settings: Mapping[str, Any]) -> Steps[None]:
        """Change settings of a circuit for every process."""
        checked_name(name)
        CircuitSettings.of({**self._asked.get(name, self._defaults).model_dump(), **settings})
        yield from self.declare_new([name])
        pairs: list[Argument] = []
        for key, value in zip(settings, to_redis(settings), strict=True):
            pairs += (key, value)
        yield self._command("configure", (name,), *pairs)

    # Calls

    def acquire(self, names: tuple[str, ...]) -> Steps[Permit]:
        """Permits on all circuits, or on none.

        Raises:
            CircuitOpenError: a circuit lets nothing through.
            StoreUnavailable: Redis is away, and the registry was told to reject then.
        """
        self._renew_after_fork()
        waits = self.notes.in_the_way(names)
        if waits:
            raise self._rejected(names, waits)
        if self.outage.lasts:
            return self._on_trust(names, None)
        try:
            for _ in range(_DECLARE_TRIES):
                yield from self.declare_new(names)
                reply = yield self._command("acquire", names, self.notes.take_uncounted(names))
                if isinstance(reply, bytes):
                    self._say("%s: let through", names)
                    return Permit(names, reply.decode())
                assert isinstance(reply, list)
                if reply[0] == b"rejected":
                    waits = self._note(names, reply[1:])
                    raise self._rejected(names, waits)
                self._declared.difference_update(names)
        except RedisError as error:
            return self._on_trust(names, error)
        return self._on_trust(names, None)

    def record(self, permit: Permit, outcome: Outcome, took: float | None) -> Steps[None]:
        """The outcome of a call, on every circuit of its permit."""
        self._renew_after_fork()
        if permit.token is None or self.outage.lasts:
            return
        yield from self._record(permit.names, outcome, took, permit.token)

    def record_outside(self, names: tuple[str, ...], outcome: Outcome, took: float | None) -> Steps[None]:
        """An outcome that was seen without a permit."""
        self._renew_after_fork()
        if not self.outage.lasts:
            try:
                yield from self.declare_new(names)
            except RedisError as error:
                self._store_failed(error)
                return
            yield from self._record(names, outcome, took, "")

    def _record(self, names: tuple[str, ...], outcome: Outcome, took: float | None, token: str) -> Steps[None]:
        try:
            reply = yield self._command("record", names, outcome, "" if took is None else repr(took), token)
        except RedisError as error:
            self._store_failed(error)
            return
        assert isinstance(reply, list)
        for index, what, open_ms, reason in zip(*[iter(reply)] * 4, strict=True):
            name = names[int(index) - 1]
            if what == b"open":
                self._write_note(name, seconds(int(open_ms)))
            self._say("%s: %s: %s", name, what, reason)
        if outcome != "release" and self.listeners.wanted(CallRecorded):
            self.listeners.tell(CallRecorded(names, time.time(), outcome == "failure", took))

    # Looking and ordering

    def states(self, names: tuple[str, ...]) -> Steps[dict[str, CircuitView]]:
        """How circuits look now; one that nobody used yet looks closed."""
        self._renew_after_fork()
        for name in names:
            checked_name(name)
        if not names:
            return {}
        reply = yield self._command("states", names)
        assert isinstance(reply, list)
        views = {}
        for name, row in zip(names, reply, strict=True):
            assert isinstance(row, list)
            state, wait = row
            assert isinstance(state, bytes)
            assert isinstance(wait, int)
            known = CircuitState(state.decode()) if state else CircuitState.CLOSED
            views[name] = CircuitView(known, seconds(wait))
        return views

    def force(self, names: tuple[str, ...], state: CircuitState, reason: str) -> Steps[int]:
        """Put circuits into a state by an operator's word; returns how many Redis knew."""
        yield from self.declare_new(names)
        reply = yield self._command("force", names, state.value, reason)
        self.notes.forget(names)
        return int(reply)  # type: ignore[arg-type]

    # Inside

    def exchange(self, command: Command) -> Reply:
        """Carry out one command, by the digest or, where the server lost it, by the source."""
        try:
            return self.connections.exchange(command.call.packed(*command.arguments))
        except NoScriptError:
            return self.connections.exchange(command.call.packed_with_source(*command.arguments))

    def _command(self, script: str, names: tuple[str, ...], *arguments: Argument) -> Command:
        key = (script, names)
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) > 10_000:
                self._calls.clear()
            call = self._calls[key] = getattr(self.scripts, script).on(self.keys.of(names))
        return Command(call, arguments)

    def declare_new(self, names: Sequence[str]) -> Steps[None]:
        new = [checked_name(name) for name in names if name not in self._declared]
        if new:
            yield from self.declare(new)

    def _note(self, names: tuple[str, ...], rejections: Sequence[Reply]) -> dict[str, float]:
        waits = {}
        for index, state, wait_ms in zip(*[iter(rejections)] * 3, strict=True):
            name, wait = names[int(index) - 1], seconds(int(wait_ms))
            waits[name] = wait
            # A permit of HALF_OPEN may be free any moment: only a circuit that is open is worth a note.
            if state != b"half_open":
                self._write_note(name, wait)
        return waits

    def _write_note(self, name: str, wait: float) -> None:
        self.notes.write(name, wait)
        self.follower.start()

    def _rejected(self, names: tuple[str, ...], waits: dict[str, float]) -> CircuitOpenError:
        if self.listeners.wanted(CallRejected):
            self.listeners.tell(CallRejected(names, time.time(), waits))
        error = CircuitOpenError(waits)
        self._say("%s: rejected: %s", names, error)
        return error

    def _on_trust(self, names: tuple[str, ...], error: RedisError | None) -> Permit:
        if error is not None:
            self._store_failed(error)
        if self._on_store_error == "reject":
            raise StoreUnavailable(f"Redis is away, so nothing is known of {', '.join(names)}") from error
        return Permit(names, None)

    def _store_failed(self, error: RedisError) -> None:
        if isinstance(error, RedisConnectionError | RedisTimeoutError):
            self.outage.failed(error)
        else:
            self.outage.refused(error)

    def _store_changed(self, error: BaseException | None, away: float) -> None:
        if error is None:
            self.notes.forget()
            self.listeners.tell(StoreBack(time.time(), away))
        else:
            self.connections.close()
            self.listeners.tell(StoreLost(time.time(), str(error)))

    def _transition(self, event: Transition | None) -> None:
        if event is None:
            self.notes.forget()
            return
        if isinstance(event, StateChanged):
            self.notes.forget([event.name])
        self.listeners.tell(event)

    def _say(self, text: str, *values: object) -> None:
        if self._verbose:
            logger.warning(text, *values)

    def _renew_after_fork(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.connections.renew_after_fork()
            self.outage.renew_after_fork()
            self.notes.forget()
            if self.follower.renew_after_fork():
                self.follower.start()
