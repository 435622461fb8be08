"""Write ``src/told.ts`` from the models of told.py: ``python -m jobs.dashboard.generate``. A test keeps it fresh."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jobs.dashboard import told
from jobs.page import ROOT
from jobs.page.generate import node

TARGET = Path(__file__).parent / "src" / "told.ts"
# Seconds; it takes four on a quiet machine.
_TIMEOUT = 150.0
_MESSAGES: tuple[type[BaseModel], ...] = (
    told.Farm, told.Change, told.TransitionTold, told.Trouble, told.Batches, told.Board, told.TestTold, told.Recovery,
)  # fmt: skip


def schema() -> dict[str, Any]:
    """One JSON schema of all that the pages are told."""
    refs, combined = models_json_schema([(model, "serialization") for model in _MESSAGES], title="Message")
    definitions = combined["$defs"]
    for definition in definitions.values():
        if "properties" in definition:
            definition["required"] = list(definition["properties"])  # a default is sent too: whole messages only
        for field in definition.get("properties", {}).values():
            field.pop("title", None)  # json2ts would make an alias of each
            field.pop("maxItems", None)
    return {
        "title": "Message",
        "oneOf": [refs[model, "serialization"] for model in _MESSAGES],
        "$defs": definitions,
    }


def generate() -> str:
    """The text of ``src/told.ts``.

    Raises:
        subprocess.CalledProcessError: json-schema-to-typescript is not installed or refused the schema.
    """
    done = subprocess.run(
        [node(), str(ROOT / "schema-to-types.mjs"), "jobs/dashboard/told.py", "jobs.dashboard.generate"],
        input=json.dumps(schema()),
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT,
        cwd=ROOT,
    )
    return done.stdout


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
