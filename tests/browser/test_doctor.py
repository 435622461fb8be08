"""``breakwater doctor`` says what this machine can run by running it, and how to get what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    started: list[Command] = []
    yield started
    for command in started:
        command.kill()


def test_each_browser_is_started_and_asked(tmp_path: Path, commands: list[Command]) -> None:
    # No Selenium Manager's cache of the developer's own.
    doctor = Command(["doctor", "--json"], tmp_path, {"SE_CACHE_PATH": str(tmp_path)})
    commands.append(doctor)
    assert doctor.wait(300) == 0, doctor.output
    told = json.loads(doctor.output[doctor.output.index("{") :])
    found = {finding["browser"]: finding for finding in told["browsers"]}
    assert set(found) == {"chrome", "firefox", "edge", "webkit"}
    assert told["redis"]["usable"]
    for name in ("chrome", "firefox", "webkit"):
        assert found[name]["launches"], found[name]
        assert found[name]["version"]
        assert found[name]["capabilities"]["wasm_simd"]
    assert found["chrome"]["capabilities"]["webgpu"]["adapter"]["software"]
    assert found["webkit"]["capabilities"]["webgpu"]["adapter"] is None
    if not found["edge"]["launches"]:
        assert "no Microsoft Edge found" in found["edge"]["problem"]
        assert found["edge"]["fixes"][0].endswith("selenium-manager --browser edge")
    doctor.assert_nothing_left()


def test_where_nothing_can_run_it_says_so_and_what_to_do(tmp_path: Path, commands: list[Command]) -> None:
    doctor = Command(["doctor"], tmp_path, {"PATH": str(tmp_path), "SE_CACHE_PATH": str(tmp_path)})
    commands.append(doctor)
    assert doctor.wait(180) == 3, doctor.output
    assert "no redis-server on PATH" in doctor.output
    assert "no Chrome or Chromium found" in doctor.output
    assert doctor.output.count("  fix ") >= 4
    assert "Nothing can run here" in doctor.output
    assert "Traceback" not in doctor.output
