"""WebKitGTK: Safari's engine on Linux, in its small MiniBrowser. Wasm only. It is never reported as Safari."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver.webkitgtk.options import Options as WebKitGTKOptions

from jobs.browsers.launch import Launch, find_program
from jobs.ports import free_port
from jobs.settings import Settings
from recovery import Adjustments, BrowserType


def webkit(config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch:  # noqa: ARG001
    """WebKitGTK's MiniBrowser, on a virtual display. It has no WebGPU: there is no adapter to choose, or to take away.

    Raises:
        LaunchFailure: browser, driver or display can't be found.
    """
    options = WebKitGTKOptions()
    # Not on PATH: it belongs to the library, in the folder of its architecture.
    installed = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.1/MiniBrowser")) if config.webkit_binary is None else []
    options.binary_location = find_program(
        BrowserType.WEBKIT, "WebKitGTK", config.webkit_binary, ("MiniBrowser",), "BREAKWATER_WEBKIT_BINARY",
        also=installed[0] if installed else None,
    )  # fmt: skip
    options.add_argument("--automation")
    driver = find_program(
        BrowserType.WEBKIT, "WebKitWebDriver", config.webkitdriver, ("WebKitWebDriver",), "BREAKWATER_WEBKITDRIVER"
    )
    if config.headless:
        find_program(BrowserType.WEBKIT, "Xvfb, the virtual display,", None, ("Xvfb",), "PATH")
    port = free_port()
    return Launch(
        BrowserType.WEBKIT, (driver, "--host=127.0.0.1", f"--port={port}"), port, options, needs_display=config.headless
    )
