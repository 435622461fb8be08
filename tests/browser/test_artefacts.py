"""What a failed attempt leaves for whoever must understand it: in Redis, whichever machine the worker was on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx.numpy_helper
import pytest

from jobs.browsers.failures import TestFailure
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Isolation, ModelSource, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, ModelType

MODEL = "bert-base-uncased"


@pytest.fixture(scope="module", params=[BrowserType.CHROME, BrowserType.FIREFOX])
def pool(request: pytest.FixtureRequest) -> Iterator[tuple[SessionPool, BrowserType]]:
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        pool = SessionPool(Settings(scratch_dir=Path(folder)))
        yield pool, request.param
        pool.close()


def artefacts_of_failure(
    pool: SessionPool,
    browser: BrowserType,
    *faults: FaultKind,
    own: ModelSource | None = None,
    timeout: float = 180,
    isolation: Isolation = Isolation.SESSION,
) -> dict[str, bytes]:
    spec = TestSpec(
        id="test", browser=browser, model=MODEL, model_type=ModelType.TEXT, platform=Platform.WASM, timeout=timeout,
        own_model=own, faults=tuple(FaultSpec(kind=kind) for kind in faults), isolation=isolation,
    )  # fmt: skip
    pool.begin_attempt()
    with pytest.raises((BrowserFailure, TestFailure)):
        run_test(spec, 1, browser, Adjustments(), pool, lambda: False)
    return pool.artefacts({"number": 1})


@pytest.mark.parametrize("isolation", [Isolation.SESSION, Isolation.CONTEXT])
def test_a_test_that_fails_leaves_a_screenshot_messages_and_a_timeline(
    pool: tuple[SessionPool, BrowserType], tmp_path: Path, isolation: Isolation
) -> None:
    right = catalogue()[MODEL].parts[0].path
    model = onnx.load(right)
    for weights in model.graph.initializer:
        if weights.data_type == onnx.TensorProto.FLOAT:
            weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights) * 1.5, weights.name))
    onnx.save(model, tmp_path / "wrong.onnx")
    own = ModelSource(name="wrong", type=ModelType.TEXT, path=tmp_path / "wrong.onnx", reference=right)
    found = artefacts_of_failure(*pool, own=own, isolation=isolation)
    if (pool[1], isolation) == (BrowserType.CHROME, Isolation.CONTEXT):
        assert "screenshot.png" not in found  # its page is in no window
    else:
        assert found["screenshot.png"].startswith(b"\x89PNG")
    messages = [json.loads(line) for line in found["page-messages.jsonl"].splitlines()]
    assert [message["type"] for message in messages if message["type"] in {"hello", "run", "result"}][-3:] == [
        "hello",
        "run",
        "result",
    ]
    assert found["driver.log"]
    timeline = json.loads(found["timeline.json"])
    assert timeline["attempt"] == {"number": 1}
    assert [moment["event"] for moment in timeline["moments"]][-1] == "run sent"


def test_a_killed_browser_leaves_what_is_left_and_no_screenshot(pool: tuple[SessionPool, BrowserType]) -> None:
    found = artefacts_of_failure(*pool, FaultKind.BROWSER_KILLED)
    assert "screenshot.png" not in found
    assert {"driver.log", "page-messages.jsonl", "timeline.json"} <= set(found)


def test_a_hung_page_is_not_asked_for_a_screenshot(pool: tuple[SessionPool, BrowserType]) -> None:
    found = artefacts_of_failure(*pool, FaultKind.PAGE_HUNG)
    assert "screenshot.png" not in found
    assert b"hang" in found["page-messages.jsonl"]


def test_a_browser_that_does_not_start_leaves_its_drivers_log(pool: tuple[SessionPool, BrowserType]) -> None:
    found = artefacts_of_failure(*pool, FaultKind.BINARY_MISSING)
    assert found["driver.log"]


def test_no_artefact_holds_a_pages_token(pool: tuple[SessionPool, BrowserType]) -> None:
    sessions, browser = pool
    token = sessions.session_for(browser, Adjustments()).link.page_url.split("/")[-2]
    found = artefacts_of_failure(sessions, browser, FaultKind.ASSET_STALLED, timeout=1)
    assert "run" in found["page-messages.jsonl"].decode()
    for name, content in found.items():
        assert token.encode() not in content, name
