"""All five levels of recovery, each by a real fault in real browsers; and a test's own failure, which has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from jobs.models.catalogue import catalogue
from tests.commands import Command, read_report

LEVELS = """
timeout = 240
allow = ["degraded", "simulated"]
[matrix]
browsers = ["chrome"]
models = ["bert-base-uncased", "t5-small", "vit-base-patch16-224", "whisper-tiny", "clip-vit-base-patch32"]
platforms = ["webgpu", "wasm"]
exclude = [ # only level 3's needs a GPU, and a software adapter takes its time
    { model = "bert-base-uncased", platform = "wasm" },
    { model = "t5-small", platform = "webgpu" },
    { model = "vit-base-patch16-224", platform = "webgpu" },
    { model = "whisper-tiny", platform = "webgpu" },
    { model = "clip-vit-base-patch32", platform = "webgpu" },
]

[[fault]] # level 1: the page hangs once
kind = "page_hung"
model = "vit-base-patch16-224"

[[fault]] # level 2: the browser is killed once
kind = "browser_killed"
model = "t5-small"

[[fault]] # level 3: no adapter, until the settings ask for the software one
kind = "no_adapter"
model = "bert-base-uncased"
attempts = "all"

[[fault]] # level 4: Chrome is not there
kind = "binary_missing"
model = "whisper-tiny"
attempts = "all"
on = "chrome"

[[fault]] # level 5: no browser is there
kind = "binary_missing"
model = "clip-vit-base-patch32"
attempts = "all"
"""

Runner = Callable[[str], tuple[int, dict[str, Any], str]]


@pytest.fixture
def run_batch(tmp_path: Path) -> Iterator[Runner]:
    commands = []

    def run(batch: str) -> tuple[int, dict[str, Any], str]:
        (tmp_path / "batch.toml").write_text(batch, encoding="utf-8")
        # Five faults follow each other here: by default the browser's circuit would open, and send tests elsewhere.
        # And Firefox's worker may be the last to come up.
        calm = {"BREAKWATER_CIRCUIT_FAILURE_THRESHOLD": "50", "BREAKWATER_GATHERING_SECONDS": "120"}
        command = Command(["run", "batch.toml", "--report-json", "report.json"], tmp_path, calm)
        commands.append(command)
        code = command.wait(500)
        command.assert_nothing_left()
        return code, read_report(tmp_path / "report.json"), command.output

    yield run
    for command in commands:
        command.kill()


def test_each_level_brings_a_test_back(run_batch: Runner) -> None:
    code, report, output = run_batch(LEVELS)
    assert code == 0, output
    verdicts = {verdict["model"]: verdict for verdict in report["verdicts"]}
    ways = {
        model: [(entry["level"], entry["browser"], entry["outcome"]) for entry in verdict["attempts"]]
        for model, verdict in verdicts.items()
    }
    assert ways == {
        "vit-base-patch16-224": [(None, "chrome", "timeout"), (1, "chrome", "passed")],
        "t5-small": [(None, "chrome", "crash"), (2, "chrome", "passed")],
        "bert-base-uncased": [(None, "chrome", "gpu"), (3, "chrome", "passed")],
        "whisper-tiny": [(None, "chrome", "launch"), (4, "firefox", "passed")],
        "clip-vit-base-patch32": [(None, "chrome", "launch"), (4, "firefox", "launch"), (5, None, "passed")],
    }
    assert {model for model, verdict in verdicts.items() if verdict["degraded"]} == {"whisper-tiny"}
    assert {model for model, verdict in verdicts.items() if verdict["simulated"]} == {"clip-vit-base-patch32"}
    assert all(verdict["recovered"] for verdict in verdicts.values())
    for verdict in verdicts.values():
        for entry in verdict["attempts"]:
            assert entry["worker"]
            assert entry["seconds"] >= 0
            assert entry["cause"] or entry["outcome"] == "passed"
    on_gpu = verdicts["bert-base-uncased"]["measurement"]
    assert on_gpu["backend"] == "webgpu"
    assert on_gpu["adapter"]["software"] is True
    assert verdicts["clip-vit-base-patch32"]["measurement"]["backend"] == "native"

    figures = report["recovery"]
    assert {level: (one["attempts"], one["successes"]) for level, one in figures["by_level"].items()} == {
        "1": (1, 1), "2": (1, 1), "3": (1, 1), "4": (2, 1), "5": (1, 1),
    }  # fmt: skip
    assert figures["total"]["attempts"] == 5  # without the simulation
    assert figures["total"]["seconds_p50"] > 0
    assert figures["by_category"]["launch"]["rate"] == 0.5


def test_a_planted_wrong_weight_is_failed_and_not_retried(run_batch: Runner, tmp_path: Path) -> None:
    right = catalogue()["bert-base-uncased"].parts[0].path
    model = onnx.load(right)
    largest = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims) if tensor.data_type == 1 else 0)
    weights = onnx.numpy_helper.to_array(largest).copy()
    weights.flat[:: max(1, weights.size // 50)] += 0.5
    largest.CopyFrom(onnx.numpy_helper.from_array(weights, largest.name))
    onnx.save(model, tmp_path / "wrong.onnx")

    code, report, output = run_batch(f"""
        [matrix]
        browsers = ["chrome"]
        models = ["wrong-bert"]
        platforms = ["wasm"]
        [[model]]
        name = "wrong-bert"
        type = "text"
        path = "wrong.onnx"
        reference = "{right}"
    """)
    assert code == 1, output
    [verdict] = report["verdicts"]
    assert verdict["outcome"] == "failed"
    assert len(verdict["attempts"]) == 1
    assert verdict["measurement"]["max_abs_error"] > verdict["measurement"]["tolerance"]


@pytest.mark.night
def test_what_left_webgpu_for_wasm_is_degraded_and_says_so_everywhere(run_batch: Runner) -> None:
    code, report, output = run_batch("""
        timeout = 240
        [matrix]
        browsers = ["chrome"]
        models = ["bert-base-uncased"]
        platforms = ["webgpu"]
        [recovery]
        other_backend = true
        [[fault]]
        kind = "gpu_process_killed"
        attempts = "all"
    """)
    assert code == 1, output  # the batch does not allow it
    [verdict] = report["verdicts"]
    way = [(entry["level"], entry["browser"], entry["outcome"]) for entry in verdict["attempts"]]
    assert way == [(None, "chrome", "gpu"), (3, "chrome", "gpu"), (3, "chrome", "passed")]
    assert (verdict["outcome"], verdict["degraded"], verdict["recovered"]) == ("passed", True, True)
    assert (verdict["platform"], verdict["measurement"]["backend"]) == ("webgpu", "wasm")
    assert "chrome on wasm" in output
    assert "degraded" in output
