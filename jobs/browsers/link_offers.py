"""The files that one page may load, and their addresses. Thread-safe."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Final
from urllib.parse import quote

MAX_OFFERS: Final = 1_000


class LinkOffers:
    """One line's. A number is never used again: an address that was withdrawn is not found."""

    def __init__(self, page_url: str) -> None:
        self._page_url = page_url
        self._lock = threading.Lock()
        self._files: dict[int, Path] = {}
        self._numbers = itertools.count(1)

    def add(self, path: Path) -> str:
        """Offer a file; its address. The same path keeps its own.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: too many offers, or not a regular file.
        """
        resolved = path.resolve(strict=True)
        if not resolved.is_file():
            raise ValueError(f"{path} is not a regular file")
        with self._lock:
            number = next((number for number, offered in self._files.items() if offered == resolved), None)
            if number is None:
                if len(self._files) >= MAX_OFFERS:
                    raise ValueError(f"more than {MAX_OFFERS} files offered to one page; withdraw some")
                number = next(self._numbers)
                self._files[number] = resolved
        return f"{self._page_url}files/{number}/{quote(path.name)}"

    def withdraw_all(self) -> None:
        """Take all back."""
        with self._lock:
            self._files.clear()

    def file(self, number: int) -> Path | None:
        """The file behind an address."""
        return self._files.get(number)
