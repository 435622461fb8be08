"""The dashboard as an operator sees it: driven in Chromium, on a real farm with a real fault."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.backend import Backend
from jobs.batches import BatchHeader
from jobs.farm import Farm
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import BrowserType, ModelType
from tests import farms
from tests.browser.plain_browsers import CHROMIUM_FLAGS, found
from tests.flowers import Flower

BROKEN = FaultSpec(kind=FaultKind.BINARY_MISSING, attempts=None)


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    """A farm whose circuits open at the first failure, and stay so for longer than any test here takes."""
    strict = {"BREAKWATER_CIRCUIT_FAILURE_THRESHOLD": "1", "BREAKWATER_CIRCUIT_RECOVERY_TIMEOUT": "3000"}
    with Farm([BrowserType.CHROME], env={**os.environ, **strict}) as farm:
        yield farm


@pytest.fixture(scope="module")
def flower(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flower]:
    flower = Flower(farm.url, tmp_path_factory.mktemp("flower"))
    yield flower
    flower.stop()


@pytest.fixture(scope="module")
def operator() -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = found("chromium", "google-chrome", "chrome")
    for flag in (*CHROMIUM_FLAGS, "--window-size=1440,2400"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(found("chromedriver")))
    yield driver
    driver.quit()


def until(seen: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """As ``farms.until``, though what is looked at may be redrawn meanwhile."""

    def seen_at_rest() -> bool:
        try:
            return seen()
        except (StaleElementReferenceException, IndexError):
            return False

    farms.until(seen_at_rest, seconds, lambda: what)


def spec(test: str, *faults: FaultSpec) -> TestSpec:
    return TestSpec(
        id=test, browser=BrowserType.CHROME, model="bert-base-uncased", model_type=ModelType.TEXT,
        platform=Platform.WASM, faults=faults,
    )  # fmt: skip


def publish(backend: Backend, batch: str, test: TestSpec) -> None:
    backend.store.publish(BatchHeader(id=batch, name=batch, created_at=time.time()), [test])


def all_of(driver: WebDriver, selector: str) -> list[str]:
    return [found.text for found in driver.find_elements(By.CSS_SELECTOR, selector)]


def test_a_fault_shows_on_the_page_and_a_reset_from_it_closes_the_circuit_in_a_worker(
    farm: Farm, flower: Flower, operator: WebDriver
) -> None:
    backend = Backend(Settings(redis_url=farm.url))
    until(lambda: bool(backend.presence.live_queues().get("browser.chrome")), "the worker is at work")
    operator.get(f"{flower.url}/circuits")
    until(lambda: all_of(operator, "#bw-pulse") == ["Live"], "the page is live")
    until(lambda: "Nothing to watch yet" in all_of(operator, "h1"), "no circuit yet")

    publish(backend, "well", spec("well"))
    tile = "[data-circuit='browser:chrome'].bw-tile"
    until(lambda: all_of(operator, f"{tile}[data-state=closed]") != [], "a tile of a closed circuit")
    until(lambda: bool(re.search(r"Chrome\n\d+\.", all_of(operator, "[data-browser=chrome]")[0])), "session's version")
    assert all_of(operator, "[data-transition]") == []

    publish(backend, "sick", spec("sick", BROKEN))
    until(lambda: all_of(operator, f"{tile}[data-state=open]") != [], "the right tile changed")
    assert "open" in all_of(operator, tile)[0].split("\n")
    [row] = all_of(operator, "[data-transition][data-circuit='browser:chrome']")
    assert "1 failures in a row" in row
    assert "browser:chrome is open" in all_of(operator, "h1")[0]
    assert operator.execute_script("return document.documentElement.scrollWidth <= innerWidth")

    # The circuits of browser, worker and task type opened: the operator resets all three.
    for name in sorted(all_of(operator, ".bw-sick .bw-name")):
        operator.find_element(By.CSS_SELECTOR, f".bw-sick[data-circuit='{name}'] [data-order=reset]").click()
        until(lambda name=name: all_of(operator, f".bw-sick[data-circuit='{name}']") == [], f"{name} is closed")
    until(lambda: all_of(operator, f"{tile}[data-state=closed]") != [], "the tile is closed again")
    reasons = all_of(operator, "[data-transition][data-circuit='browser:chrome'] .bw-reason")
    assert reasons[0] == "reset by somebody at 127.0.0.1"

    publish(backend, "again", spec("again"))
    until(lambda: backend.store.progress("again").outcomes == {"passed": 1}, "the worker runs tests again")
    [verdict] = backend.store.verdicts("again")
    assert [attempt.browser for attempt in verdict.attempts] == [BrowserType.CHROME]
    backend.store.cancel("sick")


def test_batches_and_tests_are_found_by_following_links(farm: Farm, flower: Flower, operator: WebDriver) -> None:
    operator.get(f"{flower.url}/batches")
    until(lambda: any("again" in one for one in all_of(operator, "[data-batch] a")), "the batch is in the list")
    operator.find_element(By.LINK_TEXT, "again").click()
    until(lambda: "1 passed" in " ".join(all_of(operator, ".bw-progress-words")), "its progress")
    assert "bert-base-uncased" in all_of(operator, ".bw-cells")[0]
    operator.find_element(By.LINK_TEXT, "again").click()
    until(lambda: len(all_of(operator, "#bw-attempts [data-outcome=passed]")) == 1, "its attempts")
    operator.get(f"{flower.url}/recovery")
    until(lambda: all_of(operator, "h1") != [] and "Recovery" not in all_of(operator, "h1"), "the Recovery page")


def test_the_pages_work_by_keyboard_and_throw_no_error(flower: Flower, operator: WebDriver) -> None:
    operator.get(f"{flower.url}/circuits")
    until(lambda: all_of(operator, ".bw-tile") != [], "tiles")
    operator.execute_script("document.querySelector('.bw-tile').focus()")
    operator.switch_to.active_element.send_keys("\n")
    until(lambda: all_of(operator, "dialog[open] h2") != [], "the tile's dialog")
    operator.switch_to.active_element.send_keys("\ue00c")
    until(lambda: all_of(operator, "dialog[open]") == [], "Escape closes it")
    assert [entry["message"] for entry in operator.get_log("browser") if entry["level"] == "SEVERE"] == []
