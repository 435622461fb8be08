"""What benchmarks tell line by line: printed when it is measured, and JSON for machines at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar


class _Named(Protocol):
    """A NamedTuple."""

    def _asdict(self) -> dict[str, Any]: ...


L = TypeVar("L", bound=_Named)


def tell(lines: Iterable[L], show: Callable[[L], str], file: Path | None) -> None:
    """Print each line as it comes, and write all of them to ``file`` if one is given."""
    seen = []
    for line in lines:
        seen.append(line)
        print(show(line), flush=True)
    if file is not None:
        file.write_text(json.dumps([line._asdict() for line in seen], indent=2), encoding="utf-8")
