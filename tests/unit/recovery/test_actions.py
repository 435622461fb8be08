"""Actions are values: they cross JSON and know their level and strategy."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from recovery import Adjustments, RecoveryLevel
from recovery.actions import Action, Adjust, Fallback, GiveUp, Park, Reroute, Restart, Retry, Simulate
from tests.unit.recovery.makers import CHROME, FIREFOX

ACTIONS: tuple[tuple[Action, RecoveryLevel | None], ...] = (
    (Retry(delay=0.2), RecoveryLevel.MINIMAL),
    (Restart(in_place=False), RecoveryLevel.MODERATE),
    (Adjust(browser=CHROME, adjustments=Adjustments(time_factor=2, rules=("more time",))), RecoveryLevel.AGGRESSIVE),
    (Fallback(browser=FIREFOX), RecoveryLevel.FALLBACK),
    (Simulate(), RecoveryLevel.SIMULATION),
    (Park(seconds=10, reason="open"), None),
    (Reroute(seconds=0.2, reason="open"), None),
    (GiveUp(reason="all is lost"), None),
)


@pytest.mark.parametrize(("action", "level"), ACTIONS)
def test_an_action_survives_json_and_knows_its_level(action: Action, level: RecoveryLevel | None) -> None:
    union: TypeAdapter[Action] = TypeAdapter(Action)
    assert union.validate_json(union.dump_json(action)) == action
    assert action.level is level
    assert (action.strategy is None) == (level is None)


def test_every_strategy_has_a_name_of_its_own() -> None:
    names = [action.strategy for action, level in ACTIONS if level]
    assert len(set(names)) == len(RecoveryLevel)
