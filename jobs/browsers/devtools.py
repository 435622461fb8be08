"""Chromium's own line beside WebDriver: for profiles and their pages, which it makes without waiting for them."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any
from urllib.request import urlopen

from websocket import WebSocketException, create_connection


class DevTools:
    """One connection to the browser's DevTools endpoint. Not for use by two threads at once."""

    def __init__(self, endpoint: str, timeout: float) -> None:
        """Connect to ``endpoint``, a host and port.

        Raises:
            OSError, WebSocketException: it does not answer within ``timeout`` seconds, as no call may later.
        """
        with urlopen(f"http://{endpoint}/json/version", timeout=timeout) as reply:
            address = json.load(reply)["webSocketDebuggerUrl"]
        # Chromium refuses whoever comes with an origin: that would be a page.
        self._socket = create_connection(address, timeout=timeout, suppress_origin=True)
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}

    def begin(self, method: str, **parameters: str | bool) -> int:
        """Ask for something; ``answer`` takes what comes of it."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return number

    def answer(self, number: int) -> dict[str, Any]:
        """What came of what was begun.

        Raises:
            WebSocketException: the browser refused it, or the line broke.
            TimeoutError: there was no answer in time.
        """
        deadline = time.monotonic() + self._timeout
        while number not in self._answers:
            if time.monotonic() > deadline:
                raise TimeoutError(f"DevTools did not answer within {self._timeout:g} s")
            message = json.loads(self._socket.recv())
            if "id" in message:
                self._answers[message["id"]] = message
        answer = self._answers.pop(number)
        if "error" in answer:
            raise WebSocketException(f"DevTools: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, method: str, **parameters: str | bool) -> dict[str, Any]:
        """Ask, and wait for the answer. Raises as ``answer``."""
        return self.answer(self.begin(method, **parameters))

    def close(self) -> None:
        """Hang up."""
        self._socket.close(timeout=0)


def endpoint_of(capabilities: dict[str, Any]) -> str | None:
    """Where a WebDriver session's browser listens for DevTools; None: it is no Chromium."""
    own = capabilities.get("goog:chromeOptions", capabilities.get("ms:edgeOptions", {}))
    endpoint: str | None = own.get("debuggerAddress")
    return endpoint
