"""An error and what was seen around it, made easy to ask questions of. The answers are rules.py's business."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from recovery.failures import BrowserFailure, Evidence

# Causes of causes; deeper ones tell nothing more, and a chain may be a circle.
_LONGEST_CHAIN = 12
# Characters of a message that are read: the cause stands in front, and a page may have written the rest.
_LONGEST_MESSAGE = 4_000

# Drivers hang a stack trace and links on what they say, full of words that mean nothing here.
_TRAILER = re.compile(
    r"\n?\s*(\(?session info:|stacktrace:|backtrace:|build info:|driver info:|call log:"
    r"|command duration or timeout:|; for documentation on this error|for documentation on this error|please visit: )",
    re.IGNORECASE,
)


def said_by(error: BaseException) -> str:
    """An error's message without the trailers that drivers add."""
    text = str(error)[:_LONGEST_MESSAGE].removeprefix("Message: ")
    trailer = _TRAILER.search(text)
    return (text[: trailer.start()] if trailer else text).strip()


def chain_of(error: BaseException) -> tuple[BaseException, ...]:
    """The error and what caused it, nearest first."""
    chain: list[BaseException] = []
    waiting = [error]
    while waiting and len(chain) < _LONGEST_CHAIN:
        link = waiting.pop(0)
        if not any(link is known for known in chain):
            chain.append(link)
            waiting.extend(_causes(link))
    return tuple(chain)


def _causes(error: BaseException) -> Iterator[BaseException]:
    # urllib3 keeps the cause of its MaxRetryError in ``reason``.
    for cause in (error.__cause__, getattr(error, "reason", None)):
        if isinstance(cause, BaseException):
            yield cause
    if error.__context__ is not None and not error.__suppress_context__:
        yield error.__context__
    if isinstance(error, BaseExceptionGroup):
        yield from error.exceptions


@dataclass(frozen=True)
class Case:
    """One failure to be categorised."""

    error: BaseException
    evidence: Evidence

    @cached_property
    def chain(self) -> tuple[BaseException, ...]:
        """The error and what caused it, nearest first."""
        return chain_of(self.error)

    @cached_property
    def own_names(self) -> frozenset[str]:
        """Class names of the error itself, base classes included."""
        return frozenset(kind.__name__ for kind in type(self.error).__mro__)

    @cached_property
    def names(self) -> frozenset[str]:
        """Class names of the whole chain, base classes included."""
        return frozenset(kind.__name__ for link in self.chain for kind in type(link).__mro__)

    @cached_property
    def text(self) -> str:
        """The messages of the whole chain."""
        return "\n".join(map(said_by, self.chain))

    @cached_property
    def errnos(self) -> frozenset[int]:
        """Error numbers of the operating system in the chain."""
        return frozenset(link.errno for link in self.chain if isinstance(link, OSError) and link.errno is not None)

    @cached_property
    def declared(self) -> BrowserFailure | None:
        """The failure in the chain that somebody who was there raised with a category."""
        for link in self.chain:
            if isinstance(link, BrowserFailure) and type(link) is not BrowserFailure:
                return link
        return None

    def says(self, words: re.Pattern[str]) -> bool:
        """Whether any message of the chain contains these words."""
        return words.search(self.text) is not None

    def driver_says(self, words: re.Pattern[str]) -> bool:
        """Whether what a WebDriver said, somewhere in the chain, contains these words."""
        drivers = (
            link for link in self.chain if any(kind.__name__ == "WebDriverException" for kind in type(link).__mro__)
        )
        return any(words.search(said_by(link)) for link in drivers)
