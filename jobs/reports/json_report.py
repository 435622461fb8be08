"""The JSON report. Its schema is published beside this file; ``python -m jobs.reports.schema`` writes that."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.batches.values import BatchHeader
from jobs.recoveries import summary_of
from jobs.reports.artefact_files import NO_FILES, ArtefactFiles
from jobs.reports.summary import summarise
from jobs.reports.thresholds import Comparison
from jobs.reports.writing import write_whole
from jobs.specs import Outcome, Verdict
from recovery import RecoveryLevel
from recovery.statistics import RecoverySummary

SCHEMA: Literal[1] = 1
"""Grows with every change that a reader could stumble over; a new field is none."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class LevelReport(_Value):
    """Attempts at a level of recovery."""

    tried: int
    recovered: int = Field(description="those that gave the test its result")


class SummaryReport(_Value):
    """Counts over the verdicts."""

    total: int
    passed: int
    failed: int
    error: int
    cancelled: int
    recovered: int = Field(description="passed, but only after a failure of the infrastructure")
    degraded: int = Field(description="another browser or backend than asked gave the result")
    simulated: int = Field(description="no browser gave the result, but native onnxruntime")
    recoveries: dict[str, LevelReport] = Field(description="by level, from minimal to simulation")
    exit_code: int = Field(description="what the command ended with, or would")


class Environment(_Value):
    """The machine that wrote the report, and the browsers that gave the results, wherever they ran."""

    python: str
    system: str
    machine: str
    processors: int | None
    browsers: dict[str, list[str]] = Field(description="versions by browser")


class Report(_Value):
    """A batch when it ended."""

    version: Literal[1] = Field(alias="schema", description="version of this form; ignore fields that you don't know")
    breakwater: str = Field(description="version of the program")
    batch: BatchHeader
    summary: SummaryReport
    recovery: RecoverySummary
    environment: Environment
    baseline: Comparison | None = Field(description="the comparison with a former batch, if one was asked for")
    verdicts: list[Verdict] = Field(description="in the order of their tests")


def report_of(header: BatchHeader, verdicts: Sequence[Verdict], comparison: Comparison | None = None) -> Report:
    """All that is to be said of a batch."""
    summary = summarise(verdicts, header.allow, comparison)
    return Report(
        schema=SCHEMA,
        breakwater=version("breakwater"),
        batch=header,
        summary=SummaryReport(
            total=summary.total,
            **{outcome.value: summary.outcomes[outcome] for outcome in Outcome},
            **summary.marks,
            recoveries={
                level.name.lower(): LevelReport(tried=counts.tried, recovered=counts.recovered)
                for level, counts in ((level, summary.recoveries[level]) for level in RecoveryLevel)
            },
            exit_code=int(summary.exit_code),
        ),
        recovery=summary_of(verdicts),
        environment=_environment(verdicts),
        baseline=comparison,
        verdicts=sorted(verdicts, key=lambda one: one.test),
    )


def write_json(
    path: Path,
    header: BatchHeader,
    verdicts: Sequence[Verdict],
    comparison: Comparison | None = None,
    _: ArtefactFiles = NO_FILES,
) -> None:
    """Write the report of a batch.

    Raises:
        OSError: the file can't be written.
    """
    write_whole(path, report_of(header, verdicts, comparison).model_dump_json(indent=2) + "\n")


def _environment(verdicts: Iterable[Verdict]) -> Environment:
    versions: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        run = verdict.measurement or verdict.own
        if verdict.browser is not None and run is not None and run.browser_version:
            versions[verdict.browser.value].add(run.browser_version)
    return Environment(
        python=platform.python_version(),
        system=platform.system(),
        machine=platform.machine(),
        processors=os.cpu_count(),
        browsers={browser: sorted(seen) for browser, seen in sorted(versions.items())},
    )
