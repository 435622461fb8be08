"""Leave a hung tab behind without asking it. WebDriver can't: every command of its waits for the current page."""

from __future__ import annotations

import contextlib
import json
import time
from urllib.request import Request, urlopen

import psutil
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

# Seconds over which a process is looked at to tell whether it is busy, and the share of them that a hung one computes.
# (On a busy machine it gets less than all of a processor.)
_LOOK = 0.15
_BUSY = 0.2


def replace_hung_tab(driver: WebDriver, main: psutil.Process | None, url: str, timeout: float) -> bool:
    """Open ``url`` in a new tab, get rid of the current one, go on in the new. False: this browser offers no way.

    Chromium's DevTools endpoint does it in a third of a second. Firefox has none, but stays alive when the process of a
    tab is killed (see firefox.sh), and then opens another tab at once.

    Raises:
        OSError, WebDriverException: the endpoint or the driver does not answer, each within ``timeout`` seconds.
    """
    address = driver.capabilities.get("goog:chromeOptions", driver.capabilities.get("ms:edgeOptions", {}))
    endpoint = address.get("debuggerAddress")
    if endpoint is not None:
        _replace_by_devtools(driver, endpoint, url, timeout)
        return True
    hung = [] if main is None else _hung_tabs(main)
    for process in hung:
        process.kill()
    if hung:
        psutil.wait_procs(hung, timeout)
        open_other_tab(driver)
        driver.get(url)
    return bool(hung)


def open_other_tab(driver: WebDriver) -> None:
    """Go on in a new tab; the current one, which may be a wreck, is closed if that can be done."""
    before = driver.window_handles
    driver.switch_to.new_window("tab")
    ours = driver.current_window_handle
    for handle in before:
        with contextlib.suppress(WebDriverException):
            driver.switch_to.window(handle)
            driver.close()
    driver.switch_to.window(ours)


def _replace_by_devtools(driver: WebDriver, endpoint: str, url: str, timeout: float) -> None:
    hung = _target_of(endpoint, timeout)
    opened = json.loads(_call(endpoint, f"/json/new?{url}", timeout, method="PUT"))["id"]
    for target in hung:
        _call(endpoint, f"/json/close/{target}", timeout)
    driver.switch_to.window(opened)


def _hung_tabs(main: psutil.Process) -> list[psutil.Process]:
    """Firefox's processes of tabs that are stopped, or compute all the time. Waiting ones are well, and not ours."""
    began = {}
    for process in main.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if "-contentproc" in line and line[-1] == "tab":
                began[process] = _computed(process)
    time.sleep(_LOOK)
    hung = []
    for process, before in began.items():
        with contextlib.suppress(psutil.Error):
            stopped = process.status() == psutil.STATUS_STOPPED
            if stopped or _computed(process) - before >= _BUSY * _LOOK:
                hung.append(process)
    return hung


def _computed(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _target_of(endpoint: str, timeout: float) -> list[str]:
    targets = json.loads(_call(endpoint, "/json/list", timeout))
    return [target["id"] for target in targets if target["type"] == "page"]


def _call(endpoint: str, path: str, timeout: float, method: str = "GET") -> bytes:
    with urlopen(Request(f"http://{endpoint}{path}", method=method), timeout=timeout) as reply:
        content: bytes = reply.read()
        return content
