"""Batch files that are wrong in ways nobody means: still a plan whose every test is good, or one line."""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.bad_input import BadInput
from jobs.batch_file import load_plan
from jobs.batches.values import BatchHeader
from jobs.cli import main
from jobs.plan import Plan

MATRIX = """
[matrix]
browsers = ["chrome"]
models = ["bert-base-uncased"]
platforms = ["wasm"]
"""


def own(name: str, path: str) -> str:
    return f'{MATRIX.replace("bert-base-uncased", name)}[[model]]\nname = "{name}"\ntype = "text"\npath = "{path}"\n'


def load(folder: Path, text: str, name: str = "batch.toml") -> Plan:
    (folder / name).write_text(text, encoding="utf-8")
    return load_plan(folder / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (own("my model", "mine.onnx"), ["model[0].name", "'my model'", "letters"]),
        (own("mine", r"a\u0000b"), ["model[0].path", "no file"]),
        (own("mine", "x" * 300), ["model[0].path", "no file"]),
        (own("mine", "circle"), ["model[0].path", "no file"]),
        (own("mine", "."), ["model[0].path", "no file"]),
        ('"a\\nb\\u001b[31m" = 1' + MATRIX, ["unknown key", "allowed: name, timeout"]),
        (MATRIX + '[recovery]\n"a\\nb" = 1', ["recovery.a", "max_attempts"]),
        (MATRIX + "[recovery]\nmax_attempts = 2020-01-01", ["recovery.max_attempts"]),
        (MATRIX + 'exclude = [{ model = "bert-bse" }]', ["exclude[0].model", "'bert-bse'", "'bert-base-uncased'"]),
        (MATRIX + '[[fault]]\nkind = "page_hung"\nattempts = [0]', ["fault[0].attempts", "[0]", '"all"']),
        (MATRIX + '[[fault]]\nkind = "page_hung"\nattempts = []', ["fault[0].attempts", '"all"']),
        (MATRIX + '[[fault]]\nkind = "page_hung"\nattempts = "alle"', ["fault[0].attempts", "'alle'", '"all"']),
        (MATRIX + '[[fault]]\nkind = "page_hung"\nbrowser = "edge"', ["fault[0]", "no test"]),
        (MATRIX + '[fault]\nkind = "page_hung"', ["fault", "must be a list"]),
        (MATRIX + '[[fault]]\nbrowser = "chrome"', ["fault[0].kind", "missing", "page_hung"]),
        ("timeout = true" + MATRIX, ["timeout", "True"]),
        ("timeout = nan" + MATRIX, ["timeout", "nan"]),
        ('repeat = "3"' + MATRIX, ["repeat", "'3'"]),
        ("repeat = 1" + "0" * 5000 + MATRIX, ["thousands of digits"]),
        ("repeat = 0x" + "f" * 5000 + MATRIX, ["repeat", "10000", "thousands of digits"]),
        ("matrix = 3", ["matrix", "must be a table"]),
        ('priority = ["high"]' + MATRIX, ["priority: must be one word; it is ['high']; allowed: high, normal, low"]),
        (MATRIX + "[recovery]\nlimits = [1]", ["recovery.limits: must be a table; it is [1]; allowed: minimal, "]),
        (MATRIX + "[[recovery.limits]]", ["recovery.limits: must be one table; write [recovery.limits]"]),
        (MATRIX + "[recovery]\nmax_attempts = 2.5", ["recovery.max_attempts: must be a whole number from 1 to 50"]),
        (MATRIX + "[recovery]\nmax_seconds = inf", ["recovery.max_seconds: must be a number above 0, up to 86400"]),
        (MATRIX + '[recovery]\nother_backend = "no"', ["recovery.other_backend: must be true or false; it is 'no'"]),
        (
            MATRIX + '[recovery.fallback_order]\ntext = ["chrom"]',
            ["recovery.fallback_order.text[0]: unknown browser 'chrom'; did you mean 'chrome'?"],
        ),
        (MATRIX + "[[test]]", ['test[0].function: missing; give a public function as "module:function"']),
        (MATRIX + '[[test]]\nfunctoin = "a:b"', ["test[0].functoin: unknown key; did you mean 'function'?"]),
        (MATRIX + '[test]\nfunction = "a:b"', ["test: must be a list of tables; write [[test]]"]),
        (MATRIX + '[[test]]\nfunction = "a:b"\nname = "-"', ["test[0].name: '-' is not allowed; give up to 150"]),
        (
            MATRIX + '[[test]]\nfunction = "a:b"\nparameters = { day = 2020-01-01 }',
            ["test[0].parameters.day: must be what JSON can carry", "it is 2020-01-01"],
        ),
        ("timeout = nan" + MATRIX, ["timeout: must be a number from 1 to 3600; it is nan"]),
        ("timeout = -5" + MATRIX, ["timeout: must be a number from 1 to 3600; it is -5"]),
        ('fail_fast = "yes"' + MATRIX, ["fail_fast: must be true or false; it is 'yes'"]),
        ("name = 3" + MATRIX, ["name: must be text in quotes; it is 3"]),
        ('name = ""' + MATRIX, ["name: empty; give some text"]),
        (f'name = "{"n" * 101}"' + MATRIX, ["name: must be at most 100 characters"]),
        ('browsers = ["chrome"]' + MATRIX, ["browsers: unknown key; it belongs in [matrix]"]),
        (MATRIX + "repeat = 2", ["matrix.repeat: unknown key; it belongs at the top of the file"]),
        (MATRIX.replace("browsers", "browser"), ["matrix.browser: unknown key; did you mean 'browsers'?"]),
        (MATRIX.replace('["chrome"]', '"chrome"'), ["matrix.browsers: must be a list; write ['chrome']"]),
        (MATRIX.replace('"chrome"', "1"), ["matrix.browsers[0]: must be one word; it is 1; allowed: chrome"]),
        (MATRIX.replace("[matrix]", "[[matrix]]"), ["matrix: must be one table; write [matrix], not [[matrix]]"]),
        (MATRIX + '[[fault]]\nkind = "page_hung"\non = "x"', ["fault[0].on: unknown browser 'x'"]),
        (own("mine", "mine.onnx") + 'url = "http://a"', ["model[0]: must have one of path, url and hub"]),
        (MATRIX + '[[model]]\nname = "m"\ntype = "text"\npath = 3', ["model[0].path: must be text in quotes; it is 3"]),
        (
            MATRIX + '[[model]]\nname = "m"\ntype = "text"\nhub = "a/b"\nparts = [{}]',
            ["model[0].parts[0].file: missing; give the path of a file in the repository"],
        ),
        ("", ["matrix", "missing", "browsers"]),
        (MATRIX + f'[[test]]\nfunction = "m:{"f" * 190}"', ["test[0].name", "too long", "up to 150"]),
        (MATRIX.replace("[\"wasm\"]", "[]"), ["matrix.platforms", "empty", "webgpu, webnn, wasm"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_it_is_told_in_one_printable_line(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "mine.onnx").touch()
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith("batch.toml: ")
    assert "pydantic" not in message
    assert "Input" not in message
    for word in words:
        assert word in message


def test_an_unknown_key_is_told_before_what_it_was_meant_to_be(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r": matrix\.browser: unknown key; .* \(and 1 more\)$"):
        load(tmp_path, MATRIX.replace("browsers", "browser"))
    with pytest.raises(BadInput, match=r"repository$"):  # and not, besides, that no part is left
        load(tmp_path, MATRIX + '[[model]]\nname = "m"\ntype = "text"\nhub = "a/b"\nparts = [{ file = "../x" }]')


def test_several_mistakes_are_the_first_and_a_number(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r": timeout: .*\(and 2 more\)$"):
        load(tmp_path, "repeat = 0\ntimeout = 0" + MATRIX.replace("chrome", "chrom"))
    with pytest.raises(BadInput, match=r"matrix\.models\[0\].*\(and 2 more\)$"):
        load(tmp_path, MATRIX.replace('"bert-base-uncased"', '"a", "b", "c"'))


def test_a_long_list_of_what_is_allowed_is_cut(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").touch()
    models = "".join(f'[[model]]\nname = "m{index}"\ntype = "text"\npath = "mine.onnx"\n' for index in range(500))
    with pytest.raises(BadInput, match=r"'m-one'.*more\)$") as caught:
        load(tmp_path, MATRIX.replace("bert-base-uncased", "m-one") + models)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", [b"n" * 240 + b".toml", b"n\xff.toml", b"a\nb.toml"])
def test_any_file_name_gives_a_name_that_a_batch_may_have(tmp_path: Path, name: bytes) -> None:
    plan = load(tmp_path, MATRIX, os.fsdecode(name))
    assert plan.name.isprintable()
    BatchHeader(id=plan.slug, name=plan.name, created_at=0.0).model_dump_json()


GOOD: dict[str, Any] = {
    "name": "nightly",
    "timeout": 5,
    "repeat": 2,
    "allow": ["degraded"],
    "matrix": {
        "browsers": ["chrome", "firefox"],
        "models": ["bert-base-uncased", "mine"],
        "platforms": ["webgpu", "wasm"],
        "exclude": [{"browser": "firefox", "platform": "webgpu"}],
    },
    "recovery": {"max_attempts": 3, "backoff": {"jitter": 0.5}, "fallback_order": {"text": ["chrome"]}},
    "model": [{"name": "mine", "type": "audio", "path": "mine.onnx", "tolerance": 0.1}],
    "fault": [{"kind": "page_hung", "model": "mine", "attempts": [1, 2], "on": "chrome"}],
}

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_junk = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), _texts, st.sampled_from(["chrome", "all", "mine", "wasm"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=6,
)


def toml(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
        case bool():
            return str(value).lower()
    return str(value)


@st.composite
def nearly_good(draw: st.DrawFn) -> dict[str, Any]:
    """A good batch file in which one or two places, however deep, hold junk."""
    file = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 2))):
        place: Any = file
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if not (isinstance(place[key], (dict, list)) and place[key] and draw(st.booleans())):
                break
            place = place[key]
        if isinstance(place, dict) and draw(st.booleans()):
            key = draw(_texts)
        place[key] = draw(_junk)
    return file


def written(file: dict[str, Any]) -> str:
    return "\n".join(
        f"{json.dumps(key).replace(chr(127), chr(92) + 'u007f')} = {toml(value)}" for key, value in file.items()
    )


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(nearly_good())
def test_a_file_with_junk_in_it_is_a_good_plan_or_one_line(tmp_path: Path, file: dict[str, Any]) -> None:
    (tmp_path / "mine.onnx").touch()
    try:
        plan = load(tmp_path, written(file))
    except BadInput as error:
        assert str(error).isprintable()
        assert len(str(error)) < 1000
        return
    BatchHeader.model_validate(
        {"id": plan.slug, "name": plan.name, "created_at": 0.0, "allow": plan.allow, "policy": plan.policy_overrides}
    ).model_dump_json()
    if plan.total <= 1000:
        assert len({test.id for test in plan.tests()}) == plan.total


@pytest.fixture
def nobody_named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No farm is named, so a good file would go nowhere. And the command may take SIGTERM for itself."""
    monkeypatch.delenv("BREAKWATER_REDIS_URL", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_thousand_malformed_files_are_a_line_and_exit_code_2_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nobody_named: None
) -> None:
    (tmp_path / "mine.onnx").touch()
    refused = 0

    # One file in ten or so is good in spite of what is in it.
    @settings(max_examples=1250, suppress_health_check=list(HealthCheck), database=None)
    @given(nearly_good())
    def refuse(file: dict[str, Any]) -> None:
        nonlocal refused
        (tmp_path / "batch.toml").write_text(written(file), encoding="utf-8")
        with pytest.raises(SystemExit) as ended:
            main(["enqueue", str(tmp_path / "batch.toml")])
        told = capsys.readouterr()
        assert ended.value.code == 2
        assert told.out == ""
        assert told.err.endswith("\n")
        assert told.err[:-1].isprintable()
        refused += told.err.startswith("breakwater: batch.toml: ")

    refuse()
    assert refused >= 1000
