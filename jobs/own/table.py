"""The ``[[test]]`` table of a batch file: a user's own test, and what can be wrong with it before a worker sees it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from jobs.batch_mistakes import FORMS
from jobs.plan import OwnTest
from jobs.specs import PythonTest
from recovery import BrowserType

# Bytes of JSON. Parameters travel with every test; large data belongs into a file beside the module.
LARGEST_PARAMETERS = 64_000
# Characters: the browser's name and a repetition's number come into the id as well.
_LONGEST_NAME = 150
_NAME = rf"^[A-Za-z0-9][A-Za-z0-9._/-]{{0,{_LONGEST_NAME - 1}}}$"


class OwnTestTable(BaseModel):
    """As it is written."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["python"] = "python"
    function: str
    name: str | None = Field(default=None, pattern=_NAME)
    browsers: list[BrowserType] | None = Field(default=None, min_length=1)
    parameters: dict[str, JsonValue] = {}
    base_url: str | None = None
    timeout: float | None = Field(default=None, ge=1, le=3600, strict=True)


def own_tests(tables: Sequence[OwnTestTable], browsers: Sequence[BrowserType]) -> tuple[list[OwnTest], list[str]]:
    """The tests, and what is wrong with them, a line each. ``browsers``: where a table names none."""
    tests: list[OwnTest] = []
    mistakes: list[str] = []
    names: set[str] = set()
    for index, table in enumerate(tables):
        where = f"test[{index}]"
        found = list(_mistakes(table, where, names, browsers))
        mistakes += found
        if not found:
            name = _name(table)
            names.add(name)
            tests.append(
                OwnTest(
                    name=name,
                    browsers=tuple(dict.fromkeys(table.browsers or browsers)),
                    python=PythonTest(
                        function=table.function, parameters=table.parameters, base_url=table.base_url
                    ),
                    timeout=table.timeout,
                )
            )  # fmt: skip
    return tests, mistakes


def _name(table: OwnTestTable) -> str:
    return table.name or table.function.replace(":", ".")


def _mistakes(table: OwnTestTable, where: str, names: set[str], browsers: Sequence[BrowserType]) -> Iterator[str]:
    try:
        PythonTest(function=table.function, base_url=table.base_url)
    except ValidationError as error:
        key = error.errors()[0]["loc"][0]
        yield f"{where}.{key}: {str(getattr(table, str(key)))[:80]!r} is not allowed; give {FORMS[str(key)]}"
    if len(_name(table)) > _LONGEST_NAME:
        yield f"{where}.name: missing; the function's is too long for one, give up to {_LONGEST_NAME} characters"
    if _name(table) in names:
        yield f"{where}.name: another [[test]] is called {_name(table)!r}; give this one a name of its own"
    if not table.browsers and not browsers:
        yield f"{where}.browsers: missing; allowed: {', '.join(BrowserType)}"
    if not _all_finite(table.parameters):
        yield f"{where}.parameters: holds nan or inf, which JSON can't carry"
    elif len(json.dumps(table.parameters)) > LARGEST_PARAMETERS:
        yield f"{where}.parameters: larger than {LARGEST_PARAMETERS} bytes; put more into a file beside the module"


def _all_finite(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return not isinstance(value, list) or all(map(_all_finite, value))
