"""Leave a hung tab behind without asking it. WebDriver can't: every command of its waits for the current page."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

from selenium.webdriver.remote.webdriver import WebDriver


def replace_hung_tab(driver: WebDriver, url: str, timeout: float) -> bool:
    """Open ``url`` in a new tab, close the current one, go on in the new. False: this browser offers no way.

    Chromium's DevTools endpoint does it in a third of a second. Firefox has none: geckodriver's commands all pass
    through the content process that hangs, and Firefox ends when that process is killed.

    Raises:
        OSError, WebDriverException: the endpoint or the driver does not answer, each within ``timeout`` seconds.
    """
    address = driver.capabilities.get("goog:chromeOptions", driver.capabilities.get("ms:edgeOptions", {}))
    endpoint = address.get("debuggerAddress")
    if endpoint is None:
        return False
    hung = _target_of(endpoint, timeout)
    opened = json.loads(_call(endpoint, f"/json/new?{url}", timeout, method="PUT"))["id"]
    for target in hung:
        _call(endpoint, f"/json/close/{target}", timeout)
    driver.switch_to.window(opened)
    return True


def _target_of(endpoint: str, timeout: float) -> list[str]:
    targets = json.loads(_call(endpoint, "/json/list", timeout))
    return [target["id"] for target in targets if target["type"] == "page"]


def _call(endpoint: str, path: str, timeout: float, method: str = "GET") -> bytes:
    with urlopen(Request(f"http://{endpoint}{path}", method=method), timeout=timeout) as reply:
        content: bytes = reply.read()
        return content
