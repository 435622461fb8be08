"""The ``breakwater`` command as a user runs it: a process of its own, watched from outside, searched for afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import psutil

from jobs.chaos.victims import Victim, kind_of, node_of


class Command:
    """One run of ``breakwater`` in a folder of its own. Everything it starts carries a mark in its environment."""

    def __init__(self, arguments: list[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.mark = uuid.uuid4().hex
        # Not under pytest's own folders: their paths are too long for a browser's sockets.
        self.scratch = Path(tempfile.mkdtemp(prefix="bw"))
        self._output = folder / f"output-{self.mark}.txt"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BREAKWATER_")}
        environment |= {"TMPDIR": str(self.scratch), "BREAKWATER_TEST_MARK": self.mark, "CI": "true", **(env or {})}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "jobs.cli", *arguments],
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder, env=environment,
                start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout: float) -> int:
        return self.process.wait(timeout)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def processes(self) -> Iterator[psutil.Process]:
        """All living processes that this run started, itself included, wherever they hang in the tree."""
        for process in psutil.process_iter():
            try:
                # redis-server writes its title over its environment, but works in a folder of the run.
                marked = process.environ().get("BREAKWATER_TEST_MARK") == self.mark
                if marked or Path(process.cwd()).is_relative_to(self.scratch):
                    yield process
            except psutil.Error:
                continue

    def find(self, wanted: Callable[[psutil.Process], bool], timeout: float) -> psutil.Process:
        """Wait until a process of the run is as wanted."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for process in self.processes():
                try:
                    if wanted(process):
                        return process
                except psutil.Error:
                    continue
            assert self.process.poll() is None, f"the command ended first:\n{self.output}"
            time.sleep(0.05)
        raise AssertionError(f"no such process within {timeout} s:\n{self.output}")

    def assert_nothing_left(self, timeout: float = 60.0) -> None:
        """No process, zombie or temporary file of the run outlives it."""
        deadline = time.monotonic() + timeout
        while True:
            left = [str(process) for process in self.processes()]
            files = sorted(str(path.relative_to(self.scratch)) for path in self.scratch.iterdir())
            if not left and not files:
                return
            assert time.monotonic() < deadline, f"left behind: {left} {files}"
            time.sleep(0.1)

    def kill(self) -> None:
        """End the command, for a fixture's end; its wardens end the rest."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        # What still ends writes into its folders, and would have them stay.
        deadline = time.monotonic() + 20
        while any(self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        shutil.rmtree(self.scratch, ignore_errors=True)


def read_report(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def is_a(victim: Victim, node: str = "chrome") -> Callable[[psutil.Process], bool]:
    """A process of the kind; a worker and its children are those of ``node``, and a child has a browser by now."""

    def wanted(process: psutil.Process) -> bool:
        if kind_of(process) is not victim or node_of(process) not in {None, node}:
            return False
        return victim is not Victim.CHILD or bool(process.children())

    return wanted
