"""The JSON report. ``schema`` grows with every change that a reader could stumble over."""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from jobs.batches.values import BatchHeader
from jobs.recoveries import summary_of
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
        "recovery": summary_of(verdicts).model_dump(mode="json"),
        "environment": _environment(verdicts),
        "verdicts": [verdict.model_dump(mode="json") for verdict in sorted(verdicts, key=lambda one: one.test)],
    }
    write_whole(path, json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _environment(verdicts: Iterable[Verdict]) -> dict[str, object]:
    """The machine that wrote the report, and the browsers that gave the results, wherever they ran."""
    versions: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        if verdict.browser is not None and verdict.measurement is not None and verdict.measurement.browser_version:
            versions[verdict.browser.value].add(verdict.measurement.browser_version)
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "browsers": {browser: sorted(seen) for browser, seen in sorted(versions.items())},
    }
