"""An exception of a user's own test, told so that a person sees where it is, and a worker what it means."""

from __future__ import annotations

import ast
import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from jobs.own.messages import Raised
from recovery import words
from recovery.cases import Case, said_by
from recovery.failures import Evidence

# Characters of a value, of a message and of all details that are kept.
_LONGEST_VALUE = 120
_LONGEST_MESSAGE = 500
_LONGEST_DETAILS = 6_000

_OURS = f"{Path(__file__).parents[1]}/"
_FOREIGN = (_OURS, *(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")), "<")


def tell(error: BaseException) -> Raised:
    """Everything that is to be known of the exception outside its process."""
    case = Case(error, Evidence())
    frames = list(_own_frames(error.__traceback__))
    message = _message(error, frames)
    return Raised(
        error=type(error).__name__,
        message=message[:_LONGEST_MESSAGE],
        location=f"{Path(frames[-1][0]).name}:{frames[-1][1]}" if frames else None,
        details=_details(error, message, frames),
        crash_told=case.driver_says(words.CRASH) or case.driver_says(words.GONE_BROWSER),
        # Of WebDriver's own saying only: a test may have lost connections that are no browser's.
        session_lost="InvalidSessionIdException" in case.names,
    )


def place_in(stack: str) -> str | None:
    """The innermost place, as file:line, in the user's own code; of a stack as faulthandler writes it."""
    for file, line in re.findall(r'^  File "([^"]+)", line (\d+) in ', stack, re.MULTILINE):
        if not file.startswith(_FOREIGN):
            return f"{Path(file).name}:{line}"
    return None


_Frame = tuple[str, int, str, dict[str, object]]


def _own_frames(trace: TracebackType | None) -> Iterator[_Frame]:
    """File, line, function and locals of the frames in the user's own code, outermost first."""
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        if not file.startswith(_FOREIGN):
            yield file, line, frame.f_code.co_name, frame.f_locals


def _message(error: BaseException, frames: list[_Frame]) -> str:
    """What the exception says in one line; for a bare ``assert`` its text in the source, which says more."""
    said = " ".join(said_by(error).split())
    if isinstance(error, AssertionError) and frames and not said:
        said = " ".join(_statement(frames[-1][0], frames[-1][1]).split())
    return said or type(error).__name__


def _details(error: BaseException, message: str, frames: list[_Frame]) -> str:
    lines = []
    for file, line, function, _ in frames:
        lines.append(f"{file}:{line}: in {function}")
        lines.append(f"    {linecache.getline(file, line).strip()}")
    if isinstance(error, AssertionError) and frames:
        lines += [f"    where {name} = {value}" for name, value in _values(frames[-1])]
    lines.append(f"{type(error).__name__}: {message}")
    return "\n".join(lines)[-_LONGEST_DETAILS:]


def _statement(file: str, line: int) -> str:
    """The source of the statement at a line, which may be longer than the line."""
    statement = _node(file, line)
    source = "".join(linecache.getlines(file))
    return (ast.get_source_segment(source, statement) if statement else None) or linecache.getline(file, line)


def _node(file: str, line: int) -> ast.stmt | None:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return None
    around = [node for node in ast.walk(tree) if isinstance(node, ast.Assert) and _covers(node, line)]
    return around[0] if around else None


def _covers(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _values(frame: _Frame) -> Iterator[tuple[str, str]]:
    """The local variables that the failed assertion names."""
    file, line, _, values = frame
    statement = _node(file, line)
    if statement is None:
        return
    names = dict.fromkeys(node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
    for name in names:
        if name in values and not callable(values[name]):
            yield name, _shown(values[name])


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except Exception as error:  # noqa: BLE001 - a value of the user's own, which may do anything
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 1]}…"
