"""Models of the hub by its own library: from a mirror over HTTP, from the cache, from a folder; whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.models import small_models
from tests.integration.models.hub_mirror import COMMIT, Mirror, Repository, mirror

# What the tests run, in a process of its own: the hub's library reads its environment once.
PROGRAM = """
import json, sys
from jobs.models.inputs import make_inputs
from jobs.models.reference import ModelInvalid, native_run
from jobs.models.unavailable import ModelUnavailable, ModelUnknown
from jobs.models.catalogue import own_entry
from jobs.models.hub import look_up
from jobs.specs import ModelSource

def run(source):
    entry = own_entry(ModelSource.model_validate(source))
    inputs = make_inputs(entry)
    outputs = native_run(entry, inputs).outputs
    return {
        "weights": entry.weights, "parts": [str(part.path) for part in entry.parts],
        "inputs": {name: list(value.shape) for name, value in inputs.items()},
        "outputs": {name: list(value.shape) for name, value in outputs.items()},
    }

def answer(asked):
    try:
        return look_up(asked).model_dump(mode="json") if isinstance(asked, str) else run(asked)
    except (ModelInvalid, ModelUnavailable, ModelUnknown) as error:
        return {"error": type(error).__name__, "text": str(error)}

print(json.dumps([answer(asked) for asked in json.load(sys.stdin)]))
"""


# The same by the bridge, which needs no browser to simulate one.
BRIDGE = """
import anyio
from jobs.browsers import BrowserAutomationBridge, TestFailure

async def main():
    bridge = BrowserAutomationBridge(platform="wasm")
    await bridge.simulate()
    for name in ("someone/pictures", "someone/pictures", "someone/nothing"):
        try:
            result = await bridge.run_test(name, "a text")
            print(result.model, result.measurement.weights)
        except TestFailure as failure:
            print("failed:", failure)
    await bridge.close()

anyio.run(main)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Mirror]:
    (tmp_path / "made").mkdir()
    beside = small_models.with_weights_beside(small_models.encoder(), tmp_path / "made")
    repositories = {
        "someone/words": Repository(
            {**small_models.text_files(), **{f"onnx/{name}": content for name, content in beside.items()}}, "fill-mask"
        ),
        "someone/two-parts": Repository(
            {
                **small_models.text_files(),
                "onnx/encoder_model.onnx": small_models.serialized(small_models.encoder()),
                "onnx/decoder_model.onnx": small_models.serialized(small_models.decoder()),
            },
            "translation",
        ),
        "someone/pictures": Repository(
            {**small_models.vision_files(), "model.onnx": small_models.serialized(small_models.vision())},
            "image-classification",
        ),
        "someone/weights-only": Repository({"model.safetensors": b"x"}, "fill-mask"),
        "someone/other": Repository({"model.onnx": b"x"}, "reinforcement-learning"),
        "someone/secret": Repository({}, status=403, error_code="GatedRepo"),
        "someone/ill": Repository({}, status=503),
    }
    with mirror(repositories) as running:
        yield running


class Machine:
    """A machine with a cache of its own that knows one mirror."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.environment = {
            **os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_ETAG_TIMEOUT": "5",
        }  # fmt: skip
        self.environment.pop("HF_TOKEN", None)

    def ask(self, *questions: str | dict[str, Any], **more: str) -> list[dict[str, Any]]:
        """Look up each name, run each source; all in one process."""
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(questions), env={**self.environment, **more},
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    def run(self, source: dict[str, Any], **more: str) -> dict[str, Any]:
        return self.ask({"name": "mine", "type": "text", **source}, **more)[0]


@pytest.fixture
def machine(tmp_path: Path, hub: Mirror) -> Machine:
    return Machine(tmp_path / "home", hub.url)


WORDS = {"hub": "someone/words"}
TWO_PARTS = {
    "hub": "someone/two-parts",
    "parts": [
        {"name": "encoder", "file": "onnx/encoder_model.onnx"},
        {
            "name": "decoder",
            "file": "onnx/decoder_model.onnx",
            "feeds": {"encoder_hidden_states": "encoder.last_hidden_state"},
        },
    ],
}


def test_names_are_looked_up_and_pinned_to_their_commit_or_told_in_a_line(machine: Machine) -> None:
    refused = {
        "someone/nobody": ("ModelUnknown", "no such model"),
        "someone/weights-only": ("ModelUnknown", "no ONNX file"),
        "someone/two-parts": ("ModelUnknown", "several ONNX files"),
        "someone/other": ("ModelUnknown", "reinforcement-learning"),
        "someone/secret": ("ModelUnknown", "HF_TOKEN"),
        "someone/ill": ("ModelUnavailable", "503"),
    }
    found, *told = machine.ask("someone/pictures", *refused)
    assert (found["type"], found["hub"], found["revision"]) == ("vision", "someone/pictures", COMMIT)
    assert [part["file"] for part in found["parts"]] == ["model.onnx"]
    for (name, (kind, says)), answer in zip(refused.items(), told, strict=True):
        assert answer["error"] == kind
        assert says in answer["text"]
        assert name in answer["text"]
        assert "\n" not in answer["text"]


def test_inputs_are_made_as_the_repository_says_and_weights_beside_the_model_come_along(machine: Machine) -> None:
    words, parts, picture = machine.ask(
        {"name": "words", "type": "text", **WORDS},
        {"name": "parts", "type": "text", **TWO_PARTS},
        {"name": "picture", "type": "vision", "hub": "someone/pictures", "parts": [{"file": "model.onnx"}]},
    )
    length = words["inputs"]["input_ids"][1]
    assert length > 5
    assert words["weights"] == "hub"
    assert words["inputs"] == {"input_ids": [1, length], "attention_mask": [1, length]}
    assert words["outputs"] == {"last_hidden_state": [1, length, small_models.WIDE]}
    assert parts["inputs"]["decoder.input_ids"] == [1, 1]
    assert parts["outputs"] == {"logits": [1, 1, 100]}
    assert picture["inputs"] == {"pixel_values": [1, 3, 64, 48]}


def test_what_was_fetched_runs_without_the_hub(machine: Machine, hub: Mirror) -> None:
    fetched = machine.run(WORDS)
    asked = len(hub.asked)
    assert machine.run(WORDS, HF_HUB_OFFLINE="1") == fetched
    assert len(hub.asked) == asked
    elsewhere = machine.run(WORDS, HF_ENDPOINT="http://127.0.0.1:9")
    assert elsewhere == fetched


def test_a_machine_without_hub_and_without_model_says_what_to_do(machine: Machine) -> None:
    told = machine.run(WORDS, HF_ENDPOINT="http://127.0.0.1:9")
    assert told["error"] == "ModelUnavailable"
    assert "BREAKWATER_MODELS_DIR" in told["text"]


def test_a_download_that_breaks_off_is_never_used(machine: Machine, hub: Mirror) -> None:
    weights = "onnx/model.onnx_data"
    whole = hub.repositories["someone/words"].files[weights]
    hub.repositories["someone/words"].cut = {weights}
    first = machine.run(WORDS)  # the library may try again by itself, and then has the whole of it
    assert first.get("error") in {None, "ModelUnavailable"}
    assert not hub.repositories["someone/words"].cut
    ran = machine.run(WORDS)
    assert Path(ran["parts"][0]).with_name("model.onnx_data").read_bytes() == whole


def test_a_damaged_file_is_removed_and_comes_anew(machine: Machine) -> None:
    ran = machine.run(WORDS)
    weights = Path(ran["parts"][0]).with_name("model.onnx_data").resolve()
    damaged = bytearray(weights.read_bytes())
    damaged[7] ^= 0xFF
    weights.write_bytes(damaged)
    told = machine.run(WORDS)
    assert told["error"] == "ModelUnavailable"
    assert "checksum" in told["text"]
    assert machine.run(WORDS) == ran


def test_a_folder_of_models_needs_no_hub(machine: Machine, hub: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "someone" / "words"
    for name, content in hub.repositories["someone/words"].files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    asked = len(hub.asked)
    ran = machine.run(WORDS, BREAKWATER_MODELS_DIR=str(tmp_path / "models"))
    assert ran["parts"] == [str(folder / "onnx" / "model.onnx")]
    assert len(hub.asked) == asked


def test_what_can_not_be_fetched_says_whose_fault_it_is(machine: Machine) -> None:
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({"hub": "someone/nobody"}, "ModelUnknown", "no such model"),
        ({"hub": "someone/words", "revision": "v9"}, "ModelUnknown", "revision"),
        ({"hub": "someone/words", "parts": [{"file": "onnx/other.onnx"}]}, "ModelUnknown", "onnx/other.onnx"),
        ({"hub": "someone/ill"}, "ModelUnavailable", "can't be reached"),
    ]
    answers = machine.ask(*({"name": "mine", "type": "text", **source} for source, _, _ in refused))
    for (source, kind, says), told in zip(refused, answers, strict=True):
        assert (source, told["error"]) == (source, kind)
        assert says in told["text"]


def test_a_bridge_runs_models_of_the_hub(machine: Machine) -> None:
    environment = {**machine.environment, "BREAKWATER_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", BRIDGE], env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    first, again, unknown = done.stdout.splitlines()
    assert (first, again) == ("someone/pictures hub", "someone/pictures hub"), done.stderr
    assert unknown.startswith("failed: someone/nothing"), done.stdout
