"""The line to a session's driver: Selenium's own, with limits of ours on every wait of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.launch import BrowserOptions
from jobs.settings import Settings

# Seconds that WebDriver has to say what became of a page that fell silent.
QUESTION_TIMEOUT: Final = 3.0
# Seconds between two looks at a BiDi answer; Selenium's own tenth of a second makes every command that slow.
BIDI_POLL: Final = 0.005

# It tells of every browser's end as of an error; we see those ourselves.
logging.getLogger("websocket").setLevel(logging.CRITICAL)


class DriverLine:
    """One session's. Not for use by two threads at once."""

    def __init__(self, config: Settings) -> None:
        self._usual = config.webdriver_timeout
        self.driver: WebDriver | None = None
        """Selenium's own; None before ``open``."""

        self.client = ClientConfig(
            remote_server_addr="http://127.0.0.1",
            timeout=config.launch_timeout,  # type: ignore[arg-type]  # urllib3 takes a float
            websocket_timeout=config.webdriver_timeout,
            websocket_interval=BIDI_POLL,
            # urllib3 would ask again by itself, and a hang would last four times as long.
            init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
        )

    def open(self, address: str, options: BrowserOptions) -> WebDriver:
        """Have the driver that listens at ``address`` start a browser.

        Raises:
            WebDriverException, HTTPError, OSError: it did not work.
        """
        self.client.remote_server_addr = address
        self.driver = WebDriver(address, options=options, client_config=self.client)
        self.client.timeout = self._usual
        self.set_waits()
        return self.driver

    @property
    def address(self) -> str:
        """Where the driver listens."""
        return str(self.client.remote_server_addr)

    @property
    def command_seconds(self) -> float:
        """How long a command may take: what the browser itself waits for, and its answer."""
        return self._usual + QUESTION_TIMEOUT

    def set_waits(self) -> None:
        """No command waits longer than we would for its answer. Raises as ``open``."""
        assert self.driver is not None
        self.driver.implicitly_wait(0)
        self.driver.set_page_load_timeout(self._usual)
        self.driver.set_script_timeout(self._usual)

    @contextlib.contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """The driver has so long for a command meanwhile."""
        before, self.client.timeout = self.client.timeout, seconds
        bidi = None if self.driver is None else self.driver._websocket_connection
        if bidi is not None:
            bidi.response_wait_timeout = seconds
        try:
            yield
        finally:
            self.client.timeout = before
            if bidi is not None:
                bidi.response_wait_timeout = self._usual
