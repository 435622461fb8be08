"""Chrome and Chromium. Edge is the same engine with other programs, see edge.py."""

from __future__ import annotations

from selenium.webdriver.chrome.options import Options as ChromeOptions
from selenium.webdriver.chromium.options import ChromiumOptions

from jobs.browsers.launch import Launch, find_program, sandbox_is_off, wants_software_adapter
from jobs.settings import Settings
from recovery import Adjustments, BrowserType

LISTENING = r"started successfully on port (\d+)"

# Nothing that asks the network, nothing that asks the user; the WebGPU that browsers hide on unknown GPUs; WebNN.
FLAGS = (
    "--disable-background-networking",
    # A tab in the background, as the harness's is beside a user's own test, must go on as it would in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    # The address bar's lists are pages with processes of their own: they took 1.3 s of a processor at each start.
    "--disable-features=WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,WebUIOmniboxPopup",
    "--disable-sync",
    "--enable-features=WebMachineLearningNeuralNetwork",
    "--enable-unsafe-webgpu",
    "--no-default-browser-check",
    "--no-first-run",
)


def chrome(config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch:
    """Chrome, else Chromium.

    Raises:
        LaunchFailure: browser or driver can't be found.
    """
    options = ChromeOptions()
    options.binary_location = find_program(
        BrowserType.CHROME, "Chrome or Chromium", config.chrome_binary,
        ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"), "BREAKWATER_CHROME_BINARY",
    )  # fmt: skip
    driver = find_program(
        BrowserType.CHROME, "chromedriver", config.chromedriver, ("chromedriver",), "BREAKWATER_CHROMEDRIVER"
    )
    add_flags(options, config, adjustments, no_adapter=no_adapter)
    return Launch(BrowserType.CHROME, driver_command(driver), LISTENING, options)


def driver_command(driver: str) -> tuple[str, ...]:
    """How every Chromium's driver is started: what the browser itself logs is in its output."""
    return driver, "--port=0", "--enable-chrome-logs"


def add_flags(
    options: ChromiumOptions, config: Settings, adjustments: Adjustments, *, no_adapter: bool, remote: bool = False
) -> None:
    """The flags that every Chromium gets. ``no_adapter`` is a fault: WebGPU without any, unless adjusted.

    ``remote``: of the machine that it runs on nothing is known, neither its user nor its GPU.
    """
    for flag in FLAGS:
        options.add_argument(flag)
    if config.headless:
        options.add_argument("--headless=new")
    if not remote and sandbox_is_off():
        options.add_argument("--no-sandbox")
    if no_adapter and not adjustments.software_adapter:
        options.add_argument("--disable-gpu")
        options.add_argument("--disable-software-rasterizer")
    elif wants_software_adapter(config.gpu, adjusted=adjustments.software_adapter, remote=remote):
        options.add_argument("--use-webgpu-adapter=swiftshader")
