"""Read a batch file (TOML) into a plan. Every mistake is one line: what, where, what is allowed."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from jobs.models.catalogue import catalogue
from jobs.plan import DEFAULT_TIMEOUT, BadInput, Plan, PlannedFault, Selector
from jobs.specs import ModelSource, Platform
from recovery import BrowserType, RecoveryPolicy

# Bytes. A matrix is short; anything larger is not a batch file.
LARGEST_FILE = 1_000_000
# Tests of one batch file.
LARGEST_MATRIX = 1_000_000


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Matrix(_Table):
    browsers: list[BrowserType] = Field(min_length=1)
    models: list[str] = Field(min_length=1)
    platforms: list[Platform] = Field(min_length=1)
    exclude: list[Selector] = []


class _BatchFile(_Table):
    name: str | None = Field(default=None, min_length=1, max_length=100)
    timeout: float = Field(default=DEFAULT_TIMEOUT, ge=1, le=3600)
    repeat: int = Field(default=1, ge=1, le=10_000)
    allow: frozenset[Literal["degraded", "simulated"]] = frozenset()
    matrix: _Matrix
    recovery: dict[str, Any] = {}
    model: list[ModelSource] = []
    fault: list[PlannedFault] = []


def load_plan(path: Path) -> Plan:
    """The plan of a batch file. Paths of own models are relative to it.

    Raises:
        BadInput: the file can't be read, isn't TOML, or says something that isn't allowed.
    """
    try:
        given = _BatchFile.model_validate(_read(path))
    except ValidationError as error:
        raise BadInput(f"{path.name}: {_one_line(error)}") from error
    own = _own_models(path, given.model)
    _check_models(path, given, own)
    try:
        RecoveryPolicy.default().merged(given.recovery)
    except ValueError as error:
        raise BadInput(f"{path.name}: recovery: {error}") from error
    plan = Plan(
        name=given.name or path.stem,
        browsers=tuple(dict.fromkeys(given.matrix.browsers)),
        models=tuple(dict.fromkeys(given.matrix.models)),
        platforms=tuple(dict.fromkeys(given.matrix.platforms)),
        timeout=given.timeout,
        repeat=given.repeat,
        allow=frozenset(given.allow),
        exclude=tuple(given.matrix.exclude),
        faults=tuple(given.fault),
        own_models=own,
        policy_overrides=given.recovery,
    )
    if not plan.total:
        raise BadInput(f"{path.name}: matrix.exclude: it leaves no test")
    if plan.total > LARGEST_MATRIX:
        raise BadInput(f"{path.name}: {plan.total} tests; allowed: up to {LARGEST_MATRIX}")
    return plan


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; give a batch file (TOML)") from error
    if len(content) > LARGEST_FILE:
        raise BadInput(f"{path.name}: larger than {LARGEST_FILE} bytes; give a batch file (TOML)")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name}: not UTF-8 text (byte {error.start}); give a batch file (TOML)") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path.name}: not TOML: {' '.join(str(error).split())}") from error


def _own_models(path: Path, sources: Sequence[ModelSource]) -> dict[str, ModelSource]:
    own: dict[str, ModelSource] = {}
    for index, source in enumerate(sources):
        where = f"{path.name}: model[{index}]"
        if source.name in own or source.name in catalogue():
            of_whom = "another [[model]]" if source.name in own else "a built-in model"
            raise BadInput(f"{where}.name: {source.name!r} is the name of {of_whom}; choose another one")
        found: dict[str, Path] = {}
        for key, file in (("path", source.path), ("reference", source.reference)):
            if file is not None:
                found[key] = (path.parent / file).resolve()
                if not found[key].is_file():
                    raise BadInput(f"{where}.{key}: no file {str(file)!r} (looked for {found[key]})")
        own[source.name] = source.model_copy(update=found)
    return own


def _check_models(path: Path, given: _BatchFile, own: Mapping[str, ModelSource]) -> None:
    allowed = (*own, *catalogue())
    named = [(f"matrix.models[{index}]", model) for index, model in enumerate(given.matrix.models)]
    named += [(f"fault[{index}].model", fault.model) for index, fault in enumerate(given.fault) if fault.model]
    for where, model in named:
        if model not in allowed:
            raise BadInput(f"{path.name}: {where}: unknown model {model!r};{_closest(model, allowed)} {_list(allowed)}")


def _one_line(error: ValidationError) -> str:
    """The first mistake that pydantic found, in our words."""
    details = error.errors()
    first, more = details[0], len({_where(one["loc"]) for one in details}) - 1
    return _explain(first) + (f" (and {more} more)" if more else "")


def _explain(detail: ErrorDetails) -> str:
    where, given, context = _where(detail["loc"]), detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            allowed = _keys_beside(detail["loc"])
            return f"{where}: unknown key;{_closest(str(detail['loc'][-1]), allowed)} {_list(allowed)}"
        case "enum" | "literal_error":
            allowed = [word.strip("' ") for word in context["expected"].replace(" or ", ", ").split(",")]
            what = str(
                detail["loc"][0 if len(detail["loc"]) == 1 else -2 if isinstance(detail["loc"][-1], int) else -1]
            )
            return f"{where}: unknown {_singular(what)} {given!r};{_closest(str(given), allowed)} {_list(allowed)}"
        case "missing":
            return f"{where}: missing"
        case "too_short":
            return f"{where}: empty; give at least one"
        case _:
            shown = repr(given)
            return f"{where}: {detail['msg'][0].lower()}{detail['msg'][1:]}; it is {shown[:80]}".replace("\n", " ")


def _where(location: tuple[int | str, ...]) -> str:
    # Names of a union's members are pydantic's, not the file's.
    parts = [part for part in location if isinstance(part, int) or not part.startswith(("tuple[", "literal["))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    tables: dict[tuple[str, ...], type[BaseModel]] = {
        (): _BatchFile,
        ("matrix",): _Matrix,
        ("matrix", "exclude"): Selector,
        ("model",): ModelSource,
        ("fault",): PlannedFault,
    }
    table = tables[tuple(part for part in location[:-1] if isinstance(part, str))]
    return list(table.model_fields)


def _singular(key: str) -> str:
    return "word" if key == "allow" else key.removesuffix("s")


def _closest(given: str, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(given, allowed, n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def _list(allowed: Sequence[str]) -> str:
    return f"allowed: {', '.join(allowed)}"
