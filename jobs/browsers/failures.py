"""From an exception and what is seen around it to the failure that recovery understands; and what is no failure."""

from __future__ import annotations

from selenium.common.exceptions import WebDriverException
from urllib3.exceptions import HTTPError
from websocket import WebSocketException

from jobs.browsers.page_link import LinkClosed
from jobs.specs import Measurement, OwnRun
from recovery import BrowserFailure, Evidence, FailureType, categorize_browser_failure
from recovery.failures import InternalFailure

# What talking with a driver, a browser or a page may raise.
LINE_ERRORS = (WebDriverException, WebSocketException, HTTPError, OSError, LinkClosed, TimeoutError)

_CLASSES = {kind.failure_type: kind for kind in BrowserFailure.__subclasses__()}


class TestFailure(Exception):
    """The test's own: wrong numbers, a model that can't be run, an error of the page under test. Never recovered."""

    __test__ = False

    def __init__(self, message: str, measurement: Measurement | None = None, own: OwnRun | None = None) -> None:
        super().__init__(message)
        self.measurement = measurement
        self.own = own


class AttemptAborted(Exception):
    """Nobody wants the attempt's result any more: its lease is lost, or its batch was cancelled."""


def as_failure(error: Exception, evidence: Evidence) -> BrowserFailure:
    """The failure that an exception of Selenium, of the network or of the system stands for. Raise it ``from`` it."""
    if isinstance(error, BrowserFailure):
        return error
    info = categorize_browser_failure(error, evidence)
    # While a session is started or renewed there is no test that could have failed.
    kind = InternalFailure if info.failure_type is FailureType.TEST_FAILURE else _CLASSES[info.failure_type]
    return kind(info.message, info.evidence)
