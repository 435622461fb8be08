"""The worker's side of the process that runs users' code: started on demand, kept warm, killed when it must be."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from jobs.own.context import LARGEST_ARTEFACT, MOST_ARTEFACTS
from jobs.own.messages import Ended, Order
from jobs.processes import OwnedProcess
from jobs.scratch import ScratchFolder
from jobs.settings import Settings

# Seconds: Python, Selenium and pydantic are imported, on a busy machine.
_START: Final = 30.0
# Seconds in which the process writes where it is, when asked.
_TRACE: Final = 1.0
# Bytes of an answer.
_LARGEST_ANSWER: Final = 100_000
# What the process may know of our settings. The others hold secrets, and it runs users' code.
_TOLD: Final = ("BREAKWATER_TEST_MODULES", "BREAKWATER_TEST_PATH")


class HostLost(Exception):
    """The process ended before the test did. ``exit_code`` as in subprocess; None: unknown."""

    def __init__(self, exit_code: int | None, output: str) -> None:
        super().__init__(f"the test's process ended (exit code {exit_code})")
        self.exit_code = exit_code
        self.output = output


class TestHost:
    """One process. Not for use by two threads at once."""

    __test__ = False

    def __init__(self, config: Settings) -> None:
        """Start it, and wait until it takes orders.

        Raises:
            HostLost, OSError: it can't be started.
        """
        scratch = ScratchFolder(config.scratch_dir)
        self._traces = scratch.path / "traces.txt"
        self._artefacts = scratch.path / "artefacts"
        self._artefacts.mkdir()
        self._answer = b""
        self._output_from = 0
        self._idle = True
        self._line: socket.socket | None = None
        environment = {
            name: value for name, value in os.environ.items() if name in _TOLD or not name.startswith("BREAKWATER_")
        }
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(scratch.path / "host.sock"))
            listener.listen(1)
            listener.settimeout(0.05)
            self._process = OwnedProcess(
                [sys.executable, "-P", "-m", "jobs.own.host", scratch.path / "host.sock", self._traces],
                env=environment,
                scratch=scratch,
                cwd=scratch.path,
            )
            self._process.start()
            try:
                self._line = self._accept(listener)
            except BaseException:
                self.stop()
                raise

    def _accept(self, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self._process.alive():
            with contextlib.suppress(TimeoutError):
                return listener.accept()[0]
        raise HostLost(self._process.exit_code, self.output())

    @property
    def folder(self) -> Path:
        """Where the running test's artefacts go."""
        return self._artefacts

    @property
    def reusable(self) -> bool:
        """Whether it can take another order: it lives, and nothing of a test goes on in it."""
        return self._idle and self._process.alive()

    def send(self, order: Order) -> None:
        """Begin a test; its artefacts and output begin anew.

        Raises:
            HostLost: the process is gone.
        """
        assert self._line is not None
        self.take_artefacts()
        self._idle = False
        self._output_from = self._process.log_file.stat().st_size
        try:
            self._line.settimeout(_TRACE)
            self._line.sendall(order.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise HostLost(self._process.exit_code, self.output()) from error

    def receive(self, seconds: float) -> Ended | None:
        """What the test ended with, or None if it runs on for ``seconds``.

        Raises:
            HostLost: the process ended, or talks nonsense, as it ran out of memory or a test meddled with it.
        """
        assert self._line is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._answer:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._line.settimeout(left)
            try:
                received = self._line.recv(65_536)
            except TimeoutError:
                return None
            except OSError:
                received = b""
            if not received or len(self._answer) > _LARGEST_ANSWER:
                raise HostLost(self._process.wait(1.0), self.output())
            self._answer += received
        answer, _, self._answer = self._answer.partition(b"\n")
        try:
            ended = Ended.model_validate_json(answer)
        except ValidationError as error:
            raise HostLost(self._process.exit_code, self.output()) from error
        self._idle = ended.reusable
        return ended

    def where(self) -> str:
        """The stack of the running test, innermost call first; empty when the process says nothing."""
        pid = self._process.pid
        if pid is None:
            return ""
        before, text = self._traces.stat().st_size, ""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + _TRACE
        while time.monotonic() < deadline:
            text = self._traces.read_bytes()[before:].decode(errors="replace")
            if text.endswith("_run_module_as_main\n"):
                break
            time.sleep(0.01)
        return text

    def output(self, most: int = 64_000) -> str:
        """The end of what the running test printed and logged."""
        with contextlib.suppress(FileNotFoundError):
            size = self._process.log_file.stat().st_size - self._output_from
            return self._process.log_tail(min(most, size)) if size > 0 else ""
        return ""

    def take_artefacts(self) -> dict[str, bytes]:
        """What the test attached; it is taken away."""
        taken: dict[str, bytes] = {}
        for path in sorted(self._artefacts.iterdir()):
            with contextlib.suppress(OSError):
                # The limits hold here too: the test's process could have put anything there.
                if not path.is_symlink() and path.stat().st_size <= LARGEST_ARTEFACT and len(taken) < MOST_ARTEFACTS:
                    taken[path.name] = path.read_bytes()
                path.unlink()
        return taken

    def stop(self) -> None:
        """End the process and all that the test left in it."""
        if self._line is not None:
            self._line.close()
            self._line = None
        self._process.stop()


class HostKeeper:
    """The warm process of a worker's child: at most one, made when needed, made anew when it can't be used again."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._host: TestHost | None = None

    def host(self) -> TestHost:
        """The process, ready for an order.

        Raises:
            HostLost, OSError: it can't be started.
        """
        if self._host is not None and not self._host.reusable:
            self.drop()
        if self._host is None:
            self._host = TestHost(self._config)
        return self._host

    def drop(self) -> None:
        """End the process; the next test gets a new one."""
        host, self._host = self._host, None
        if host is not None:
            host.stop()
