"""Functions that tests of users' own tests let a worker run: well-behaved ones, wrong ones, and ones that hang."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from os import getcwd  # noqa: F401 - what a module imports is no function of its own
from typing import TYPE_CHECKING

from pydantic import BaseModel
from selenium.webdriver.common.by import By

from jobs.own import Context

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

PAGE = "data:text/html,<h1>A page</h1>"


class Order(BaseModel):
    """Parameters of a test, as a model."""

    items: int
    gift: bool = False


def heading(driver: WebDriver, context: Context[Order]) -> None:
    """Passes; uses all that a context gives."""
    driver.get(PAGE)
    title = context.until(lambda page: page.find_element(By.TAG_NAME, "h1"), "a heading", 30)
    context.screenshot()
    context.attach("notes.txt", f"{context.browser} {context.attempt} {context.url('/x')} {context.remaining > 0}")
    context.log.info("the heading is there")
    assert title.text == "A page"
    assert context.parameters == Order(items=3, gift=True)


def wrong_heading(driver: WebDriver, context: Context[object]) -> None:
    """Fails."""
    driver.get(PAGE)
    print("printed by the test")
    seen = driver.find_element(By.TAG_NAME, "h1").text
    assert seen == "Another page"


def with_arguments(driver: WebDriver, items: int, gift: bool = False) -> None:
    """Takes its parameters as arguments."""
    driver.get(PAGE)
    assert (items, gift) == (3, True)


def plain_parameters(driver: WebDriver, context: Context[dict[str, int]]) -> None:
    """Takes them as they come, and quits the driver, which is not its own."""
    driver.quit()
    driver.get(PAGE)
    assert context.parameters == {"items": 3}


def raises(driver: WebDriver) -> None:
    """Fails by a mistake of its own."""
    driver.find_element(By.ID, "nowhere")


def sleeps(context: Context[object]) -> None:
    """Waits for what never comes."""
    context.log.info("going to sleep")
    time.sleep(600)


def spins() -> None:
    """Never gives the interpreter back: a C function that runs on."""
    ctypes.PyDLL(None).sleep(600)


def hangs_the_page(driver: WebDriver) -> None:
    """The page under test never comes back from a script."""
    driver.get("data:text/html,<script>setTimeout(() => { for (;;); }, 100)</script>")
    time.sleep(0.3)
    driver.find_element(By.TAG_NAME, "h1")


def ends_the_process() -> None:
    """Leaves without a word."""
    os._exit(3)


def is_killed() -> None:
    """As the kernel's out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def exits() -> None:
    """Raises what is no Exception."""
    raise SystemExit(0)


def leaves_a_thread() -> None:
    """Passes, and goes on."""
    threading.Thread(target=time.sleep, args=(600,)).start()


def leaves_a_process() -> None:
    """Passes, and leaves a child."""
    subprocess.Popen(["sleep", "600"])


def remembers() -> None:
    """Passes; says which process it ran in."""
    print(f"pid {os.getpid()}")


def attaches_too_much(context: Context[object]) -> None:
    """Fails by the size cap."""
    context.attach("large.bin", b"x" * (3 * 1024 * 1024))


def reads_secrets(context: Context[object]) -> None:
    """The farm's Redis is no business of a test."""
    assert "BREAKWATER_REDIS_URL" not in os.environ


async def asynchronous(driver: WebDriver) -> None:
    """Is no test."""


def _hidden(driver: WebDriver) -> None:
    """Is no test either."""


class Holder:
    """Nor is this."""

    def method(self, driver: WebDriver) -> None:
        """Nor this."""


instance_call = Holder().method
