"""What a number may be, in words: for whoever tells that one in a setting or a batch file is not allowed."""

from __future__ import annotations

from typing import get_args

from pydantic.fields import FieldInfo

# How pydantic's names for what is wrong with a number begin.
_ABOUT_NUMBERS = ("float_", "int_", "finite_", "greater_", "less_")


def wanted_number(field: FieldInfo, error_type: str) -> str | None:
    """Such as ``a whole number from 1 to 50``; None: the error is about something else."""
    kinds = (field.annotation, *get_args(field.annotation))
    if not error_type.startswith(_ABOUT_NUMBERS) or not {int, float} & set(kinds):
        return None
    return f"a {'whole ' if int in kinds else ''}number {bounds(field)}".rstrip()


def bounds(field: FieldInfo) -> str:
    """The bounds of a field: ``from 1 to 50``, ``above 0, up to 3600``; empty if it has none."""
    limits = {name: getattr(one, name) for one in field.metadata for name in ("ge", "gt", "le") if hasattr(one, name)}
    least, most = limits.get("ge"), limits.get("le")
    if "gt" in limits:
        return f"above {_written(limits['gt'])}" + ("" if most is None else f", up to {_written(most)}")
    if least is None or most is None:
        return "" if least is None else f"from {_written(least)} on"
    return f"from {_written(least)} to {_written(most)}"


def _written(limit: float) -> str:
    return str(int(limit)) if limit == int(limit) else str(limit)
