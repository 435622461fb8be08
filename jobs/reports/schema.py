"""The published form of the JSON report: ``python -m jobs.reports.schema`` writes ``report.schema.json`` anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobs.reports.json_report import Report

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


def schema_text() -> str:
    """The JSON Schema of the report, as the file holds it."""
    schema = Report.model_json_schema(mode="serialization")
    # A new field is no new version: who checks reports by this schema must not refuse them.
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **_open(schema)}, indent=2) + "\n"


def _open(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _open(value) for key, value in node.items() if not (key == "additionalProperties" and value is False)
        }
    return [_open(value) for value in node] if isinstance(node, list) else node


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
