"""Microsoft Edge: Chromium's engine, Microsoft's programs."""

from __future__ import annotations

from selenium.webdriver.edge.options import Options as EdgeOptions

from jobs.browsers.chrome import LISTENING, add_flags, driver_command
from jobs.browsers.launch import Launch, find_program
from jobs.settings import Settings
from recovery import Adjustments, BrowserType


def edge(config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch:
    """Edge.

    Raises:
        LaunchFailure: browser or driver can't be found.
    """
    options = EdgeOptions()
    options.binary_location = find_program(
        BrowserType.EDGE, "Microsoft Edge", config.edge_binary, ("microsoft-edge", "microsoft-edge-stable", "msedge"),
        "BREAKWATER_EDGE_BINARY",
    )  # fmt: skip
    driver = find_program(
        BrowserType.EDGE, "msedgedriver", config.edgedriver, ("msedgedriver",), "BREAKWATER_EDGEDRIVER"
    )
    add_flags(options, config, adjustments, no_adapter=no_adapter)
    return Launch(BrowserType.EDGE, driver_command(driver), LISTENING, options)
