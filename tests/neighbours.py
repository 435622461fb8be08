"""Tests that have the machine for themselves though two files run at a time: a neighbour would use up their time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Locked, not written: any file of the tests' will do. Who wants the room alone holds the door until the room is empty,
# so that nobody slips in before.
_DOOR = Path(__file__)
_ROOM = Path(__file__).with_name("conftest.py")


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
