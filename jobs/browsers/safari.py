"""Safari on macOS, with the safaridriver that comes with the system. It can't be without a window."""

from __future__ import annotations

from selenium.webdriver.safari.options import Options as SafariOptions

from jobs.browsers.launch import Launch, find_program
from jobs.ports import free_port
from jobs.settings import Settings
from recovery import Adjustments, BrowserType


def safari(config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch:  # noqa: ARG001
    """Safari. Once on each machine: ``safaridriver --enable``.

    Raises:
        LaunchFailure: there is no safaridriver: this is no macOS.
    """
    driver = find_program(
        BrowserType.SAFARI, "safaridriver", config.safaridriver, ("safaridriver",), "BREAKWATER_SAFARIDRIVER"
    )
    port = free_port()
    return Launch(BrowserType.SAFARI, (driver, "--port", str(port)), port, SafariOptions())
