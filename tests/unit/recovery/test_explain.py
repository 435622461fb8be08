"""``RECOVERY_STRATEGY_DEBUG=1`` explains in one line each; without it nothing is said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from recovery import categorize_browser_failure, decide, decide_open_circuit
from tests.unit.recovery.makers import POLICY, failure, record, situation


def everything_once() -> None:
    categorize_browser_failure(TimeoutError("slow"), {})
    decide(failure(), [record(1)], situation(), POLICY)
    decide_open_circuit("worker", 1.0, [], situation(), POLICY)


def test_one_line_for_each_classification_and_decision(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RECOVERY_STRATEGY_DEBUG", "1")
    everything_once()
    assert [entry.name for entry in caplog.records] == ["breakwater.recovery"] * 3
    category, decision, detour = (entry.getMessage() for entry in caplog.records)
    assert category == "timeout: it timed out (TimeoutError: slow)"
    assert "Retry" in decision
    assert "Reroute" in detour


@pytest.mark.parametrize("value", [None, "", "0"])
def test_silence_is_the_default(
    value: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("RECOVERY_STRATEGY_DEBUG", raising=False)
    if value is not None:
        monkeypatch.setenv("RECOVERY_STRATEGY_DEBUG", value)
    everything_once()
    assert not caplog.records


def test_it_is_seen_even_where_nobody_set_up_logging() -> None:
    program = "import recovery; recovery.categorize_browser_failure(TimeoutError('slow'), {})"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RECOVERY_STRATEGY_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert run.stderr == "timeout: it timed out (TimeoutError: slow)\n"


def test_the_package_is_pure() -> None:
    program = (
        "import sys, recovery; recovery.RecoveryPolicy.default(); "
        "print(sorted({'selenium', 'redis', 'celery', 'urllib3', 'jobs', 'breakers'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)
    assert run.stdout.strip() == "[]"
