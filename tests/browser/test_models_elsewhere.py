"""A batch whose models lie elsewhere: real names from a mirror of the hub, a name of the hub, an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command, read_report
from tests.integration.models import small_models
from tests.integration.models.hub_mirror import Mirror, Repository, mirror

BATCH = """
weights = "hub"
[matrix]
browsers = ["chrome"]
models = ["bert-base-uncased", "t5-small", "someone/pictures", "by-address"]
platforms = ["wasm"]
[[model]]
name = "by-address"
type = "vision"
url = "{url}/someone/pictures/resolve/main/model.onnx?secret=x"
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Mirror]:
    (tmp_path / "made").mkdir()
    beside = small_models.with_weights_beside(small_models.encoder(), tmp_path / "made")
    text = small_models.text_files()
    parts = {"encoder": small_models.encoder(), "decoder": small_models.decoder()}
    repositories = {
        "Xenova/bert-base-uncased": Repository(
            {**text, **{f"onnx/{name}": content for name, content in beside.items()}}, "fill-mask"
        ),
        "Xenova/t5-small": Repository(
            {**text, **{f"onnx/{name}_model.onnx": small_models.serialized(made) for name, made in parts.items()}},
            "translation",
        ),
        "someone/pictures": Repository(
            {**small_models.vision_files(), "model.onnx": small_models.serialized(small_models.vision())},
            "image-classification",
        ),
    }
    with mirror(repositories) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, hub: Mirror) -> Iterator[Command]:
    (tmp_path / "batch.toml").write_text(BATCH.format(url=hub.url), encoding="utf-8")
    environment = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"), "SELENIUM_BRIDGE_LOG_LEVEL": "DEBUG",
    }  # fmt: skip
    command = Command(["run", "batch.toml", "--report-json", "report.json"], tmp_path, environment)
    yield command
    command.kill()


def test_real_models_are_fetched_pinned_run_and_verified(run: Command, tmp_path: Path) -> None:
    assert run.wait(300) == 0, run.output
    verdicts = {verdict["model"]: verdict for verdict in read_report(tmp_path / "report.json")["verdicts"]}
    assert {model: verdict["outcome"] for model, verdict in verdicts.items()} == dict.fromkeys(
        ["bert-base-uncased", "t5-small", "someone/pictures", "by-address"], "passed"
    )
    weights = {model: verdict["measurement"]["weights"] for model, verdict in verdicts.items()}
    assert weights == {
        "bert-base-uncased": "hub", "t5-small": "hub", "someone/pictures": "hub", "by-address": "file",
    }  # fmt: skip
    assert all(verdict["measurement"]["max_abs_error"] < 1e-4 for verdict in verdicts.values())
    # The talk with the page was asked for: it is on the command's own screen, without anybody's secret.
    talk = [line for line in run.output.splitlines() if line.startswith("chrome: ")]
    for said in ("page sent hello", "sent the page", "page sent result"):
        assert any("DEBUG" in line and said in line for line in talk), run.output
    assert "secret=x" not in run.output
