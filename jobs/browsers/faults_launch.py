"""Faults in the start of a browser: a program, a disk or an interface is really not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from selenium.webdriver.chromium.options import ChromiumOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions

from jobs.browsers.finding import launch_for
from jobs.browsers.launch import Launch
from jobs.settings import Settings
from jobs.specs import FaultKind
from recovery import Adjustments, BrowserType

# A path where no program is, and a program that is neither a browser nor a driver.
NOTHING = "/nonexistent/program"
NO_PROGRAM = "/bin/false"

# Puts a tiny, full file system over the folder in which scratch folders are, in a mount namespace of the driver's own;
# for the driver and the browser that disk is full. $0 is that folder, $TMPDIR the scratch folder in it.
_FULL_DISK = (
    'mount -t tmpfs -o size=64k tmpfs "$0" && mkdir -p "$TMPDIR" && head -c 65536 /dev/zero >"$0/full" 2>/dev/null;'
    ' exec "$@"'
)


def break_launch(launch: Launch, faults: frozenset[FaultKind], config: Settings) -> Launch:
    """The launch with what the faults break. (``no_adapter`` is the browsers' own files' business.)"""
    for fault in sorted(faults & _BREAKS.keys()):
        launch = _BREAKS[fault](launch, config)
    return launch


def _binary(path: str) -> Callable[[Launch, Settings], Launch]:
    return lambda launch, _: launch.with_binary(path)


def _driver(path: str) -> Callable[[Launch, Settings], Launch]:
    return lambda launch, _: replace(launch, driver_command=(path, *launch.driver_command[1:]))


def _others_driver(launch: Launch, config: Settings) -> Launch:
    """The driver of another engine, which speaks the same protocol and can't drive this browser."""
    other = BrowserType.CHROME if launch.browser is BrowserType.FIREFOX else BrowserType.FIREFOX
    wrong = launch_for(other, config, Adjustments())
    return replace(launch, driver_command=wrong.driver_command, listening=wrong.listening)


def _full_disk(launch: Launch, config: Settings) -> Launch:
    root = config.scratch_dir or Path(tempfile.gettempdir())
    own_mounts = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
    return replace(launch, driver_command=(*own_mounts, "/bin/sh", "-c", _FULL_DISK, str(root), *launch.driver_command))


def _no_wasm(launch: Launch, _: Settings) -> Launch:
    """A browser without WebAssembly, which onnxruntime needs on every platform."""
    options = launch.options
    if isinstance(options, ChromiumOptions):
        options.add_argument("--js-flags=--jitless")
    elif isinstance(options, FirefoxOptions):
        options.set_preference("javascript.options.wasm", False)
    return launch


_BREAKS: dict[FaultKind, Callable[[Launch, Settings], Launch]] = {
    FaultKind.BINARY_MISSING: _binary(NOTHING),
    FaultKind.BINARY_BROKEN: _binary(NO_PROGRAM),
    FaultKind.DRIVER_MISSING: _driver(NOTHING),
    FaultKind.DRIVER_BROKEN: _driver(NO_PROGRAM),
    FaultKind.DRIVER_WRONG: _others_driver,
    FaultKind.DISK_FULL: _full_disk,
    FaultKind.API_MISSING: _no_wasm,
}
