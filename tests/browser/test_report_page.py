"""The report's page in a real browser: on a phone, by keyboard, in both colours, asking nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.reports.html import write_html
from jobs.specs import Outcome
from recovery import RecoveryLevel
from tests.browser.plain_browsers import plain_browser
from tests.unit.reports.verdicts import SLOWER, attempt, compared, header, verdict

LONG = "chrome/" + "a-model-with-a-long-name/" * 6 + "webgpu"


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    with plain_browser("chromium") as (driver, _):
        yield driver


@pytest.fixture
def page(browser: WebDriver, tmp_path: Path) -> WebDriver:
    way = (attempt(1, "crash", cause="gone " * 60), attempt(2, "passed", RecoveryLevel.MODERATE))
    verdicts = [
        verdict(LONG, Outcome.FAILED, reason="x" * 500),
        verdict("recovered", attempts=way, recovered=True),
        verdict("passed"),
    ]
    write_html(tmp_path / "report.html", header(), verdicts, compared(SLOWER))
    browser.get((tmp_path / "report.html").as_uri())
    return browser


def width(driver: WebDriver, pixels: int) -> dict[str, Any]:
    metrics = {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": pixels < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    script = """document.querySelectorAll('details').forEach(one => one.open = true);
        return {page: document.documentElement.scrollWidth, window: window.innerWidth}"""
    sizes: dict[str, Any] = driver.execute_script(script)
    return sizes


@pytest.mark.parametrize("pixels", [320, 390, 1440])
def test_nothing_is_wider_than_the_screen_but_what_scrolls_by_itself(page: WebDriver, pixels: int) -> None:
    sizes = width(page, pixels)
    assert sizes["page"] <= sizes["window"] == pixels


def test_it_asks_for_nothing_and_breaks_no_policy(page: WebDriver) -> None:
    asked = page.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert [name for name in asked if not name.startswith("data:")] == []
    assert page.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_the_keyboard_reaches_sections_tests_and_what_scrolls(page: WebDriver) -> None:
    width(page, 390)
    reached = []
    for _ in range(40):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.execute_script("return document.activeElement.className || document.activeElement.tagName"))
    assert reached[0] == "skip"
    assert {"A", "SUMMARY", "scroll"} <= set(reached)
    page.execute_script("document.activeElement.blur()")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_words_stand_out_from_their_ground(page: WebDriver, colours: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": colours}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    contrasts = page.execute_script(_CONTRASTS)
    assert len(contrasts) > 50
    assert {words: ratio for words, ratio in contrasts if ratio < 4.5} == {}


# The contrast of every text with the ground behind it, by WCAG 2's formula.
_CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const painted = (...colours) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = rgb => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
document.querySelectorAll('details').forEach(one => one.open = true);
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const words = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
  if (!words || element.closest('.hidden, .skip, style')) continue;
  const grounds = [];
  for (let one = element; one; one = one.parentElement) grounds.unshift(getComputedStyle(one).backgroundColor);
  const [a, b] = [light(painted('white', ...grounds)), light(painted(getComputedStyle(element).color))];
  found.push([words, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
}
return found;
"""
