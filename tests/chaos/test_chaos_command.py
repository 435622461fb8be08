"""``breakwater chaos`` and ``breakwater e2e`` as a user runs them: their verdicts, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command


@pytest.fixture
def command(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Command]:
    started = Command(request.param, tmp_path)
    yield started
    started.kill()


@pytest.mark.night
@pytest.mark.parametrize(
    "command", [["chaos", "--tests", "40", "--seed", "4", "--kills", "6", "--workers", "2"]], indirect=True
)
def test_a_farm_under_attack_keeps_every_promise(command: Command) -> None:
    assert command.wait(500) == 0, command.output
    assert "verdicts      40: 4 failed, 36 passed" in command.output
    assert "every promise was kept; the same again: breakwater chaos --tests 40 --seed 4" in command.output
    assert "kill   4: Redis redis-server" in command.output
    command.assert_nothing_left()


@pytest.mark.parametrize("command", [["e2e", "--workers", "2", "--tasks", "8", "--platform", "wasm"]], indirect=True)
def test_faults_are_seen_recovered_and_counted(command: Command) -> None:
    assert command.wait(500) == 0, command.output
    assert "verdict: every promise was kept" in command.output
    assert "verdicts      8: 1 failed, 7 passed" in command.output
    command.assert_nothing_left()
