"""Has the profiles made that launches miss: by a process of the lowest priority, one at a time, each tried once."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from pathlib import Path

from selenium.webdriver.chromium.options import ChromiumOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions

from jobs.browsers.launch import Launch
from jobs.processes import OwnedProcess
from jobs.scratch import ScratchFolder
from jobs.settings import Settings
from jobs.specs import Platform
from recovery import BrowserType, ModelType

log = logging.getLogger("breakwater.browsers")

# What stands for no type of models: users' own tests.
NO_MODELS = "own"


class Preparer:
    """One worker process's. What it started ends with it, finished or not: the next worker goes on."""

    def __init__(self, config: Settings) -> None:
        self._config = config
        self._tried: set[tuple[BrowserType, ModelType | None]] = set()
        self._process: OwnedProcess | None = None

    def ask_for(self, browser: BrowserType, model_type: ModelType | None) -> None:
        """Begin to make one, unless one is being made, or this one was tried before. Never raises."""
        if (browser, model_type) in self._tried or (self._process is not None and self._process.alive()):
            return
        self._tried.add((browser, model_type))
        self.close()
        kind = NO_MODELS if model_type is None else model_type.value
        try:
            scratch = ScratchFolder(self._config.scratch_dir)
            command = ["nice", "-n", "19", sys.executable, "-P", "-m", "jobs.browsers.preparing", browser.value, kind]
            self._process = OwnedProcess(command, scratch=scratch).start()
        except OSError as error:
            log.info("no profile is prepared for %s: %s", browser.value, error)

    def close(self) -> None:
        """End what is under way."""
        if self._process is not None:
            if self._process.exit_code:
                log.warning("a profile was not prepared: %s", self._process.log_tail(300).strip())
            self._process.stop()
            self._process = None


def profile_name(launch: Launch, model_type: ModelType | None, platform: Platform | None) -> str | None:
    """The name of the profile for this very browser, launched with these very settings; None: there can be none.

    An update of the browser, or another setting, makes another name.
    """
    options = launch.options
    if launch.remote_url or not isinstance(options, ChromiumOptions | FirefoxOptions):
        return None
    if isinstance(options, ChromiumOptions) and (model_type is None or platform is not Platform.WEBGPU):
        return None  # only its shaders are worth a copy; where none are used it starts later with one
    settings = [*options.arguments, *(f"{name}={value}" for name, value in sorted(launch.environment.items()))]
    if isinstance(options, FirefoxOptions):
        settings += [f"{name}={value}" for name, value in sorted(options.preferences.items())]
    programs = [options.binary_location, launch.driver_command[0], *launch.environment.values()]
    digest = hashlib.sha256("\n".join([*settings, *map(_version_of, programs)]).encode()).hexdigest()[:16]
    return f"{launch.browser.value}-{NO_MODELS if model_type is None else model_type.value}-{digest}"


def _version_of(program: str) -> str:
    """What tells an update of a program; empty for what is none."""
    try:
        file = Path(program).resolve(strict=True)
        found = file.stat()
    except OSError:
        return ""
    return f"{os.fspath(file)} {found.st_size} {found.st_mtime_ns}"
