"""What is wrong with a batch file, in words: where, what, what was meant, what is allowed. Finds no mistake itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from types import GenericAlias, UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jobs.models.catalogue import catalogue
from jobs.specs import FaultKind, Platform
from recovery import BrowserType, ModelType

# Characters of a value that a message repeats.
_LONGEST_VALUE = 80
# Words that a message lists; a batch may bring thousands of models of its own.
_LONGEST_LIST = 30

_WORDS: dict[str, type[StrEnum]] = {
    "browsers": BrowserType,
    "platforms": Platform,
    "type": ModelType,
    "kind": FaultKind,
}

# What a text must look like, by its key.
_NAME = "up to 100 letters, digits and . _ - /"
_PATTERNS = {
    "url": "an address that begins with http:// or https://",
    "hub": "the name of a repository, owner/name",
    "file": "the path of a file in the repository",
    "sha256": "64 digits 0-9 and a-f",
}


def several(mistakes: Sequence[str]) -> str:
    """The first of them, and how many there are besides."""
    return mistakes[0] + (f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else "")


def unknown(where: str, what: str, given: object, allowed: Iterable[str]) -> str:
    """A word that is none of the allowed ones."""
    return f"{where}: unknown {what} {_shown(given)};{_meant(str(given), allowed)} {_list(allowed)}"


def explain(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """What pydantic found in a file of the shape ``root``: one line for each place."""
    by_place: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        where = _where(detail["loc"])
        by_place.setdefault(where, _explain(where, detail, root))
    return list(by_place.values())


def _explain(where: str, detail: ErrorDetails, root: type[BaseModel]) -> str:
    keys = [part for part in detail["loc"] if isinstance(part, str)]
    given, key = detail["input"], keys[-1] if keys else ""
    match detail["type"]:
        case "extra_forbidden":
            allowed = list(_table_at(keys[:-1], root).model_fields)
            said = f"unknown key;{_meant(key, allowed)} {_list(allowed)}"
        case "enum" | "literal_error":
            words = [word.strip("' ") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
            return unknown(where, "word" if key == "allow" else key.removesuffix("s"), given, words)
        case "missing":
            said = f"missing; {_hint(key)}"
        case "too_short":
            said = f"empty; give at least one; {_hint(key)}"
        case "list_type" | "tuple_type" | "frozen_set_type":
            said = f"must be a list; it is {_shown(given)}"
        case "model_type" | "dict_type":
            said = f"must be a table; it is {_shown(given)}"
        case "string_pattern_mismatch":
            said = f"{_shown(given)} is not allowed; allowed: {_PATTERNS.get(key, _NAME)}"
        case _:
            message = detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
            said = f"{message[0].lower()}{message[1:]}; it is {_shown(given)}"
    return f"{where}: {said}"


def _where(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _table_at(keys: Sequence[str], root: type[BaseModel]) -> type[BaseModel]:
    """The table that a path of keys leads to, through lists of tables."""
    table: Any = root
    for key in keys:
        table = table.model_fields[key].annotation
        if isinstance(table, UnionType):  # a table that may be missing
            table = get_args(table)[0]
        if isinstance(table, GenericAlias):
            (table,) = get_args(table)
    found: type[BaseModel] = table
    return found


def _hint(key: str) -> str:
    if key == "models":
        return f"{_list(catalogue())}, or a [[model]] of your own"
    if key in _WORDS:
        return _list(word.value for word in _WORDS[key])
    return "give a table with browsers, models and platforms" if key == "matrix" else "it has no default"


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python refuses to write out a number of so many digits
        return "a number of thousands of digits"
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}…"


def _meant(given: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(given[:_LONGEST_VALUE], allowed, n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def _list(allowed: Iterable[str]) -> str:
    words = list(allowed)
    more = f", … ({len(words) - _LONGEST_LIST} more)" if len(words) > _LONGEST_LIST else ""
    return f"allowed: {', '.join(words[:_LONGEST_LIST])}{more}"
