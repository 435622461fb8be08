"""Leave a hung tab behind without asking it. WebDriver can't: every command of its waits for the current page."""

from __future__ import annotations

import contextlib
import json
import time
from urllib.request import Request, urlopen

import psutil
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.devtools import endpoint_of
from jobs.browsers.parts import Part, computed_by, is_stopped, parts_of

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
    endpoint = endpoint_of(driver.capabilities)
    if endpoint is not None:
        _kill(_stopped_pages(main))  # the browser would ask them in vain whether they mind
        _replace_by_devtools(driver, endpoint, url, timeout)
        return True
    hung = [] if main is None else _hung_tabs(main)
    _kill(hung)
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
    began = {process: computed_by(process) for process in _pages(main)}
    time.sleep(_LOOK)
    return [
        process
        for process, before in began.items()
        if is_stopped(process) or computed_by(process) - before >= _BUSY * _LOOK
    ]


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _stopped_pages(main: psutil.Process | None) -> list[psutil.Process]:
    return [process for process in _pages(main) if is_stopped(process)]


def _pages(main: psutil.Process | None) -> list[psutil.Process]:
    return [process for process, part in parts_of(main) if part is Part.PAGE]


def _target_of(endpoint: str, timeout: float) -> list[str]:
    targets = json.loads(_call(endpoint, "/json/list", timeout))
    return [target["id"] for target in targets if target["type"] == "page"]


def _call(endpoint: str, path: str, timeout: float, method: str = "GET") -> bytes:
    with urlopen(Request(f"http://{endpoint}{path}", method=method), timeout=timeout) as reply:
        content: bytes = reply.read()
        return content
