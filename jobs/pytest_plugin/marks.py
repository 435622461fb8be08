"""``@pytest.mark.breakwater(…)``: what it may say, and what a marked test becomes on the farm."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from jobs.own.functions import GIVEN
from jobs.specs import Isolation, PythonTest, TestKind, TestSpec
from recovery import BrowserType

MARK = "breakwater"
_UNSAFE = re.compile(r"[^A-Za-z0-9._/-]+")


class Wishes(BaseModel):
    """What a mark says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    browsers: tuple[BrowserType, ...] = Field(default=(BrowserType.CHROME,), min_length=1)
    timeout: float = Field(default=60.0, ge=1, le=3600)
    isolation: Isolation = Isolation.CONTEXT
    base_url: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_or_several(cls, given: dict[str, Any]) -> dict[str, Any]:
        if "browser" in given and "browsers" in given:
            raise ValueError("give browser or browsers, not both")
        return {("browsers" if key == "browser" else key): _listed(key, value) for key, value in given.items()}


def _listed(key: str, value: object) -> object:
    return (value,) if key == "browser" else value


def wishes_of(node: pytest.Item | pytest.Metafunc) -> Wishes | None:
    """What the mark of a test, or the nearest one around it, says. None: it has none.

    Raises:
        pytest.Collector.CollectError: it says something that isn't allowed. One line.
    """
    definition = node.definition if isinstance(node, pytest.Metafunc) else node
    mark = definition.get_closest_marker(MARK)
    if mark is None:
        return None
    where = f"@pytest.mark.{MARK} of {definition.name}"
    if mark.args:
        raise pytest.Collector.CollectError(f"{where}: name its arguments, such as browsers=['chrome']")
    try:
        return Wishes.model_validate(mark.kwargs)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = ".".join(map(str, first["loc"])) or "arguments"
        allowed = (
            f"; allowed: {', '.join(['browser', *Wishes.model_fields])}" if first["type"] == "extra_forbidden" else ""
        )
        message = first["msg"].removeprefix("Value error, ")
        raise pytest.Collector.CollectError(f"{where}: {what}: {message}; it is {first['input']!r}{allowed}") from None


def browser_of(item: pytest.Function) -> BrowserType:
    """The browser of one item of a marked test: each has one (see ``pytest_generate_tests``)."""
    return BrowserType(str(next(item.callspec.params[name] for name in GIVEN if name in item.callspec.params)))


def parameters_of(item: pytest.Function) -> dict[str, Any]:
    """The values that ``parametrize`` gives, without the browser."""
    return {name: value for name, value in item.callspec.params.items() if name not in GIVEN}


def ids_of(nodes: Iterable[str]) -> dict[str, str]:
    """The id of a test for each node id, which has characters that a test's id may not have. No two share one."""
    ids: dict[str, str] = {}
    times: Counter[str] = Counter()
    for node in dict.fromkeys(nodes):
        plain = _UNSAFE.sub("-", node).strip("-")[-180:]
        times[plain] += 1
        ids[node] = plain if times[plain] == 1 else f"{plain}#{times[plain]}"
    return ids


def specs_of(items: Sequence[pytest.Function], base_url: str | None) -> dict[str, TestSpec]:
    """The tests of the farm, by node id.

    Raises:
        pytest.UsageError: one can't be sent there; it says which and why.
    """
    specs: dict[str, TestSpec] = {}
    ids = ids_of(item.nodeid for item in items)
    for item in items:
        wishes = wishes_of(item)
        assert wishes is not None
        problem = next(_problems(item), None)
        if problem:
            raise pytest.UsageError(f"{item.nodeid} can't run on the farm: {problem}")
        try:
            specs[item.nodeid] = TestSpec(
                id=ids[item.nodeid],
                browser=browser_of(item),
                kind=TestKind.PYTHON,
                python=PythonTest(
                    function=f"{item.module.__name__}:{item.function.__name__}",
                    parameters=parameters_of(item),
                    base_url=wishes.base_url or base_url,
                ),
                timeout=wishes.timeout,
                isolation=wishes.isolation,
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise pytest.UsageError(
                f"{item.nodeid} can't run on the farm: {where}: {first['msg']}; it is {first['input']!r}"
            ) from None
    return specs


def _problems(item: pytest.Function) -> Iterator[str]:
    if item.cls is not None:
        yield "it is a method; make it a function of the module"
    if inspect.iscoroutinefunction(item.function):
        yield "it is async; make it a plain function"
    arguments = set(inspect.signature(item.function).parameters)
    fixtures = sorted(arguments - {*GIVEN, *item.callspec.params})
    if fixtures:
        yield f"fixture {fixtures[0]!r} exists only where pytest runs; it may ask for driver, context and parameters"
    for mark in item.iter_markers("parametrize"):
        if mark.kwargs.get("indirect"):
            yield "it is parametrized indirectly, by a fixture that exists only where pytest runs"
    for name, value in parameters_of(item).items():
        if not _is_json(value):
            yield f"parameter {name}={value!r} is no JSON value (text, number, true, false, none, list, dict)"
    if folder_of(item) is None:
        yield f"module {item.module.__name__!r} can't be imported by this name from a folder; see --import-mode"


def _is_json(value: JsonValue) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def folder_of(item: pytest.Function) -> Path | None:
    """The folder from which the test's module is imported by its name."""
    parts = item.module.__name__.split(".")
    folder = item.path.parents[len(parts) - 1] if len(parts) <= len(item.path.parents) else item.path
    return folder if folder.joinpath(*parts).with_suffix(".py") == item.path else None


def is_skipped(item: pytest.Function) -> bool:
    """Whether it is marked so that it never runs. (A condition that is a text is pytest's to evaluate, in its time.)"""
    skipped = item.get_closest_marker("skip") is not None
    for mark in item.iter_markers("skipif"):
        condition: object = mark.args[0] if mark.args else mark.kwargs.get("condition", False)
        skipped = skipped or (not isinstance(condition, str) and bool(condition))
    xfail: Mapping[str, Any] = next((mark.kwargs for mark in item.iter_markers("xfail")), {})
    return skipped or xfail.get("run") is False
