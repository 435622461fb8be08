"""kill -9 of any part during ``breakwater run``: one verdict per test all the same, and nothing is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.chaos.victims import Victim
from tests.commands import Command, is_a, read_report

# Enough tests that the batch is not over before its parts are found.
TESTS = 60
# … and so many that it can't end by itself.
ENDLESS = 5_000
BATCH = """
timeout = 240
repeat = {tests}
allow = ["degraded"]
[matrix]
browsers = ["chrome"]
models = ["t5-small"]
platforms = ["wasm"]
"""


@pytest.fixture(params=[TESTS])
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Command]:
    (tmp_path / "batch.toml").write_text(BATCH.format(tests=request.param), encoding="utf-8")
    command = Command(["run", "batch.toml", "--report-json", "report.json"], tmp_path)
    yield command
    command.kill()


# By day the parts whose death only this file shows; sessions' own tests kill browsers and drivers.
BY_DAY = (Victim.WORKER, Victim.REDIS)


@pytest.mark.parametrize(
    "victim", [victim if victim in BY_DAY else pytest.param(victim, marks=pytest.mark.night) for victim in Victim]
)
def test_a_killed_part_costs_no_verdict(run: Command, tmp_path: Path, victim: Victim) -> None:
    # A browser is there: whatever is killed, it dies at work and not while it starts.
    run.find(is_a(Victim.BROWSER), 120)
    run.find(is_a(victim), 120).kill()
    assert run.wait(400) == 0, run.output
    report = read_report(tmp_path / "report.json")
    assert Counter(verdict["outcome"] for verdict in report["verdicts"]) == {"passed": TESTS}
    assert len({verdict["test"] for verdict in report["verdicts"]}) == TESTS
    run.assert_nothing_left()


@pytest.mark.parametrize("run", [ENDLESS], indirect=True)
def test_ctrl_c_cancels_the_batch_and_leaves_nothing(run: Command) -> None:
    run.find(is_a(Victim.BROWSER), 120)
    run.interrupt()
    assert run.wait(120) == 130
    assert "cancelled" in run.output
    assert "Traceback" not in run.output
    run.assert_nothing_left()


@pytest.mark.parametrize("run", [ENDLESS], indirect=True)
def test_a_killed_command_leaves_nothing(run: Command) -> None:
    run.find(is_a(Victim.BROWSER), 120)
    run.process.kill()
    run.process.wait(60)
    run.assert_nothing_left()
