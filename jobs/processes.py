"""A program that we start and that never outlives us: browsers' drivers, the embedded Redis, the farm's workers.

It runs in a PID namespace whose init is a small shell script, the warden (warden.sh). The warden holds the read end of
a pipe whose write end only this process holds: when we close it, or die however we die, everything in the namespace is
killed, stopped and orphaned processes included, and the scratch folder is removed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from jobs.private_fds import close_private, fork_lock, keep_private
from jobs.scratch import ScratchFolder

_WARDEN = Path(__file__).with_name("warden.sh")
# Seconds. A shell's start, on a busy machine.
_START_TIMEOUT = 20.0
# Seconds that the killing of a namespace may take once asked for by force.
_KILL_TIMEOUT = 5.0


@cache
def namespace_command() -> tuple[str, ...]:
    """The ``unshare`` command that gives a PID namespace here; empty where none is permitted. Probed once."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    isolated = (unshare, "--pid", "--fork", "--mount-proc", "--kill-child")
    for command in (isolated, (*isolated, "--user", "--map-current-user")):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            probe = subprocess.run(
                [*command, "/bin/sh", "-c", 'test "$$" = 1'],
                check=False, timeout=10, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if probe.returncode == 0:
                return command
    return ()


class OwnedProcess:
    """One command, its descendants and its scratch folder, which all end with this object or with this process.

    Not for use in a forked child of the process that made it: there, every call finds it not alive.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        scratch: ScratchFolder | None = None,
        log_file: Path | None = None,
        cwd: Path | None = None,
        namespace: bool = True,
    ) -> None:
        """Describe the process; ``start`` starts it.

        Args:
            command: program and arguments. The program is searched on ``env``'s PATH.
            env: the whole environment; ``None``: ours. TMPDIR is the scratch folder in any case.
            scratch: a folder to hand over: it is removed with the process. ``None``: a new one.
            log_file: what gets the command's output; ``None``: ``output.log`` in the scratch folder.
            cwd: working directory; ``None``: ours.
            namespace: ``False``: do without a PID namespace even where one is permitted.
        """
        self.command = [str(part) for part in command]
        self.scratch = scratch or ScratchFolder()
        self.log_file = log_file or self.scratch.path / "output.log"
        self._env = dict(os.environ if env is None else env)
        self._cwd = cwd
        self._namespace = namespace_command() if namespace else ()
        self._token = secrets.token_hex(16)

        self._owner = 0
        self._popen: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._status = -1
        self._main: psutil.Process | None = None
        self._inner: tuple[int, ...] = ()
        self._exit_code: int | None = None

    def start(self) -> Self:
        """Start the command and return once it runs.

        Raises:
            OSError: the program does not exist, or could not be started. Nothing is left then.
        """
        program = shutil.which(self.command[0], path=self._env.get("PATH", os.defpath))
        try:
            if program is None:
                raise FileNotFoundError(f"no program to start at {self.command[0]!r}")  # noqa: TRY301
            self._start(program)
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self, program: str) -> None:
        arguments = [*self._namespace, "/bin/sh", str(_WARDEN), self._token, str(self.scratch.path)]
        with self.log_file.open("ab") as log:
            status_read, status_write = os.pipe()
            with fork_lock:
                lifeline_read, self._lifeline = os.pipe()
                keep_private(self._lifeline)
                self._status = status_read
                self._owner = os.getpid()
            try:
                self._popen = subprocess.Popen(
                    [*arguments, program, *self.command[1:]],
                    stdin=lifeline_read, stdout=status_write, stderr=log, env=self._env, cwd=self._cwd,
                    start_new_session=True,  # a terminal's Ctrl-C is for us to hear, not for the browser
                )  # fmt: skip
            finally:
                os.close(lifeline_read)
                os.close(status_write)
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._inner:
            if time.monotonic() > deadline or not self._read_status(deadline - time.monotonic()):
                raise OSError(f"{self.command[0]} was not started; its output: {self.log_tail(500)!r}")
        self._main = self._find_main()

    def _read_status(self, wait: float) -> bool:
        """Take in what the warden tells, waiting up to ``wait`` seconds; False when it tells nothing any more."""
        if self._status < 0 or not _readable(self._status, wait):
            return self._status >= 0
        lines = os.read(self._status, 4096)
        for words in map(bytes.split, lines.splitlines()):
            if words[0] == b"started":
                self._inner = tuple(int(word) for word in words[1:])
            elif words[0] == b"exited":
                status = int(words[1])
                self._exit_code = 128 - status if status > 128 else status  # the shell's form to Popen's
        if not lines:
            os.close(self._status)
            self._status = -1
        return bool(lines)

    def _find_main(self) -> psutil.Process | None:
        """The command's own process, or None when it has ended already."""
        for process in self._descendants():
            if _innermost_pid(process.pid) == self._inner[1]:
                return process
        return None

    def _descendants(self) -> list[psutil.Process]:
        if self._popen is None or self._owner != os.getpid():
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            return list(psutil.Process(self._popen.pid).children(recursive=True))
        return []

    @property
    def pid(self) -> int | None:
        """The command's pid as we see it (in its namespace it has another); None when it has ended."""
        return self._main.pid if self._main is not None and self.alive() else None

    def alive(self) -> bool:
        """Whether the command itself runs; a zombie does not, a stopped process does."""
        if self._owner != os.getpid() or self._main is None:
            return False
        try:
            return self._main.is_running() and self._main.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def stopped(self) -> bool:
        """Whether the command itself is stopped (SIGSTOP): alive, and doing nothing."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return self.alive() and self._main is not None and self._main.status() == psutil.STATUS_STOPPED
        return False

    @property
    def exit_code(self) -> int | None:
        """How the command ended: its status, or minus the signal's number; None while it runs or when unknown."""
        if self._owner == os.getpid() and self._exit_code is None and self._status >= 0:
            while _readable(self._status, 0) and self._read_status(0):
                pass
        return self._exit_code

    def wait(self, timeout: float) -> int | None:
        """Wait up to ``timeout`` seconds for the command to end by itself; its exit code, None if it still runs."""
        deadline = time.monotonic() + timeout
        while self.exit_code is None and self._status >= 0 and time.monotonic() < deadline:
            self._read_status(deadline - time.monotonic())
        return self._exit_code

    def send_signal(self, signum: int) -> None:
        """Signal the command's own process, if it still runs."""
        if self.alive() and self._main is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._main.send_signal(signal.Signals(signum))

    def members(self) -> list[psutil.Process]:
        """The command and all that it started, orphans included; without the warden. May include zombies."""
        if not self._inner:
            return []
        inside = self._descendants()
        if not self._namespace:
            known = {process.pid for process in inside}
            inside += [process for process in _marked(self._token) if process.pid not in known]
            return [process for process in inside if process.pid != self._inner[0]]
        return [process for process in inside if _innermost_pid(process.pid) not in (1, self._inner[0], None)]

    def log_tail(self, size: int = 4000) -> str:
        """The last ``size`` bytes of the command's output."""
        with contextlib.suppress(OSError), self.log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - size))
            return log.read().decode(errors="replace")
        return ""

    def stop(self, timeout: float = 5.0) -> None:
        """Kill all of it, reap it and remove the scratch folder; returns when nothing is left. Never hangs.

        Takes milliseconds as a rule. If the warden does nothing for ``timeout`` seconds, it is killed with the rest.
        """
        if self._owner not in (0, os.getpid()):
            return
        close_private(self._lifeline)
        self._lifeline = -1
        if self._popen is not None:
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self._kill_by_force(self._popen)
        _ = self.exit_code
        if self._status >= 0:
            os.close(self._status)
            self._status = -1
        self.scratch.remove()

    def _kill_by_force(self, warden: subprocess.Popen[bytes]) -> None:
        """Kill the warden (the namespace dies with its init) and whatever else is found."""
        doomed = [*self._descendants(), *([] if self._namespace else _marked(self._token))]
        for process in doomed:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # If it was merely stopped it reaps what we killed, which nobody does better.
            warden.send_signal(signal.SIGCONT)
            warden.wait(1.0)
        warden.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            warden.wait(_KILL_TIMEOUT)
        psutil.wait_procs(doomed, timeout=_KILL_TIMEOUT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _readable(descriptor: int, wait: float) -> bool:
    """Whether there is something to read, or the end, within ``wait`` seconds. (select() knows only 1024 files.)"""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, wait) * 1000))


def _innermost_pid(pid: int) -> int | None:
    """A process's pid in its own namespace, None when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return None


def _marked(token: str) -> list[psutil.Process]:
    """All processes that carry ``token`` in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if token in process.environ().get("BREAKWATER_OWNER", ""):
                found.append(process)
    return found
