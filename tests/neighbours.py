"""How files that run two at a time get along: in which order they come, and which tests want the machine alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

# Locked, not written: any file of the tests' will do. Who wants the room alone holds the door until the room is empty,
# so that nobody slips in before.
_DOOR = Path(__file__)
_ROOM = Path(__file__).with_name("conftest.py")


def in_good_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Files that keep the processors busy among those that rather wait, and the short ones last, to fill the end up."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(item.path for item in items):
        files[_kind(path)].append(path)
    places = {path: number / len(kind) for kind in files.values() for number, path in enumerate(kind)}
    return sorted(items, key=lambda item: (_kind(item.path) == "unit", places[item.path]))


def _kind(path: Path) -> str:
    kind = path.relative_to(_DOOR.parent).parts[0]
    return "browser" if kind == "chaos" else kind


@contextlib.contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Wait, before the test's own time begins, until no neighbour is in the way."""
    with contextlib.ExitStack() as inside:
        with _locked(_DOOR, fcntl.LOCK_EX):
            inside.enter_context(_locked(_ROOM, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH))
        return (yield)
