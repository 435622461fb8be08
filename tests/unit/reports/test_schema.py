"""The published schema of the JSON report: current, and true of real reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jobs.reports.json_report import write_json
from jobs.reports.schema import SCHEMA_FILE, schema_text
from jobs.specs import Outcome
from recovery import RecoveryLevel
from tests.unit.reports.verdicts import SLOWER, attempt, compared, header, verdict


def published() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


def test_the_published_schema_is_current() -> None:
    current = SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert current, (
        "a report's form changed: run `python -m jobs.reports.schema`; raise SCHEMA if a reader could stumble"
    )


def test_a_report_of_every_kind_of_verdict_is_as_the_schema_says(tmp_path: Path) -> None:
    way = (attempt(1, "crash", cause="gone"), attempt(2, "passed", RecoveryLevel.MODERATE))
    verdicts = [*(verdict(one.value, one) for one in Outcome), verdict("recovered", attempts=way, recovered=True)]
    write_json(tmp_path / "report.json", header("degraded"), verdicts, compared(SLOWER))
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(published())
    checker.validate(report)
    assert report["baseline"]["regressions"][0]["kind"] == "latency"
    report["verdicts"][0]["outcome"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        checker.validate(report)


def test_a_field_that_a_later_version_adds_is_no_error(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", header(), [verdict()])
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    report["verdicts"][0]["new"] = report["new"] = 1
    jsonschema.Draft202012Validator(published()).validate(report)
