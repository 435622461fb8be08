"""The page's circuit against the model that Redis's circuits are tested by: the same histories, the same answers."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

from breakers import CircuitSettings
from jobs.page.generate import node
from tests.integration.breakers.model import ModelCircuit

HISTORIES = 2_000
STEPS = 40
SCRIPT = Path(__file__).with_name("circuit_histories.mjs")


def history(dice: random.Random) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settings and steps for the page, and what the model answers to each."""
    settings = CircuitSettings(
        failure_threshold=dice.randint(1, 3), recovery_timeout=dice.choice([1.0, 4.0]), recovery_timeout_max=4.0,
        half_open_max_calls=dice.randint(1, 3), success_threshold=dice.randint(1, 3),
        probe_seconds=dice.choice([2.0, 8.0]), recovery_timeout_factor=1.0,
    )  # fmt: skip
    model, now, calls = ModelCircuit(settings, since=0.0), 0.0, 0
    held: dict[int, tuple[int, int | None]] = {}
    steps, expected = [], []
    for _ in range(STEPS):
        now += dice.choice([0.0, 0.0, 0.25, 1.0, 2.0])
        if held and dice.random() < 0.5:
            call = dice.choice(list(held))
            failed = dice.random() < 0.6
            steps.append({"do": "record", "at": now * 1000, "call": call, "failed": failed})
            model.record(now, "failure" if failed else "success", None, held.pop(call))
            expected.append({"state": model.state.value})
        else:
            calls += 1
            steps.append({"do": "acquire", "at": now * 1000, "call": calls})
            wait = model.look(now)
            if not wait:
                held[calls] = model.take(now)
            expected.append({"state": model.state.value, "wait": wait * 1000})
        if held and dice.random() < 0.1:
            held.pop(dice.choice(list(held)))  # the page was closed: nobody tells how it went
    told = {
        "failureThreshold": settings.failure_threshold,
        "recoveryTimeoutMs": settings.recovery_timeout * 1000,
        "halfOpenMaxCalls": settings.half_open_max_calls,
        "successThreshold": settings.success_threshold,
        "probeMs": settings.probe_seconds * 1000,
    }
    return {"settings": told, "steps": steps}, expected


def test_the_page_and_the_model_agree_on_every_history() -> None:
    dice = random.Random(156)
    histories, expected = zip(*(history(dice) for _ in range(HISTORIES)), strict=True)
    done = subprocess.run(
        [node(), str(SCRIPT)], input=json.dumps(histories), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    states = set()
    for steps, answers, wanted in zip(histories, json.loads(done.stdout), expected, strict=True):
        for place, (answer, want) in enumerate(zip(answers, wanted, strict=True)):
            context = (steps["settings"], steps["steps"][: place + 1])
            assert answer["state"] == want["state"], context
            # A full half-open circuit is asked again within a second in Redis: a place may come free at any time.
            wait = min(answer.get("wait", 0.0), 1000.0) if want["state"] == "half_open" else answer.get("wait", 0.0)
            assert abs(wait - want.get("wait", 0.0)) < 1e-6, context
            states.add(answer["state"])
    assert states == {"closed", "open", "half_open"}
