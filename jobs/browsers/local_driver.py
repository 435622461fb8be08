"""A driver on this machine and the browser that it starts: our own processes, seen and ended by us."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import time
from typing import Final

import psutil

from jobs.browsers.display import VirtualDisplay
from jobs.browsers.launch import Launch, use_profile
from jobs.processes import OwnedProcess, namespace_command
from jobs.scratch import ScratchFolder
from jobs.settings import Settings
from recovery import Evidence, Phase
from recovery.failures import LaunchFailure

# Characters. Chromium makes a socket some 45 characters below, and a socket's path may have 107.
LONGEST_SCRATCH: Final = 60
# Bytes. With less room than this a browser can't write a profile.
LEAST_DISK: Final = 1 << 20


class LocalDriver:
    """The driver's process, the browser's main process and the virtual display, if one is needed."""

    def __init__(self, launch: Launch, config: Settings) -> None:
        self._launch = launch
        self._config = config
        self._display: VirtualDisplay | None = None
        self._process: OwnedProcess | None = None
        self._main: psutil.Process | None = None

    def start(self) -> str:
        """Start the driver; returns its address once it listens.

        Raises:
            LaunchFailure, OSError: it doesn't start, or doesn't listen.
        """
        environment = {**os.environ, **self._launch.environment}
        if self._launch.needs_display:
            self._display = VirtualDisplay(self._config.scratch_dir)
            self._display.start()
            environment |= {"DISPLAY": self._display.name, "GDK_BACKEND": "x11"}
        namespace_command()  # asked before the folder is there: until its warden runs, a kill would leave it behind
        scratch = ScratchFolder(self._config.scratch_dir)
        if len(str(scratch.path)) > LONGEST_SCRATCH:
            scratch.remove()
            raise LaunchFailure(
                f"the temporary folder's path {scratch.path} is too long for a browser's sockets (allowed: "
                f"{LONGEST_SCRATCH} characters); set BREAKWATER_SCRATCH_DIR to a shorter one",
                Evidence(browser=self._launch.browser, phase=Phase.LAUNCH),
            )
        environment["HOME"] = str(scratch.path)
        profile = scratch.path / "profile"
        if self._launch.prepared is not None and self._launch.prepared.copy(profile):
            use_profile(self._launch.options, profile)
        self._process = OwnedProcess(self._launch.driver_command, env=environment, scratch=scratch)
        self._process.start()
        return f"http://127.0.0.1:{self._await_port(self._process)}"

    def _await_port(self, process: OwnedProcess) -> int:
        deadline = time.monotonic() + self._config.launch_timeout
        while True:
            output = process.log_tail()
            if isinstance(self._launch.listening, int):
                if _is_open(self._launch.listening):
                    return self._launch.listening
            elif listening := re.search(self._launch.listening, output):
                return int(listening.group(1))
            if not process.alive() or time.monotonic() > deadline:
                raise ConnectionRefusedError(f"the driver does not listen; its output: {output[-300:]!r}")
            time.sleep(0.01)

    def browser_started(self) -> None:
        """WebDriver has a session now: its browser's main process is the driver's child that has most descendants."""
        if self._process is None or self._process.pid is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children()
            self._main = max(children, key=lambda child: len(child.children()), default=None)

    @property
    def alive(self) -> bool | None:
        """Whether the driver runs; None: it was not started."""
        return None if self._process is None else self._process.alive()

    @property
    def stopped(self) -> bool:
        """Whether the driver is stopped (SIGSTOP)."""
        return self._process is not None and self._process.stopped()

    @property
    def exit_code(self) -> int | None:
        """How the driver ended."""
        return None if self._process is None else self._process.exit_code

    @property
    def pid(self) -> int | None:
        """The driver's pid; None when it is not running."""
        return None if self._process is None else self._process.pid

    @property
    def disk_full(self) -> bool | None:
        """Whether there is no room for a profile, as the driver sees the disk: it may have mounts of its own."""
        if self._process is None:
            return None
        inside = f"/proc/{self._process.pid}/root" if self._process.pid is not None else ""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(f"{inside}{self._process.scratch.path}").free < LEAST_DISK
        return None

    @property
    def browser(self) -> psutil.Process | None:
        """The browser's main process; None before it was started."""
        return self._main

    @property
    def browser_alive(self) -> bool | None:
        """Whether the browser's main process runs; None: it was not started."""
        return None if self._main is None else runs(self._main)

    @property
    def browser_stopped(self) -> bool | None:
        """Whether the browser's main process is stopped; None: it was not started."""
        if self._main is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            return bool(self._main.status() == psutil.STATUS_STOPPED)
        return False

    def members(self) -> list[psutil.Process]:
        """Driver, browser and all that they started."""
        return [] if self._process is None else self._process.members()

    def log_tail(self, size: int) -> str:
        """The end of the driver's output, ``size`` bytes."""
        return "" if self._process is None else self._process.log_tail(size)

    def await_browser_end(self, timeout: float) -> None:
        """Wait so long for the browser to end by itself."""
        if self._main is not None:
            _await_end(self._main, timeout)

    def stop(self) -> None:
        """End driver, browser, display, and remove their files. Never hangs: nobody is asked."""
        for part in (self._process, self._display):
            if part is not None:
                part.stop()


def runs(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _await_end(process: psutil.Process, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while runs(process) and time.monotonic() < deadline:
        time.sleep(0.005)


def _is_open(port: int) -> bool:
    """Whether somebody listens on this port of the machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
