"""Tests of a user's own that are wrong, for planted.py: one asserts what isn't so, in one the page's script breaks."""

from __future__ import annotations

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

PAGE = "data:text/html,<h1>3 lamps</h1><script>function total() { return cart.items.length; }</script>"


def wrong_count(driver: WebDriver) -> None:
    """Fails by an assertion."""
    driver.get(PAGE)
    assert driver.find_element(By.TAG_NAME, "h1").text == "4 lamps"


def broken_script(driver: WebDriver) -> None:
    """Fails by an error of the page under test."""
    driver.get(PAGE)
    driver.execute_script("return total()")
