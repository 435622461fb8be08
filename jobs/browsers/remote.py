"""Browsers elsewhere: a Selenium Grid, a cloud, a bare driver on another machine. Nothing is ours to see or kill.

Same tests, circuits and recovery; what became of a browser is told by its page's silence and by WebDriver's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import psutil
from selenium.webdriver.chrome.options import Options as ChromeOptions
from selenium.webdriver.chromium.options import ChromiumOptions
from selenium.webdriver.edge.options import Options as EdgeOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions
from selenium.webdriver.remote.client_config import AuthType, ClientConfig
from selenium.webdriver.safari.options import Options as SafariOptions
from selenium.webdriver.webkitgtk.options import Options as WebKitGTKOptions

from jobs.browsers.chrome import add_flags
from jobs.browsers.firefox import add_preferences
from jobs.browsers.launch import BrowserOptions, Launch
from jobs.settings import Settings
from recovery import Adjustments, BrowserType, Evidence, Phase
from recovery.failures import LaunchFailure

_OPTIONS: Mapping[BrowserType, Callable[[], BrowserOptions]] = {
    BrowserType.CHROME: ChromeOptions,
    BrowserType.EDGE: EdgeOptions,
    BrowserType.FIREFOX: FirefoxOptions,
    BrowserType.SAFARI: SafariOptions,
    BrowserType.WEBKIT: WebKitGTKOptions,
}
_HERE = {"localhost", "127.0.0.1", "::1"}


def remote_launch(
    browser: BrowserType, url: str, config: Settings, adjustments: Adjustments, *, no_adapter: bool
) -> Launch:
    """How to start a browser behind a WebDriver URL.

    Raises:
        LaunchFailure: it is on another machine, from where the page that we serve can't be reached.
    """
    if urlsplit(url).hostname not in _HERE and config.page_url is None:
        raise LaunchFailure(
            f"BREAKWATER_REMOTE_URL_{browser.value.upper()} is on another machine, which can't load a page from "
            f"{config.page_host}: set BREAKWATER_PAGE_HOST and BREAKWATER_PAGE_URL",
            Evidence(browser=browser, phase=Phase.LAUNCH),
        )
    options = _OPTIONS[browser]()
    if isinstance(options, ChromiumOptions):
        add_flags(options, config, adjustments, no_adapter=no_adapter, remote=True)
    elif isinstance(options, FirefoxOptions):
        add_preferences(options, config)
    _add_capabilities(options, config.remote_capabilities)
    return Launch(browser, (), 0, options, remote_url=url)


def trust_origin(options: BrowserOptions, origin: str) -> None:
    """Let the browser take our page's origin for secure where it is neither https nor on its own machine.

    WebGPU, WebNN and wasm threads are for secure pages only.
    """
    if origin.startswith("https://") or urlsplit(origin).hostname in _HERE:
        return
    if isinstance(options, ChromiumOptions):
        options.add_argument(f"--unsafely-treat-insecure-origin-as-secure={origin}")
    elif isinstance(options, FirefoxOptions):
        options.set_preference("dom.securecontext.allowlist", str(urlsplit(origin).hostname))


def _add_capabilities(options: object, given: Mapping[str, object]) -> None:
    """What the other side wants to be told. A browser's own options are added to ours, not put in their place."""
    for name, value in given.items():
        own = isinstance(options, ChromiumOptions) and name == options.KEY and isinstance(value, Mapping)
        if own and isinstance(options, ChromiumOptions) and isinstance(value, Mapping):
            for argument in value.get("args", ()):
                options.add_argument(argument)
            for option, content in value.items():
                if option != "args":
                    options.add_experimental_option(option, content)
        else:
            options.set_capability(name, value)  # type: ignore[attr-defined]


class RemoteDriver:
    """A WebDriver server of somebody else's. What can't be seen is None."""

    alive: bool | None = None
    stopped = False
    exit_code: int | None = None
    pid: int | None = None
    disk_full: bool | None = None
    browser: psutil.Process | None = None
    browser_alive: bool | None = None
    browser_stopped: bool | None = None

    def __init__(self, launch: Launch) -> None:
        self._url = launch.remote_url or ""

    def start(self) -> str:
        """The server's address, without name and password."""
        return without_credentials(self._url)

    def introduce(self, client: ClientConfig) -> None:
        """Give the client the name and password that the URL holds; they go into a header, never into a log."""
        parts = urlsplit(self._url)
        if parts.username is not None:
            client.auth_type = AuthType.BASIC
            client.username = unquote(parts.username)
            client.password = unquote(parts.password or "")

    def browser_started(self) -> None:
        """Nothing to be found: its processes are elsewhere."""

    def members(self) -> list[psutil.Process]:
        """None of them is here."""
        return []

    def log_tail(self, size: int) -> str:  # noqa: ARG002 - a driver's interface
        """Its output is elsewhere."""
        return ""

    def await_browser_end(self, timeout: float) -> None:
        """Its end can't be seen."""

    def stop(self) -> None:
        """The session was asked to quit; there is nothing else to end."""


def without_credentials(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
