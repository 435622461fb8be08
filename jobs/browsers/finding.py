"""Which browsers there are on this machine, and how each is launched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jobs.browsers.chrome import chrome
from jobs.browsers.edge import edge
from jobs.browsers.firefox import firefox
from jobs.browsers.launch import Launch
from jobs.browsers.remote import remote_launch
from jobs.browsers.safari import safari
from jobs.browsers.webkit import webkit
from jobs.settings import Settings
from recovery import Adjustments, BrowserType
from recovery.failures import LaunchFailure


class Launcher(Protocol):
    """A browser's own file offers one."""

    def __call__(self, config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch: ...


LAUNCHERS: Mapping[BrowserType, Launcher] = {
    BrowserType.CHROME: chrome,
    BrowserType.EDGE: edge,
    BrowserType.FIREFOX: firefox,
    BrowserType.SAFARI: safari,
    BrowserType.WEBKIT: webkit,
}


def launch_for(browser: BrowserType, config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch:
    """How to start the browser here.

    Raises:
        LaunchFailure: it, or its driver, is not on this machine, nor is it remote.
    """
    if (url := config.remote_url(browser.value)) is not None:
        return remote_launch(browser, url, config, adjustments, no_adapter=no_adapter)
    return LAUNCHERS[browser](config, adjustments, no_adapter=no_adapter)


def installed_browsers(config: Settings) -> tuple[BrowserType, ...]:
    """The browsers that are here with their drivers, or remote. None is started to find out."""
    found = []
    for browser in LAUNCHERS:
        try:
            launch_for(browser, config, Adjustments())
        except LaunchFailure:
            continue
        found.append(browser)
    return tuple(found)


def unasked_browsers(config: Settings) -> tuple[BrowserType, ...]:
    """The installed browsers that may get any test. WebKitGTK, which runs wasm only, gets those that name it."""
    return tuple(browser for browser in installed_browsers(config) if browser is not BrowserType.WEBKIT)
