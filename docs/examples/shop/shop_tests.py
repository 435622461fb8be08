"""Tests of the shop, for a batch: plain functions that get a Selenium driver and a context."""

from pydantic import BaseModel
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.own import Context


class Purchase(BaseModel):
    """What the batch file gives as parameters."""

    clicks: int
    total: int


def open_shop(driver: WebDriver, context: Context[object]) -> None:
    """Load the page and wait until its script is done."""
    driver.get(context.url("/"))
    context.until(lambda page: page.find_element(By.ID, "status").text == "Ready", "the shop to be ready", 5)


def new_visitors_have_an_empty_cart(driver: WebDriver, context: Context[object]) -> None:
    """Each test has a profile of its own: no cart is left of another one."""
    open_shop(driver, context)
    assert driver.find_element(By.ID, "count").text == "0"


def lamps_add_up(driver: WebDriver, context: Context[Purchase]) -> None:
    """The cart counts, and it survives a reload."""
    open_shop(driver, context)
    for _ in range(context.parameters.clicks):
        driver.find_element(By.CSS_SELECTOR, "button").click()
    open_shop(driver, context)
    context.screenshot("cart")
    total = driver.find_element(By.ID, "total").text
    assert total == str(context.parameters.total)
