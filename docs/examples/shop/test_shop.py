"""The same shop, tested by pytest: here with a local browser, or on the farm with ``pytest --breakwater``."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.own import Context


@pytest.mark.breakwater(browsers=["chrome", "firefox"], timeout=20)
@pytest.mark.parametrize(("clicks", "total"), [(1, 20), (3, 60)])
def test_lamps_add_up(driver: WebDriver, context: Context[object], clicks: int, total: int) -> None:
    driver.get(context.url("/"))
    context.until(lambda page: page.find_element(By.ID, "status").text == "Ready", "the shop to be ready", 5)
    for _ in range(clicks):
        driver.find_element(By.CSS_SELECTOR, "button").click()
    assert driver.find_element(By.ID, "total").text == str(total)


def test_prices_are_whole_euros() -> None:
    """Not marked: it runs where pytest runs, either way."""
    assert 20 * 3 == 60
