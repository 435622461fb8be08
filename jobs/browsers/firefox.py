"""Firefox. Its WebGPU needs a Vulkan driver; without a GPU that is Mesa's lavapipe."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver.firefox.options import Options as FirefoxOptions

from jobs.browsers.launch import Launch, find_program, packaged_geckodriver, wants_software_adapter
from jobs.ports import free_port
from jobs.settings import Settings
from recovery import Adjustments, BrowserType

LISTENING = r"Listening on 127\.0\.0\.1:(\d+)"

PREFERENCES: dict[str, bool | int | str] = {
    "dom.webgpu.enabled": True,
    # A second page of the harness, which is isolated, gets a process of its own: it must not hang with the first.
    "dom.ipc.processCount.webCOOP+COEP": 2,
    "gfx.webgpu.ignore-blocklist": True,
    # Nothing that asks the network.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.newtabpage.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}

# Starts what BREAKWATER_REAL_FIREFOX names.
_STARTER = Path(__file__).with_name("firefox.sh")

_ICD_FOLDERS = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))


def firefox(config: Settings, adjustments: Adjustments, *, no_adapter: bool = False) -> Launch:
    """Firefox, with the geckodriver on PATH or the one that the Python environment carries.

    Raises:
        LaunchFailure: browser or driver can't be found.
    """
    options = FirefoxOptions()
    program = find_program(
        BrowserType.FIREFOX, "Firefox", config.firefox_binary, ("firefox", "firefox-esr"), "BREAKWATER_FIREFOX_BINARY"
    )
    options.binary_location = str(_STARTER)
    driver = find_program(
        BrowserType.FIREFOX, "geckodriver", config.geckodriver, ("geckodriver",), "BREAKWATER_GECKODRIVER",
        also=packaged_geckodriver(),
    )  # fmt: skip
    add_preferences(options, config)
    environment = {"BREAKWATER_REAL_FIREFOX": program}
    if no_adapter and not adjustments.software_adapter:
        environment["VK_DRIVER_FILES"] = "/nonexistent"  # the fault: Vulkan finds no driver
    elif wants_software_adapter(config.gpu, adjusted=adjustments.software_adapter):
        lavapipe = [str(file) for folder in _ICD_FOLDERS for file in sorted(folder.glob("lvp_icd*.json"))]
        if lavapipe:
            environment["VK_DRIVER_FILES"] = ":".join(lavapipe)  # Vulkan leaves out those of other architectures
    # With port 0 it would refuse every Host header but that of port 0; and every Firefox would want 9222 for BiDi.
    command = (driver, "--host", "127.0.0.1", "--port", str(free_port()), "--websocket-port", str(free_port()))
    return Launch(BrowserType.FIREFOX, command, LISTENING, options, environment)


def add_preferences(options: FirefoxOptions, config: Settings) -> None:
    """What every Firefox is told, wherever it runs."""
    if config.headless:
        options.add_argument("-headless")
    for name, value in PREFERENCES.items():
        options.set_preference(name, value)
