"""Batch files: what they spell out, and that every mistake is one helpful line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.bad_input import BadInput
from jobs.batch_file import load_plan
from jobs.models.catalogue import catalogue
from jobs.plan import Plan
from jobs.specs import FaultKind, Platform
from recovery import BrowserType, ModelType

GOOD = """
timeout = 5
repeat = 2
allow = ["degraded"]
[matrix]
browsers = ["chrome", "firefox"]
models = ["bert-base-uncased", "mine"]
platforms = ["webgpu", "wasm"]
exclude = [{ browser = "firefox", platform = "webgpu" }]
[recovery]
max_attempts = 3
[[model]]
name = "mine"
type = "audio"
path = "mine.onnx"
[[fault]]
kind = "page_hung"
model = "mine"
attempts = "all"
on = "chrome"
"""


def load(folder: Path, text: str | bytes) -> object:
    file = folder / "batch.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "mine.onnx").write_bytes(b"")
    return load_plan(file)


def test_a_matrix_is_spelled_out(tmp_path: Path) -> None:
    file = tmp_path / "nightly.toml"
    file.write_text(GOOD, encoding="utf-8")
    (tmp_path / "mine.onnx").write_bytes(b"")
    plan = load_plan(file)
    tests = list(plan.tests())
    assert plan.name == "nightly"
    assert plan.total == len(tests) == 2 * (2 * 2 + 2 * 1)
    assert len({test.id for test in tests}) == len(tests)
    assert tests[0].id == "chrome/bert-base-uncased/webgpu"
    assert tests[1].id == "chrome/bert-base-uncased/webgpu#2"
    assert {test.timeout for test in tests} == {5}
    assert not any(test.browser is BrowserType.FIREFOX and test.platform is Platform.WEBGPU for test in tests)
    mine = [test for test in tests if test.model == "mine"]
    assert {test.model_type for test in mine} == {ModelType.AUDIO}
    assert all(test.own_model and test.own_model.path == (tmp_path / "mine.onnx").resolve() for test in mine)
    assert {fault.kind for test in mine for fault in test.faults} == {FaultKind.PAGE_HUNG}
    assert mine[0].faults[0].hits(7, BrowserType.CHROME)
    assert not mine[0].faults[0].hits(7, BrowserType.FIREFOX)
    assert not any(test.faults for test in tests if test.model != "mine")
    assert plan.policy_overrides == {"max_attempts": 3}


def test_short_names_mean_built_in_models_unless_the_batch_has_one_of_that_name(tmp_path: Path) -> None:
    short = GOOD.replace('"bert-base-uncased", "mine"', '"wav2vec2", "clip", "CLIP"').replace('"mine"', '"clip"')
    plan = load(tmp_path, short.replace('platform = "webgpu" }', 'model = "Wav2Vec2" }'))
    assert isinstance(plan, Plan)
    assert plan.models == ("wav2vec2-base", "clip", "clip-vit-base-patch32")
    assert plan.exclude[0].model == "wav2vec2-base"
    assert plan.faults[0].model == "clip"
    assert {test.model for test in plan.tests() if test.own_model} == {"clip"}


def test_switches_narrow_a_plan_or_say_that_nothing_is_left(tmp_path: Path) -> None:
    plan = load(tmp_path, GOOD)
    assert plan.only(browsers=[BrowserType.FIREFOX]).total == 2 * 2
    assert plan.only(model_types=[ModelType.AUDIO], platforms=[Platform.WASM]).total == 2 * 2
    with pytest.raises(BadInput, match="edge"):
        plan.only(browsers=[BrowserType.EDGE])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"chrome", "firefox"', '"chrom"'), ["matrix.browsers[0]", "'chrom'", "'chrome'", "safari"]),
        (('"webgpu", "wasm"]', '"webgl"]'), ["matrix.platforms[0]", "'webgl'", "wasm"]),
        (('"bert-base-uncased", "mine"', '"bart"'), ["matrix.models[0]", "'bart'", "mine", *catalogue()]),
        (('browsers = ["chrome", "firefox"]', "browsers = []"), ["matrix.browsers", "at least one"]),
        (("timeout = 5", "timeout = 0"), ["timeout", "0"]),
        (("repeat = 2", "repeat = 0"), ["repeat", "0"]),
        (("timeout = 5", "timeot = 5"), ["timeot", "'timeout'"]),
        (('allow = ["degraded"]', 'allow = ["anything"]'), ["allow", "'anything'", "degraded", "simulated"]),
        (("max_attempts = 3", "max_attemps = 3"), ["recovery", "max_attemps", "max_attempts"]),
        (("max_attempts = 3", "max_attempts = 0"), ["recovery", "max_attempts"]),
        (('path = "mine.onnx"', 'path = "none.onnx"'), ["model[0].path", "none.onnx"]),
        (('name = "mine"\ntype', 'name = "t5-small"\ntype'), ["model[0].name", "t5-small", "built-in"]),
        (('kind = "page_hung"', 'kind = "page_hanged"'), ["fault[0].kind", "'page_hanged'", "'page_hung'"]),
        (
            ('kind = "page_hung"', 'kind = "gpu_process_killed"\nbrowser = "firefox"'),
            ["fault[0].kind", "gpu_process_killed"],
        ),
        (('model = "mine"\nattempts', 'model = "main"\nattempts'), ["fault[0].model", "'main'", "'mine'"]),
        (("[matrix]", "[matrix"), ["not TOML", "line 5"]),
        (('exclude = [{ browser = "firefox", platform = "webgpu" }]', "exclude = [{}]"), ["exclude", "no test"]),
    ],
    ids=lambda value: value[1][:24] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_that_says_what_where_and_what_is_allowed(
    tmp_path: Path, change: tuple[str, str], words: list[str]
) -> None:
    assert change[0] in GOOD
    with pytest.raises(BadInput) as caught:
        load(tmp_path, GOOD.replace(*change))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("batch.toml: ")
    for word in words:
        assert word in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x = 1\n" * 200_000, b"x = " + b"[" * 5000])
def test_what_is_no_batch_file_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(BadInput, match="batch file"):
            load_plan(path)


_keys = st.sampled_from(["name", "timeout", "repeat", "allow", "matrix", "recovery", "model", "fault", "browsers", "x"])
_values = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.sampled_from(["chrome", "wasm", "é\n", ""])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=4)),
    max_leaves=12,
)


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return str(value).replace("inf", "inf")
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\n", "\\n") + '"'
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items()) + "}"
    raise AssertionError(value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(_keys, _values, max_size=6))
def test_junk_is_a_plan_or_one_line(tmp_path: Path, junk: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in junk.items())
    tomllib.loads(text)
    try:
        load(tmp_path, text)
    except BadInput as error:
        assert "\n" not in str(error)
