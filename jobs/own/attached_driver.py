"""A WebDriver that drives a session which somebody else started, and will end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from selenium.webdriver.chrome.options import Options as ChromeOptions
from selenium.webdriver.common.options import BaseOptions
from selenium.webdriver.edge.options import Options as EdgeOptions
from selenium.webdriver.firefox.options import Options as FirefoxOptions
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.remote.webdriver import WebDriver

log = logging.getLogger("breakwater.test")

# Seconds between two looks at a BiDi answer; Selenium's own tenth of a second makes every command that slow.
BIDI_POLL = 0.005

_OPTIONS: Mapping[str, type[BaseOptions]] = {
    "firefox": FirefoxOptions,
    "edge": EdgeOptions,
    "MicrosoftEdge": EdgeOptions,
}


class AttachedDriver(WebDriver):
    """Selenium's own in all but starting and quitting."""

    def __init__(self, address: str, session_id: str, capabilities: Mapping[str, Any], command_seconds: float) -> None:
        self._given = session_id, dict(capabilities)
        browser = str(capabilities.get("browserName", ""))
        client = ClientConfig(
            remote_server_addr=address,
            timeout=command_seconds,  # type: ignore[arg-type]  # urllib3 takes a float
            websocket_interval=BIDI_POLL,
            # urllib3 would ask again by itself, and a hang would last four times as long.
            init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
        )
        super().__init__(address, options=_OPTIONS.get(browser, ChromeOptions)(), client_config=client)

    def start_session(self, capabilities: dict[str, Any]) -> None:
        """Take the session that is there; Selenium's constructor calls this to start one."""
        del capabilities
        self.session_id, self.caps = self._given

    def quit(self) -> None:
        """Does nothing: the session is the worker's."""
        log.info("driver.quit() was left out: the worker ends its session itself")

    def execute_cdp_cmd(self, command: str, arguments: Mapping[str, Any]) -> Any:
        """Chromium's own commands, as ``selenium.webdriver.Chrome`` has them."""
        return self.execute("executeCdpCommand", {"cmd": command, "params": dict(arguments)})["value"]

    def let_go(self) -> None:
        """Close our connections; the session goes on."""
        if self._websocket_connection is not None:
            self._websocket_connection.close()
        if isinstance(self.command_executor, RemoteConnection):
            self.command_executor.close()
