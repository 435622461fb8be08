"""What can be asked of circuits in Redis, each as the steps of one operation (store.py carries them out).

Packs arguments, reads replies, keeps this process's notes. Judges nothing: that is done by the scripts.
"""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from redis.exceptions import NoScriptError, RedisError

from breakers.errors import CircuitOpenError, InvalidSettings
from breakers.events import Transition, from_stream
from breakers.follower import decoded
from breakers.keys import Keys, checked_name
from breakers.metrics import RECOVERIES_KEPT, TALLIES_KEPT, CircuitMetrics, read_metrics
from breakers.notes import Notes, seconds
from breakers.scripts import Argument, Call, Reply, Scripts, packed
from breakers.settings import SETTING_NAMES, CircuitSettings, from_redis, to_redis
from breakers.states import CircuitState, CircuitView
from breakers.store import Steps

logger = logging.getLogger("breakwater.breakers")

Outcome = Literal["success", "failure", "release"]

_OUTCOMES: dict[Outcome, bytes] = {"success": b"success", "failure": b"failure", "release": b"release"}

# What acquire.lua grants for each circuit: generation, permit (0: none is needed but in HALF_OPEN).
TOKEN = struct.Struct("<IQ")

# Combinations of names whose commands are kept packed.
_PREPARED_KEPT = 10_000


def is_leased(token: bytes) -> bool:
    """Whether a token holds a permit, which ends by itself."""
    return any(permit for _, permit in TOKEN.iter_unpack(token))


class Prepared(NamedTuple):
    """The hot path's two scripts on the keys of some circuits."""

    acquire: Call
    acquire_packed: bytes
    record: Call

    def release(self, reply: Reply) -> bytes | None:
        """The command that gives back permits which nobody waited for; None: the reply granted no permit."""
        return self.record.packed("release", "", reply) if isinstance(reply, bytes) and is_leased(reply) else None


class Told(NamedTuple):
    """What an outcome did to a circuit."""

    name: str
    what: str
    reason: str


class Operations:
    """Operations of one registry. ``defaults``: settings of circuits that are used without naming any."""

    def __init__(self, keys: Keys, scripts: Scripts, notes: Notes, defaults: CircuitSettings) -> None:
        self._keys = keys
        self._scripts = scripts
        self._notes = notes
        self._defaults = defaults
        self._prepared: dict[tuple[str, ...], Prepared] = {}
        # Settings asked for by this process, and those of them that Redis hasn't been told of yet.
        self._wanted: dict[str, CircuitSettings] = {}
        self._untold: dict[str, CircuitSettings] = {}
        self._warned: set[tuple[str, CircuitSettings]] = set()

    def want(self, name: str, settings: CircuitSettings) -> None:
        """Remember the settings that this process asks for; Redis is told with the first operation."""
        if self._wanted.get(name) != settings:
            self._wanted[name] = self._untold[name] = settings

    def acquire(self, names: tuple[str, ...], lease: float | None = None) -> Steps[bytes]:
        """A permit on every circuit: the token to give back with the outcome. Raises CircuitOpenError.

        ``lease``: seconds that a probe's permits last; None: as the circuits' settings say.
        """
        prepared = self.prepared(names)
        if self._untold:
            yield from self._declare([name for name in names if name in self._untold])
        uncounted = self._notes.take_uncounted(names)
        try:
            as_ever = not uncounted and lease is None
            reply = yield prepared.acquire_packed if as_ever else prepared.acquire.packed(uncounted, _seconds(lease))
        except NoScriptError:
            reply = yield prepared.acquire.packed_with_source(uncounted, _seconds(lease))
        if isinstance(reply, bytes):
            return reply
        kind, *rest = cast("list[Any]", reply)
        if kind == b"missing":
            yield from self._declare([names[i - 1] for i in rest])
            reply = yield from _ask(prepared.acquire, "", _seconds(lease))
            if isinstance(reply, bytes):
                return reply
            kind, *rest = cast("list[Any]", reply)
            if kind == b"missing":
                raise RedisError("circuits vanish as soon as they are made: is the server evicting keys?")
        waits = {}
        for i, state, wait_ms in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            name = names[i - 1]
            waits[name] = seconds(wait_ms)
            if state != b"half_open":
                self._notes.write(name, waits[name])
        raise CircuitOpenError(waits)

    def record(
        self, names: tuple[str, ...], outcome: Outcome, took: float | None, token: bytes, suspect: str | None = None
    ) -> Steps[list[Told]]:
        """An outcome on circuits that the token was given for; without a token, as one of their present generation.

        ``suspect``: the one of them that a failure may be laid to alone (record.lua).
        """
        prepared = self.prepared(names)
        if self._untold and not token:
            yield from self._declare([name for name in names if name in self._untold])
        # Microseconds are enough, and far faster to write than a float in full.
        arguments: tuple[Argument, ...] = (_OUTCOMES[outcome], b"" if took is None else b"%.6f" % took, token)
        if suspect is not None:
            arguments = (*arguments, names.index(suspect) + 1)
        try:
            reply = yield prepared.record.packed(*arguments)
        except NoScriptError:
            reply = yield prepared.record.packed_with_source(*arguments)
        if not reply:
            return []
        rest = cast("list[Any]", reply)
        told, missing = [], []
        for i, what, open_ms, reason in zip(rest[::4], rest[1::4], rest[2::4], rest[3::4], strict=True):
            name = names[i - 1]
            if what == b"missing":
                missing.append(name)
                continue
            if what == b"open":
                self._notes.write(name, seconds(open_ms))
            told.append(Told(name, what.decode(), reason.decode()))
        if missing and not token:
            yield from self._declare(missing)
            told += yield from self.record(tuple(missing), outcome, took, b"")
        return told

    def renew(self, names: tuple[str, ...], token: bytes, lease: float | None) -> Steps[bool]:
        """Let the leases of a token's permits last as long again, as of now; whether all are still held."""
        return (yield from _ask(self._scripts.renew.on(self._keys.of(names)), token, _seconds(lease))) == 1

    def in_force(self, name: str) -> Steps[CircuitSettings]:
        """The settings that ``name`` is judged by."""
        settings = yield from self._declare([name])
        return settings[0]

    def configure(self, name: str, changes: Mapping[str, Any]) -> Steps[CircuitSettings]:
        """Change settings in force, for every process."""
        current = yield from self.in_force(name)
        wanted = CircuitSettings.of({**current.model_dump(), **changes})
        changed = {key: value for key, value in wanted.model_dump().items() if key in changes}
        arguments = [part for pair in zip(changed, to_redis(changed), strict=True) for part in pair]
        yield from _ask(self._scripts.configure.on(self._keys.of([name])), *arguments)
        in_force = wanted if wanted.version else wanted.model_copy(update={"version": 1})
        if name in self._wanted:
            # Who changes settings wants the new ones from now on.
            self._wanted[name] = in_force
        return in_force

    def force(self, names: Sequence[str], state: CircuitState, reason: str) -> Steps[None]:
        """Put circuits into a state by an operator's word."""
        yield from self._declare(names)
        yield from _ask(self._scripts.force.on(self._keys.of(names)), state.value, reason)
        self._notes.forget(names)

    def states(self, names: Sequence[str]) -> Steps[dict[str, CircuitView]]:
        """How circuits look now; one that nobody has used yet looks closed."""
        call = self._scripts.states.on(self._keys.of(checked_name(name) for name in names))
        reply = cast("list[Any]", (yield from _ask(call)))
        return {
            name: CircuitView(CircuitState(state.decode() or "closed"), seconds(wait_ms))
            for name, (state, wait_ms) in zip(names, reply, strict=True)
        }

    def metrics_of(self, name: str) -> Steps[CircuitMetrics]:
        """One circuit's metrics; it is made known if it isn't."""
        found = yield from self._metrics([name])
        if not found:
            yield from self._declare([name])
            found = yield from self._metrics([name])
        return found[name]

    def metrics_of_all(self) -> Steps[dict[str, CircuitMetrics]]:
        """Metrics of every circuit of the registry, by name."""
        return (yield from self._metrics([]))

    def recovered(self, name: str, recovery: Mapping[str, Any]) -> Steps[None]:
        """Note a recovery attempt."""
        call = self._scripts.recovery.on(self._keys.of_recoveries(name))
        kind = f"{recovery['method']}|{recovery['browser'] or ''}"
        arguments = (json.dumps(recovery), kind, int(recovery["succeeded"]), RECOVERIES_KEPT, TALLIES_KEPT)
        if not (yield from _ask(call, *arguments)):
            yield from self._declare([name])
            yield from _ask(call, *arguments)

    def history(self, limit: int) -> Steps[list[Transition]]:
        """The latest transitions, oldest first."""
        reply = yield packed("XREVRANGE", self._keys.events, "+", "-", "COUNT", limit)
        events = (from_stream(decoded(raw)) for _, raw in reversed(cast("list[Any]", reply)))
        return [event for event in events if event is not None]

    def prepared(self, names: tuple[str, ...]) -> Prepared:
        """The commands for these circuits, packed at the first time."""
        return self._prepared.get(names) or self._prepare(names)

    def _prepare(self, names: tuple[str, ...]) -> Prepared:
        if not names:
            raise InvalidSettings("no circuit named: a guard or a record needs at least one")
        for name in names:
            checked_name(name)
            if self._defaults.version and name not in self._wanted:
                self.want(name, self._defaults)
        if len(self._prepared) >= _PREPARED_KEPT:
            self._prepared.clear()
        keys = self._keys.of(names)
        acquire = self._scripts.acquire.on(keys)
        prepared = Prepared(acquire, acquire.packed("", ""), self._scripts.record.on(keys))
        self._prepared[names] = prepared
        return prepared

    def _declare(self, names: Sequence[str]) -> Steps[list[CircuitSettings]]:
        """Tell Redis of settings; returns those in force. One warning where they aren't the ones asked for."""
        if not names:
            return []
        wanted = [self._wanted.get(name, self._defaults) for name in names]
        arguments: list[Argument] = [len(SETTING_NAMES), *SETTING_NAMES]
        for name, settings in zip(names, wanted, strict=True):
            arguments += [name, *to_redis(settings.model_dump())]
        reply = cast("list[Any]", (yield from _ask(self._scripts.declare.on(self._keys.of(names)), *arguments)))
        in_force = [from_redis(values) for values in reply]
        for name, asked, current in zip(names, wanted, in_force, strict=True):
            if self._untold.get(name) is asked:
                self._untold.pop(name, None)
            different = asked.differences(current) if asked.version else {}
            if different and (name, asked) not in self._warned:
                self._warned.add((name, asked))
                logger.warning(
                    "circuit %r is in force with other settings (version %d) than asked for here (version %d): %s; "
                    "those in force count. Use registry.configure, or ask with a higher version, to change them.",
                    name,
                    current.version,
                    asked.version,
                    ", ".join(f"{key}={there!r}, not {here!r}" for key, (here, there) in different.items()),
                )
        return in_force

    def _metrics(self, names: Iterable[str]) -> Steps[dict[str, CircuitMetrics]]:
        call = self._scripts.metrics.on(self._keys.of(names))
        reply = cast("list[Any]", (yield from _ask(call, self._keys.root, RECOVERIES_KEPT)))
        now = float(reply[0])
        found = (read_metrics(raw, now, self._notes.uncounted) for raw in reply[1:])
        return {metrics["name"]: metrics for metrics in found}


def _seconds(given: float | None) -> str:
    return "" if given is None else repr(given)


def _ask(call: Call, *arguments: Argument) -> Steps[Reply]:
    try:
        return (yield call.packed(*arguments))
    except NoScriptError:
        return (yield call.packed_with_source(*arguments))
