"""The package's values: errors, notes, packed commands, events, health; and what importing it costs."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import time

import pytest
from redis.connection import Connection

from breakers import (
    CircuitOpenError,
    CircuitSettings,
    CircuitState,
    InvalidSettings,
    SettingsChanged,
    StateChanged,
    StoreUnavailable,
)
from breakers.errors import BreakerError
from breakers.events import from_stream
from breakers.listeners import Listeners
from breakers.metrics import WindowMetrics, health
from breakers.notes import Notes
from breakers.scripts import Call, packed


def test_importing_the_package_imports_nothing_of_the_product() -> None:
    code = "import sys, breakers; print([m for m in ('celery', 'selenium', 'jobs', 'recovery') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_an_open_circuit_error_tells_the_longest_wait_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(CircuitOpenError({"a": 2.0, "b": math.inf})))  # noqa: S301
    assert (error.name, error.retry_after, error.names) == ("b", math.inf, ("a", "b"))
    assert str(error) == "circuit 'a' is open for another 2 s, circuit 'b' is open"


def test_there_is_one_hierarchy_of_errors() -> None:
    for kind in (CircuitOpenError, InvalidSettings, StoreUnavailable):
        assert issubclass(kind, BreakerError)


def test_a_note_rejects_until_it_has_to_be_checked() -> None:
    notes = Notes(believed=0.05)
    notes.write("a", 60.0)
    waits = notes.in_the_way(("b", "a"))
    assert waits
    assert 59 < waits["a"] <= 60
    deadline = time.monotonic() + 60
    while notes.in_the_way(("a",)):
        assert time.monotonic() < deadline
    assert notes.take_uncounted(("b", "a")).startswith("0,")
    assert notes.take_uncounted(("b", "a")) == ""


def test_a_note_does_not_outlive_the_opening() -> None:
    notes = Notes(believed=60)
    notes.write("a", 0.0)
    assert not notes.in_the_way(("a",))


def test_forgotten_notes_reject_nothing() -> None:
    notes = Notes()
    for name in ("a", "b", "c"):
        notes.write(name, 60.0)
    notes.forget(["a"])
    assert not notes.in_the_way(("a",))
    assert notes.in_the_way(("b",))
    notes.forget()
    assert notes.in_the_way(("b", "c")) is None


def test_commands_are_packed_as_redis_py_packs_them() -> None:
    connection = Connection()
    assert packed("SET", "k", 1) == b"".join(connection.pack_command("SET", "k", 1))
    call = Call(b"return 1", b"abc", ["é", "k2"])
    assert call.packed("x", 2, b"\x00") == b"".join(
        connection.pack_command("EVALSHA", "abc", 2, "é", "k2", "x", 2, b"\0")
    )
    assert call.packed_with_source("x") == b"".join(connection.pack_command("EVAL", "return 1", 2, "é", "k2", "x"))


def test_events_are_read_and_unknown_ones_passed_over() -> None:
    fields = {
        "type": "state_changed", "name": "a", "at": "12.5", "previous": "closed", "state": "open", "generation": "2",
        "reason": "3 failures in a row", "open_seconds": "10",
    }  # fmt: skip
    changed = StateChanged("a", 12.5, CircuitState.CLOSED, CircuitState.OPEN, "3 failures in a row", 2, 10.0)
    assert from_stream(fields) == changed
    assert from_stream({"type": "settings_changed", "name": "a", "at": "1", "version": "3"}) == SettingsChanged(
        "a", 1, 3
    )
    assert from_stream(fields | {"state": "molten"}) is None
    assert from_stream({"type": "tea"}) is None


def test_a_failing_listener_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    listeners, heard = Listeners(), []

    def broken(event: SettingsChanged) -> None:
        raise RuntimeError("broken")

    listeners.add(SettingsChanged, broken)
    remove = listeners.add(SettingsChanged, heard.append)
    event = SettingsChanged("a", 1.0, 2)
    listeners.tell(event)
    assert heard == [event]
    assert "a listener for SettingsChanged failed" in caplog.text
    remove()
    remove()
    listeners.tell(event)
    assert heard == [event]


def test_a_coroutine_listener_needs_a_running_loop() -> None:
    async def listener(event: SettingsChanged) -> None:
        raise AssertionError(event)

    with pytest.raises(RuntimeError):
        Listeners().add(SettingsChanged, listener)


@pytest.mark.parametrize(
    ("state", "samples", "failure_rate", "in_a_row", "probes", "expected"),
    [
        (CircuitState.CLOSED, 0, None, 0, 0, 100.0),
        (CircuitState.CLOSED, 4, 0.75, 0, 0, 100.0),
        (CircuitState.CLOSED, 10, 0.2, 0, 0, 80.0),
        (CircuitState.CLOSED, 10, 0.2, 2, 0, 60.0),
        (CircuitState.HALF_OPEN, 10, 0.9, 3, 0, 25.0),
        (CircuitState.HALF_OPEN, 10, 0.9, 3, 2, 50.0),
        (CircuitState.OPEN, 10, 0.0, 0, 0, 0.0),
        (CircuitState.FORCED_OPEN, 10, 0.0, 0, 0, 0.0),
        (CircuitState.DISABLED, 10, 0.5, 9, 0, 50.0),
    ],
)
def test_health_follows_its_formula(
    state: CircuitState, samples: int, failure_rate: float | None, in_a_row: int, probes: int, expected: float
) -> None:
    window = WindowMetrics(
        samples=samples, failure_rate=failure_rate, slow_rate=None, seconds_p50=None, seconds_p95=None
    )
    settings = CircuitSettings(failure_threshold=4, success_threshold=2)
    assert health(state, settings, window, in_a_row, probes) == expected
