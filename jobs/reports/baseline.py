"""A batch against a former one: is it slower, less exact, or more often broken than chance explains?

A cell is judged against the same cell on the same browser, backend, kind of adapter and weights. Thresholds are ratios;
besides, a difference must leave the spread that the baseline itself had.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.bad_input import BadInput
from jobs.models.incomparable import INCOMPARABLE
from jobs.reports.thresholds import (
    ERROR_FLOOR,
    LATENCY_FLOOR_MS,
    LEAST_RUNS,
    LEAST_TESTS,
    Comparison,
    Regression,
    Thresholds,
)
from jobs.specs import Verdict
from recovery.statistics import wilson


class _Read(BaseModel):
    """A part of a report; other versions of this program may know more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Adapter(_Read):
    software: bool


class _Measurement(_Read):
    backend: str
    adapter: _Adapter | None = None
    weights: str = ""
    run_ms_p50: float
    run_ms_p95: float
    runs: int
    max_abs_error: float
    tolerance: float


class _Attempt(_Read):
    failure_type: str | None = None


class _Verdict(_Read):
    test: str
    outcome: str
    asked_browser: str
    browser: str | None = None
    measurement: _Measurement | None = None
    attempts: tuple[_Attempt, ...] = ()


class _Batch(_Read):
    id: str


class _Report(_Read):
    version: Literal[1] = Field(alias="schema")
    batch: _Batch
    verdicts: tuple[_Verdict, ...]


class _Place(NamedTuple):
    """What must agree for two measurements to be comparable."""

    cell: str
    browser: str | None
    backend: str
    software: bool | None
    weights: str

    def __str__(self) -> str:
        return f"{self.cell} on {self.backend}"


class _Pair(NamedTuple):
    """What was measured in a place, in the baseline and now."""

    place: _Place
    before: Sequence[_Measurement]
    now: Sequence[_Measurement]


@dataclass(frozen=True)
class Baseline:
    """A former report, ready to be compared with."""

    batch: str
    verdicts: tuple[_Verdict, ...]

    @cached_property
    def cells(self) -> frozenset[str]:
        """The cells that it knows."""
        return frozenset(cell_of(verdict.test) for verdict in self.verdicts)

    def check_knows_one_of(self, tests: Iterable[str]) -> None:
        """See that there is something to compare, before anything runs.

        Raises:
            BadInput: it is the report of quite another batch.
        """
        if not any(cell_of(test) in self.cells for test in tests):
            raise BadInput(f"baseline: it is the report of batch {self.batch}, which has no test of this one")

    def compare(self, verdicts: Sequence[Verdict], thresholds: Thresholds) -> Comparison:
        """What of the verdicts is worse than here."""
        now = tuple(_Verdict.model_validate(verdict.model_dump(mode="json")) for verdict in verdicts)
        places_before, places_now = _by_place(self.verdicts), _by_place(now)
        both = [
            _Pair(place, places_before[place], runs) for place, runs in places_now.items() if place in places_before
        ]
        judged = [pair for pair in both if min(_runs(pair.before), _runs(pair.now)) >= LEAST_RUNS]
        return Comparison(
            baseline=self.batch,
            thresholds=thresholds,
            compared=len(both),
            only_now=len(places_now.keys() - places_before.keys()),
            only_before=len(places_before.keys() - places_now.keys()),
            too_few=len(both) - len(judged),
            regressions=(
                *sorted(_slower(judged, thresholds.latency), key=lambda one: -one.now / one.before),
                *sorted(_less_exact(both, thresholds.error), key=lambda one: one.where),
                *_more_broken(self.verdicts, now, thresholds.failures),
            ),
            newly_failing=_newly_failing(self.verdicts, now),
        )


def read_baseline(path: Path) -> Baseline:
    """Read a JSON report to compare with.

    Raises:
        BadInput: the file can't be read, or is no report of ours.
    """
    try:
        report = _Report.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"baseline {path}: {error.strerror}; give the JSON report of a former run") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"baseline {path}: is not JSON; give the JSON report of a former run") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise BadInput(
            f"baseline {path}: is no report of schema 1: {where}: {first['msg'].lower()}; "
            "give a file that --report-json wrote"
        ) from error
    return Baseline(report.batch.id, report.verdicts)


def cell_of(test: str) -> str:
    """A test's id without the number of its repetition."""
    return re.sub(r"#\d+$", "", test)


def _by_place(verdicts: Iterable[_Verdict]) -> Mapping[_Place, list[_Measurement]]:
    found: dict[_Place, list[_Measurement]] = defaultdict(list)
    for verdict in verdicts:
        run = verdict.measurement
        if run is not None:
            software = run.adapter.software if run.adapter else None
            found[_Place(cell_of(verdict.test), verdict.browser, run.backend, software, run.weights)].append(run)
    return found


def _runs(measurements: Iterable[_Measurement]) -> int:
    return sum(one.runs for one in measurements)


def _slower(cells: Iterable[_Pair], limit: float) -> Iterator[Regression]:
    for place, before, now in cells:
        was, is_ = median(one.run_ms_p50 for one in before), median(one.run_ms_p50 for one in now)
        # As slow as the baseline's own slow runs is no news.
        usual = median(one.run_ms_p95 for one in before)
        if was > 0 and is_ >= limit * was and is_ - was >= LATENCY_FLOOR_MS and is_ > usual:
            yield Regression(
                kind="latency", where=str(place), before=was, now=is_,
                samples_before=_runs(before), samples_now=_runs(now),
            )  # fmt: skip


def _less_exact(cells: Iterable[_Pair], limit: float) -> Iterator[Regression]:
    for place, before, now in cells:
        was, is_ = max(one.max_abs_error for one in before), max(one.max_abs_error for one in now)
        rounding = ERROR_FLOOR * min(one.tolerance for one in now)
        if is_ < INCOMPARABLE and is_ > limit * was and is_ > rounding:
            yield Regression(
                kind="error", where=str(place), before=was, now=is_,
                samples_before=_runs(before), samples_now=_runs(now),
            )  # fmt: skip


def _more_broken(before: Iterable[_Verdict], now: Iterable[_Verdict], limit: float) -> Iterator[Regression]:
    hit_before, hit_now = _hit_by_browser(before), _hit_by_browser(now)
    for browser in sorted(hit_before.keys() & hit_now.keys()):
        (bad_was, all_was), (bad_is, all_is) = hit_before[browser], hit_now[browser]
        if min(all_was, all_is) < LEAST_TESTS:
            continue
        was, is_ = bad_was / all_was, bad_is / all_is
        if is_ - was > limit and wilson(bad_is, all_is)[0] > wilson(bad_was, all_was)[1]:
            yield Regression(
                kind="failures", where=browser, before=was, now=is_, samples_before=all_was, samples_now=all_is
            )


def _hit_by_browser(verdicts: Iterable[_Verdict]) -> Mapping[str, tuple[int, int]]:
    """By the browser asked for: tests that the infrastructure failed under, and all that came to an end."""
    counts: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for verdict in verdicts:
        if verdict.outcome != "cancelled":
            hit, total = counts[verdict.asked_browser]
            was_hit = any(entry.failure_type for entry in verdict.attempts)
            counts[verdict.asked_browser] = hit + was_hit, total + 1
    return counts


def _newly_failing(before: Iterable[_Verdict], now: Iterable[_Verdict]) -> tuple[str, ...]:
    passed = {verdict.test for verdict in before if verdict.outcome == "passed"}
    return tuple(sorted(one.test for one in now if one.test in passed and one.outcome in {"failed", "error"}))
