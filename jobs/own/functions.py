"""From a name in a payload to a function that may run: allowed module, plain public function, nothing else.

Nothing of a payload is evaluated: names are looked up, parameters are JSON values that pydantic checks.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, create_model

from jobs.own.context import Context

# What the worker hands in; every other argument of a function is one of its parameters.
GIVEN = ("driver", "context")

Function = Callable[..., object]


class NotAllowed(Exception):
    """The function may not run here, or is no test. One line: what, and what to do."""


class WrongParameters(Exception):
    """The parameters are not what the function takes. One line."""


def is_allowed(module: str, allowed: Iterable[str]) -> bool:
    """Whether the allow list has the module, by its exact name or as ``package.*`` (all below the package)."""
    return any(module == entry or (entry.endswith(".*") and module.startswith(entry[:-1])) for entry in allowed)


def find_function(name: str, allowed: Sequence[str]) -> Function:
    """Import the module of ``module:function`` and take the function out of it.

    Raises:
        NotAllowed: the module is not on the list (it is not imported then), or what it has there is no plain public
            function of its own.
        Exception: whatever the module raises while it is imported.
    """
    module_name, _, function_name = name.partition(":")
    if not is_allowed(module_name, allowed):
        raise NotAllowed(
            f"module {module_name!r} may not run here: the worker's BREAKWATER_TEST_MODULES "
            f"{'allows ' + ', '.join(allowed) if allowed else 'is not set'}"
        )
    module = importlib.import_module(module_name)
    function = vars(module).get(function_name)
    if function is None:
        raise NotAllowed(f"module {module_name!r} has no function {function_name!r}")
    if function_name.startswith("_") or not inspect.isfunction(function):
        raise NotAllowed(f"{name} is no plain public function")
    if function.__module__ != module_name or function.__qualname__ != function_name:
        raise NotAllowed(f"{name} is defined elsewhere, as {function.__module__}:{function.__qualname__}; name that")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise NotAllowed(f"{name} is async or a generator; a test is a plain function (driver, context)")
    return function


def checked_parameters(
    name: str, function: Function, parameters: Mapping[str, JsonValue]
) -> tuple[Any, dict[str, Any]]:
    """``context.parameters`` and the arguments beside driver and context, made of what the batch gives.

    A model in ``context: Context[Model]`` takes all parameters. Else arguments of the function's own take them by name,
    checked against their annotations. Else the test gets them as they are.

    Raises:
        WrongParameters: they don't fit.
    """
    signature = inspect.signature(function)
    own = {key: one for key, one in signature.parameters.items() if key not in GIVEN}
    if any(one.kind not in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY} for one in signature.parameters.values()):
        raise WrongParameters(f"{name}: takes *args, **kwargs or positional-only arguments; name each argument")
    hints = _hints(name, function, ("context", *own))
    if model := _model_of(hints.get("context")):
        if own:
            raise WrongParameters(f"{name}: takes a parameter model and arguments ({', '.join(own)}); choose one")
        return _validated(name, model, parameters), {}
    if not own:
        return dict(parameters), {}
    fields: dict[str, Any] = {
        key: (hints.get(key, Any), ... if one.default is one.empty else one.default) for key, one in own.items()
    }
    model = create_model("Parameters", __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)
    valid = _validated(name, model, parameters)
    return dict(parameters), {key: getattr(valid, key) for key in own}


def _hints(name: str, function: Function, keys: Iterable[str]) -> dict[str, Any]:
    """The annotations of these arguments. Others are not looked at: they may be known to type checkers only."""
    wanted = {key: hint for key, hint in function.__annotations__.items() if key in keys}
    try:
        return get_type_hints(SimpleNamespace(__annotations__=wanted), globalns=vars(inspect.getmodule(function)))
    except NameError as error:
        raise WrongParameters(f"{name}: an annotation can't be read: {error}") from error


def _model_of(hint: object) -> type[BaseModel] | None:
    if get_origin(hint) is not Context:
        return None
    (wanted,) = get_args(hint)
    return wanted if isinstance(wanted, type) and issubclass(wanted, BaseModel) else None


def _validated(name: str, model: type[BaseModel], parameters: Mapping[str, JsonValue]) -> BaseModel:
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(("parameters", *map(str, first["loc"])))
        takes = ", ".join(model.model_fields) or "none"
        raise WrongParameters(
            f"{name}: {where}: {first['msg'][0].lower()}{first['msg'][1:]}; given {_shown(first['input'])}; "
            f"the test takes {takes}"
        ) from error


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
