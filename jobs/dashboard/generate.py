"""Write ``src/told.ts`` from the models of told.py: ``python -m jobs.dashboard.generate``. A test keeps it fresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from jobs.dashboard import told
from jobs.page.generate import typescript, whole_definitions

TARGET = Path(__file__).parent / "src" / "told.ts"
_MESSAGES: tuple[type[BaseModel], ...] = (
    told.Farm, told.Change, told.TransitionTold, told.Trouble, told.Batches, told.Board, told.TestTold, told.Recovery,
)  # fmt: skip


def schema() -> dict[str, Any]:
    """One JSON schema of all that the pages are told."""
    refs, definitions = whole_definitions(_MESSAGES)
    return {"title": "Message", "oneOf": list(refs.values()), "$defs": definitions}


def generate() -> str:
    """The text of ``src/told.ts``.

    Raises:
        subprocess.CalledProcessError: json-schema-to-typescript is not installed or refused the schema.
    """
    return typescript(schema(), "jobs/dashboard/told.py", "jobs.dashboard.generate")


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
