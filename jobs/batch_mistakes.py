"""What is wrong with a batch file, in words: where, what, what was meant, what is allowed. Finds no mistake itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from datetime import date, time
from enum import StrEnum
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from jobs.bounds import wanted_number
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

FORMS = {
    "name": "up to 100 letters, digits and . _ - /",
    "revision": "up to 100 letters, digits and . _ - /",
    "function": 'a public function as "module:function", such as "shop_tests:cart_counts"',
    "url": "an address that begins with http:// or https://",
    "base_url": "an address that begins with http:// or https://",
    "hub": "the name of a repository, owner/name",
    "file": "the path of a file in the repository",
    "sha256": "64 digits 0-9 and a-f",
    "test.name": "up to 150 letters, digits and . _ - /, a letter or a digit first",
    "parts.name": "up to 100 letters, digits and _ -",
}
"""What a text must look like, by its key, and its table where that matters."""

# By pydantic's names for them.
_PLAIN_MISTAKES = {
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "path_type": "must be text in quotes",
    "invalid-json-value": "must be what JSON can carry: text, a number, true, false, a list or a table",
}


def several(mistakes: Sequence[str]) -> str:
    """The first of them, and how many there are besides."""
    return mistakes[0] + (f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else "")


def unknown(where: str, what: str, given: object, allowed: Iterable[str]) -> str:
    """A word that is none of the allowed ones."""
    return f"{where}: unknown {what} {_shown(given)};{_meant(str(given), allowed)} {_list(allowed)}"


def explain(error: ValidationError, root: type[BaseModel], under: str = "") -> list[str]:
    """What pydantic found in a file, or in its table ``under``, of the shape ``root``: one line for each place.

    Unknown keys come first: what is missing may be one of them, misspelt.
    """
    by_place: dict[str, str] = {}
    for detail in sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden"):
        if detail["type"] == "too_short" and detail["input"]:  # only for what is wrong with its items
            continue
        where = _where((under, *detail["loc"]))
        by_place.setdefault(where, _explain(where, detail, root))
    return list(by_place.values())


def _explain(where: str, detail: ErrorDetails, root: type[BaseModel]) -> str:
    keys = [part for part in detail["loc"] if isinstance(part, str)]
    given, key, kind = detail["input"], keys[-1] if keys else "", detail["type"]
    field = _field_at(keys, root)
    it_is = f"; it is {_shown(given)}"
    if field is not None and (number := wanted_number(field, kind)) is not None:
        return f"{where}: must be {number}{it_is}"
    if kind in _PLAIN_MISTAKES:
        return f"{where}: {_PLAIN_MISTAKES[kind]}{it_is}"
    match kind:
        case "extra_forbidden":
            said = _unknown_key(keys, root)
        case "enum" | "literal_error":
            words = [word.strip("' ") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
            if isinstance(given, str):
                return unknown(where, _kind_of_word(key, words), given, words)
            said = f"must be one word{it_is}; {_list(words)}"
        case "missing":
            said = f"missing; {_hint(key)}"
        case "too_short":
            said = f"empty; give at least one; {_hint(key)}"
        case "list_type" | "tuple_type" | "frozen_set_type":
            said = _no_list(keys, given, field)
        case "model_type" | "dict_type":
            said = _no_table(where, given, field)
        case "string_too_short" | "string_too_long":
            most = detail["ctx"].get("max_length")
            said = f"must be at most {most} characters{it_is}" if most else "empty; give some text, or leave it out"
        case "string_pattern_mismatch":
            said = f"{_shown(given)} is not allowed; give {FORMS.get('.'.join(keys[-2:])) or FORMS[key]}"
        case _:
            said = detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
            said = f"{said[0].lower()}{said[1:]}{'' if isinstance(given, dict) else it_is}"
    return f"{where}: {said}"


def _where(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _field_at(keys: Sequence[str], root: type[BaseModel]) -> FieldInfo | None:
    """The field that a path of keys leads to, through lists of tables. None: its table has no fixed keys."""
    table: type[BaseModel] | None = root
    field = None
    for key in keys:
        field = None if table is None else table.model_fields.get(key)
        table = None if field is None else _table_in(field)
    return field


def _table_in(field: FieldInfo) -> type[BaseModel] | None:
    """The table that a field holds, alone or as many in a list."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _unknown_key(keys: Sequence[str], root: type[BaseModel]) -> str:
    *path, key = keys
    field = _field_at(path, root)
    here = list(((field and _table_in(field)) or root).model_fields)
    meant = _meant(key, here)
    if path and not meant and key in root.model_fields:
        meant = " it belongs at the top of the file, above the first [table];"
    elif not path and key in (matrix := _keys_of(root, "matrix")):
        return f"unknown key; it belongs in [matrix], with {', '.join(one for one in matrix if one != key)}"
    return f"unknown key;{meant} {_list(here)}"


def _keys_of(root: type[BaseModel], name: str) -> list[str]:
    field = root.model_fields.get(name)
    table = field and _table_in(field)
    return list(table.model_fields) if table else []


def _no_list(keys: Sequence[str], given: object, field: FieldInfo | None) -> str:
    if field is not None and _table_in(field):
        return f"must be a list of tables; {f'write [[{keys[0]}]]; ' if len(keys) == 1 else ''}it is {_shown(given)}"
    return f"must be a list; {f'write [{_shown(given)}]' if isinstance(given, str) else f'it is {_shown(given)}'}"


def _no_table(where: str, given: object, field: FieldInfo | None) -> str:
    table = field and _table_in(field)
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return f"must be one table; write [{where}], not [[{where}]]"
    return f"must be a table; it is {_shown(given)}" + (f"; {_list(table.model_fields)}" if table else "")


def _kind_of_word(key: str, words: Sequence[str]) -> str:
    if words == list(BrowserType):
        return "browser"
    return {"allow": "word", "weights": "weights"}.get(key, key.removesuffix("s"))


def _hint(key: str) -> str:
    if key == "models":
        return f"{_list(catalogue())}, or a [[model]] of your own"
    if key in _WORDS:
        return _list(word.value for word in _WORDS[key])
    if key in FORMS:
        return f"give {FORMS[key]}"
    return 'such as { file = "onnx/model.onnx" }' if key == "parts" else "it has no default"


def _shown(value: object) -> str:
    try:
        shown = str(value) if isinstance(value, (date, time)) else repr(value)
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
