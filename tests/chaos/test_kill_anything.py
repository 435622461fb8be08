"""kill -9 of any part during ``breakwater run``: one verdict per test all the same, and nothing is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.commands import Command, is_program, is_worker_child, is_worker_main, read_report

BATCH = """
timeout = 30
repeat = 5
allow = ["degraded"]
[matrix]
browsers = ["chrome"]
models = ["vit-base-patch16-224"]
platforms = ["webgpu"]
"""
TESTS = 5


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Command]:
    (tmp_path / "batch.toml").write_text(BATCH, encoding="utf-8")
    command = Command(["run", "batch.toml", "--report-json", "report.json"], tmp_path)
    yield command
    command.kill()


@pytest.mark.parametrize(
    ("victim", "wanted"),
    [
        ("worker child", is_worker_child("chrome")),
        ("whole worker", is_worker_main("chrome")),
        ("browser", is_program("chromium", "chrome")),
        ("driver", is_program("chromedriver")),
        ("Redis", is_program("redis-server")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_killed_part_costs_no_verdict(
    run: Command, tmp_path: Path, victim: str, wanted: Callable[[psutil.Process], bool]
) -> None:
    run.find(is_worker_child("chrome"), 40)
    run.find(wanted, 20).kill()
    assert run.wait(120) == 0, run.output
    report = read_report(tmp_path / "report.json")
    assert Counter(verdict["outcome"] for verdict in report["verdicts"]) == {"passed": TESTS}
    assert len({verdict["test"] for verdict in report["verdicts"]}) == TESTS
    run.assert_nothing_left()


def test_ctrl_c_cancels_the_batch_and_leaves_nothing(run: Command) -> None:
    run.find(is_program("chromium", "chrome"), 40)
    run.interrupt()
    assert run.wait(30) == 130
    assert "cancelled" in run.output
    assert "Traceback" not in run.output
    run.assert_nothing_left()


def test_a_killed_command_leaves_nothing(run: Command) -> None:
    run.find(is_program("chromium", "chrome"), 40)
    run.process.kill()
    run.process.wait(10)
    run.assert_nothing_left()
