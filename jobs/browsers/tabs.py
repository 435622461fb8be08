"""Leave a hung tab behind without asking it. WebDriver can't: every command of its waits for the current page."""

from __future__ import annotations

import contextlib
import json
from urllib.request import Request, urlopen

import psutil
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.devtools import DevTools, endpoint_of
from jobs.browsers.parts import hung_pages, is_stopped, pages_of
from jobs.browsers.standby import Tab


def replace_hung_tab(
    driver: WebDriver, main: psutil.Process | None, url: str, timeout: float, standby: str | None = None
) -> bool:
    """Open ``url`` in a new tab, get rid of the current one, go on in the new. False: this browser offers no way.

    Chromium's DevTools endpoint does it in a third of a second. Firefox has none, but stays alive when the process of a
    tab is killed (see firefox.sh), and then opens another tab at once.

    ``standby``: the handle of a tab to go on in instead of a new one.

    Raises:
        OSError, WebDriverException: the endpoint or the driver does not answer, each within ``timeout`` seconds.
    """
    endpoint = endpoint_of(driver.capabilities)
    if endpoint is not None:
        # The browser would ask the stopped ones in vain whether they mind.
        _kill([page for page in pages_of(main) if is_stopped(page)])
        _replace_by_devtools(driver, endpoint, url, timeout, standby)
        return True
    hung = hung_pages(main)
    _kill(hung)
    if not hung and standby is None:
        return False
    psutil.wait_procs(hung, timeout)
    open_other_tab(driver, standby)
    if standby is None:
        driver.get(url)
    return True


def tabs_behind(driver: WebDriver, devtools: DevTools | None) -> Tab | None:
    """How this browser opens tabs behind the current one; None: it would have to be waited for."""
    if devtools is not None:
        return Tab(
            lambda url: str(devtools.call("Target.createTarget", url=url, background=True)["targetId"]),
            lambda window: devtools.call("Target.closeTarget", targetId=window),
        )
    if not driver.capabilities.get("webSocketUrl"):
        return None

    def open_tab(url: str) -> str:
        pages = driver.browsing_context
        window = str(pages.create(type="tab", background=True))
        pages.navigate(window, url, wait="none")
        return window

    return Tab(open_tab, driver.browsing_context.close)


def open_other_tab(driver: WebDriver, standby: str | None = None) -> None:
    """Go on in ``standby``, else in a new tab; the current one, which may be a wreck, is closed if that can be done."""
    before = [handle for handle in driver.window_handles if handle != standby]
    if standby is None:
        driver.switch_to.new_window("tab")
    ours = standby or driver.current_window_handle
    for handle in before:
        with contextlib.suppress(WebDriverException):
            driver.switch_to.window(handle)
            driver.close()
    driver.switch_to.window(ours)


def _replace_by_devtools(driver: WebDriver, endpoint: str, url: str, timeout: float, standby: str | None) -> None:
    hung = [target for target in _targets_of(endpoint, timeout) if target != standby]
    opened = standby or json.loads(_call(endpoint, f"/json/new?{url}", timeout, method="PUT"))["id"]
    for target in hung:
        _call(endpoint, f"/json/close/{target}", timeout)
    driver.switch_to.window(opened)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _targets_of(endpoint: str, timeout: float) -> list[str]:
    targets = json.loads(_call(endpoint, "/json/list", timeout))
    return [target["id"] for target in targets if target["type"] == "page"]


def _call(endpoint: str, path: str, timeout: float, method: str = "GET") -> bytes:
    with urlopen(Request(f"http://{endpoint}{path}", method=method), timeout=timeout) as reply:
        content: bytes = reply.read()
        return content
