"""Programs that own processes and are there to be killed, and what tests ask of their remains."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.farms import ROOT

# Seconds in which nothing of a killed owner may be left: the promise.
CLEANED_UP = 5.0
_MARK = "BREAKWATER_TEST_MARK"


def wait_until(condition: Callable[[], object], what: str, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.01)


@contextmanager
def scratch_root() -> Iterator[Path]:
    """A folder for scratch folders, with a short path: a browser makes sockets below."""
    with tempfile.TemporaryDirectory(prefix="bw", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def owner(program: str, root: Path, within: Sequence[str] = ()) -> Iterator[psutil.Process]:
    """A Python process that runs ``program``, has printed ``ready`` and waits to be killed. ``root`` is its TMPDIR.
    ``within``: the command that runs it elsewhere, as another process or as itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BREAKWATER_")}
    mark = uuid.uuid4().hex
    if within:
        environment["HOME"] = str(root)
    popen = subprocess.Popen(
        [*within, sys.executable, "-c", f"{program}\nimport signal\nprint('ready', flush=True)\nsignal.pause()"],
        stdout=subprocess.PIPE, cwd=ROOT, env=environment | {"TMPDIR": str(root), _MARK: mark},
    )  # fmt: skip
    try:
        assert popen.stdout is not None
        assert popen.stdout.readline() == b"ready\n"
        started = psutil.Process(popen.pid)
        yield next((one for one in [started, *started.children(recursive=True)] if _runs_python(one)), started)
    finally:
        popen.kill()
        popen.wait(60)
        for left in _marked(mark):
            left.kill()
        if popen.stdout is not None:
            popen.stdout.close()


def _runs_python(process: psutil.Process) -> bool:
    return process.cmdline()[:2] == [sys.executable, "-c"]


def started_by(process: psutil.Process) -> list[psutil.Process]:
    """All that an owner started, wherever it hangs in the tree; the owner itself is not among it."""
    mark = process.environ()[_MARK]
    found = {*process.children(recursive=True), *_marked(mark)} - {process, *process.parents()}
    return sorted(found, key=lambda member: member.pid)


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(_MARK) == mark:
                yield process


def kill_owner(process: psutil.Process) -> None:
    """kill -9, as the kernel's out-of-memory killer does."""
    process.kill()
    process.wait(60)


def assert_gone(processes: list[psutil.Process], root: Path) -> None:
    """No process is left, not as a zombie of ours either, and no scratch folder."""
    wait_until(lambda: not list(filter(_is_left, processes)), f"{processes} are gone", CLEANED_UP)
    try:
        wait_until(lambda: not list(root.iterdir()), f"{root} is empty", CLEANED_UP)
    except AssertionError as error:
        raise AssertionError(f"left: {sorted(map(str, root.rglob('*')))[:30]}") from error


def _is_left(process: psutil.Process) -> bool:
    """A zombie whose parent is the machine's init is dead, and only init's to reap, at its leisure."""
    try:
        return process.is_running() and not (process.status() == psutil.STATUS_ZOMBIE and process.ppid() == 1)
    except psutil.NoSuchProcess:
        return False
