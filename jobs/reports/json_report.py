"""The JSON report. ``schema`` grows with every change that a reader could stumble over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from jobs.batches.values import BatchHeader
from jobs.reports.summary import summarise
from jobs.reports.writing import write_whole
from jobs.specs import Verdict

SCHEMA = 1


def write_json(path: Path, header: BatchHeader, verdicts: Sequence[Verdict]) -> None:
    """Write the report of a batch.

    Raises:
        OSError: the file can't be written.
    """
    summary = summarise(verdicts, header.allow)
    report = {
        "schema": SCHEMA,
        "breakwater": version("breakwater"),
        "batch": header.model_dump(mode="json", exclude={"total"}),
        "summary": {
            "total": summary.total,
            **{outcome.value: count for outcome, count in summary.outcomes.items()},
            **summary.marks,
            "recoveries": {
                level.name.lower(): {"tried": counts.tried, "recovered": counts.recovered}
                for level, counts in summary.recoveries.items()
            },
            "exit_code": int(summary.exit_code),
        },
        "verdicts": [verdict.model_dump(mode="json") for verdict in sorted(verdicts, key=lambda one: one.test)],
    }
    write_whole(path, json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
