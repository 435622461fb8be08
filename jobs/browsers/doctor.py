"""Look a machine's browsers over: what is there, whether it starts, what it can do, and how to get what is missing.

Real launches, one browser after another: nothing is believed that was not seen.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from selenium.webdriver.common.selenium_manager import SeleniumManager

from jobs.browsers.finding import LAUNCHERS, launch_for
from jobs.browsers.launch import Launch
from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import Capabilities
from jobs.browsers.remote import without_credentials
from jobs.settings import Settings
from recovery import Adjustments, BrowserFailure, BrowserType
from recovery.failures import LaunchFailure

# Seconds that a program may take to tell its version.
_VERSION_TIMEOUT: Final = 10.0

_PACKAGES: Final = {
    BrowserType.CHROME: "chromium chromium-driver",
    BrowserType.FIREFOX: "firefox-esr mesa-vulkan-drivers",
    BrowserType.WEBKIT: "webkit2gtk-driver xvfb",
}
_NAMES: Final = {BrowserType.CHROME: "Chrome and chromedriver", BrowserType.FIREFOX: "Firefox and geckodriver"}


class Finding(BaseModel):
    """What was seen of one browser."""

    model_config = ConfigDict(frozen=True)

    browser: BrowserType
    binary: str | None = Field(default=None, description="null: not found, or found by its driver")
    remote: str | None = Field(default=None, description="the WebDriver server; null: it is on this machine")
    driver: str | None = None
    driver_version: str | None = None
    version: str | None = Field(default=None, description="as the running browser told")
    launches: bool = False
    seconds: float | None = Field(default=None, description="from nothing to a loaded harness page")
    problem: str | None = Field(default=None, description="why it does not launch")
    capabilities: Capabilities | None = None
    fixes: tuple[str, ...] = Field(default=(), description="commands that bring what is missing")


def examine(config: Settings) -> Iterator[Finding]:
    """Every browser that this kind of machine can have, one after another."""
    foreign = BrowserType.WEBKIT if sys.platform == "darwin" else BrowserType.SAFARI
    for browser in LAUNCHERS:
        if browser is not foreign:
            yield examine_browser(browser, config)


def examine_browser(browser: BrowserType, config: Settings) -> Finding:
    """Find it, start it, ask it."""
    try:
        launch = launch_for(browser, config, Adjustments())
    except LaunchFailure as failure:
        return Finding(browser=browser, problem=str(failure), fixes=_install(browser, str(failure)))
    if launch.remote_url:
        found = Finding(browser=browser, remote=without_credentials(launch.remote_url))
    else:
        found = Finding(
            browser=browser,
            binary=getattr(launch.options, "binary_location", None),
            driver=launch.driver_command[0],
            driver_version=_driver_version(launch),
        )
    pool = SessionPool(config)
    began = time.monotonic()
    try:
        session = pool.session_for(browser, Adjustments())
        seconds = round(time.monotonic() - began, 2)
        capabilities = session.capabilities()
    except BrowserFailure as failure:
        fixes = () if launch.remote_url else _install(browser, str(failure))
        return found.model_copy(update={"problem": str(failure), "fixes": fixes})
    finally:
        pool.close()
    seen = {"version": session.version, "launches": True, "seconds": seconds, "capabilities": capabilities}
    return found.model_copy(update={**seen, "fixes": _equip(browser, capabilities)})


def _driver_version(launch: Launch) -> str | None:
    try:
        told = subprocess.run(
            [launch.driver_command[0], "--version"],
            check=False, capture_output=True, text=True, timeout=_VERSION_TIMEOUT,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\d+(\.\d+)+", told.stdout)
    return version.group() if version else None


def _install(browser: BrowserType, problem: str) -> tuple[str, ...]:
    """How to get a browser that is not there, or does not start."""
    if browser is BrowserType.EDGE:
        return (f"{SeleniumManager()._get_binary()} --browser edge",)
    if browser is BrowserType.SAFARI:
        return ("sudo safaridriver --enable",)
    if browser is BrowserType.FIREFOX and "geckodriver" in problem:
        return (f"{sys.executable} -m pip install 'breakwater[geckodriver]'",)
    return _apt(_PACKAGES[browser]) or (f"install {_NAMES.get(browser, browser.value)} with this system's own means",)


def _equip(browser: BrowserType, capabilities: Capabilities) -> tuple[str, ...]:
    """How to get what a running browser lacks, where there is a way."""
    if browser is BrowserType.FIREFOX and capabilities.webgpu.adapter is None:
        return _apt("mesa-vulkan-drivers")
    return ()


def _apt(packages: str) -> tuple[str, ...]:
    return (f"sudo apt-get install --no-install-recommends {packages}",) if shutil.which("apt-get") else ()
