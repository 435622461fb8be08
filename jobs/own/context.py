"""What a user's own test gets beside the driver: its parameters, waits within its time, artefacts, addresses, a log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar
from urllib.parse import urljoin

# Slow to load: whoever has a driver has it, and a farm's client has none.
if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver
    from selenium.webdriver.support.wait import WebDriverWait

# As what is kept of a failed attempt: a file has at most so many bytes, and a test attaches at most so many files.
LARGEST_ARTEFACT: Final = 2 * 1024 * 1024
MOST_ARTEFACTS: Final = 20
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
# Seconds between two looks of a wait.
_POLL: Final = 0.1

P = TypeVar("P")
T = TypeVar("T")


class Context(Generic[P]):
    """A test's surroundings. ``Context[MyParameters]``, a pydantic model, makes the parameters that model."""

    def __init__(
        self,
        driver: WebDriver | None,
        *,
        test: str,
        browser: str,
        attempt: int,
        parameters: P,
        base_url: str | None,
        seconds: float,
        folder: Path,
    ) -> None:
        self.test = test
        """The test's id."""
        self.browser = browser
        """The browser that runs it: chrome, firefox, edge, safari."""
        self.attempt = attempt
        """1, unless the infrastructure failed under an earlier one."""
        self.parameters = parameters
        """As the batch gives them; the model of ``Context[…]`` where the function names one."""
        self.base_url = base_url
        """The address of what is tested, as the batch gives it."""
        self.log = logging.getLogger(f"breakwater.test.{test}")
        """What it is told is in the attempt's artefact ``output.txt`` if the test fails."""
        self._driver = driver
        self._ends = time.monotonic() + seconds
        self._folder = folder
        self._attached: set[str] = set()

    @property
    def remaining(self) -> float:
        """Seconds that are left of the attempt's time; not below 0."""
        return max(0.0, self._ends - time.monotonic())

    def url(self, path: str) -> str:
        """A path below the base URL, as an absolute address.

        Raises:
            ValueError: the batch gives no base URL.
        """
        if self.base_url is None:
            raise ValueError(f"{path!r} needs a base URL: give the test a base_url")
        return urljoin(self.base_url, path)

    def wait(self, seconds: float | None = None) -> WebDriverWait[WebDriver]:
        """Selenium's own wait, for at most ``seconds`` and never beyond the attempt's time."""
        from selenium.webdriver.support.wait import WebDriverWait  # noqa: PLC0415 - as above

        at_most = self.remaining if seconds is None else min(seconds, self.remaining)
        return WebDriverWait(self._live_driver(), at_most, poll_frequency=_POLL)

    def until(
        self, condition: Callable[[WebDriver], Literal[False] | T], message: str = "", seconds: float | None = None
    ) -> T:
        """Wait until ``condition(driver)`` gives something true, and return that.

        Raises:
            selenium.common.exceptions.TimeoutException: it never did, with ``message``.
        """
        return self.wait(seconds).until(condition, message)

    def screenshot(self, name: str = "page") -> None:
        """Attach a picture of the page as ``<name>.png``."""
        self.attach(f"{name}.png", self._live_driver().get_screenshot_as_png())

    def attach(self, name: str, content: bytes | str | Path) -> None:
        """Keep a file with the test's results: bytes, a text, or the file at a path.

        Raises:
            ValueError: no name for a file, too large, or too many.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"artefact {name!r}: allowed are up to 80 of a-z, 0-9, '.' and '-'")
        if isinstance(content, Path):
            content = _read(name, content)
        data = content.encode() if isinstance(content, str) else content
        if len(data) > LARGEST_ARTEFACT:
            raise ValueError(f"artefact {name}: {len(data)} bytes; allowed are {LARGEST_ARTEFACT}")
        if name not in self._attached and len(self._attached) >= MOST_ARTEFACTS:
            raise ValueError(f"artefact {name}: a test may attach {MOST_ARTEFACTS} files")
        self._attached.add(name)
        (self._folder / name).write_bytes(data)

    def _live_driver(self) -> WebDriver:
        if self._driver is None:
            raise RuntimeError("this context has no driver: the test runs on the farm")
        return self._driver


def _read(name: str, path: Path) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_ARTEFACT:
        raise ValueError(f"artefact {name}: {path} has {size} bytes; allowed are {LARGEST_ARTEFACT}")
    return path.read_bytes()
