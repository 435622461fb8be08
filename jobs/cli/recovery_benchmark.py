"""``breakwater recovery benchmark``: break real browsers, count what comes back, beside the figures of the seed."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from jobs.batches import BatchHeader
from jobs.browsers.finding import unasked_browsers
from jobs.cli.batch_run import follow, sum_up
from jobs.cli.farms import farm_for
from jobs.cli.folders import check_folder
from jobs.cli.views import view_for
from jobs.exit_codes import ExitCode
from jobs.farm_failure import FarmFailure
from jobs.recovery_benchmark import Measured, Rate, Seconds, measure, tests_of
from jobs.reports.markdown import way_of
from jobs.reports.writing import check_writable
from jobs.settings import settings
from jobs.specs import TestSpec, Verdict
from recovery import BrowserType, RecoveryLevel, RecoveryPolicy

PER_CELL, QUICK_PER_CELL = 30, 8
# Every test here suffers a fault, so circuits would open and send tests elsewhere: what they do is not measured here.
_CALM = {"BREAKWATER_CIRCUIT_FAILURE_THRESHOLD": "1000000"}

# Seconds of rest after a test that cost its browser, in which another one comes to stand by the new one: failures are
# events in a farm, not a series without a pause.
_REST = 5.0

# Below this line a page's tables stand; what is above it is left alone.
_RESULTS = "## Results"

# A heading and its rows; the first row names the columns.
_Sheet = tuple[str, list[Sequence[str]]]


@click.command()
@click.option(
    "--per-cell", type=click.IntRange(1, 10_000), help=f"Tests a browser and model type. [default: {PER_CELL}]"
)
@click.option("--quick", is_flag=True, help=f"{QUICK_PER_CELL} tests a cell: every category of failure once.")
@click.option("--browser", "browsers", multiple=True, type=click.Choice([b.value for b in BrowserType]))
@click.option(
    "--markdown",
    type=click.Path(path_type=Path),
    help=f"Write the tables to this file too, below its line {_RESULTS!r}.",
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="Keep the workers' logs in this folder.")
def benchmark(
    per_cell: int | None, quick: bool, browsers: tuple[str, ...], markdown: Path | None, log_dir: Path | None
) -> int:
    """Break real browsers in every way that there is a fault for, and measure what recovery makes of it.

    A cell is a browser and a model type; each of its tests suffers one fault. Simulation is never allowed. Tests come
    one after another, with a rest after each loss of a browser: none waits for another, nor takes its processors.
    """
    if quick and per_cell is not None:
        raise click.UsageError("give --quick or --per-cell, not both")
    tests = QUICK_PER_CELL if quick else per_cell or PER_CELL
    for name, value in _CALM.items():
        os.environ.setdefault(name, value)
    chosen = [BrowserType(name) for name in browsers] or list(unasked_browsers(settings()))
    if not chosen:
        raise FarmFailure("no browser with its driver is installed here; name the farm's with --browser")
    check_folder(log_dir)
    if markdown is not None:
        check_writable(markdown)
    console = Console()
    machine, began = _machine(), time.monotonic()
    try:
        verdicts = _run([test for browser in chosen for test in tests_of(browser, tests)], chosen, console, log_dir)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    measured = measure(verdicts)
    sheets = sheets_of(measured)
    for heading, rows in sheets:
        console.print(_table(heading, rows))
    for what, lines in (("not seen as what it was", measured.misread), ("not brought back", measured.lost)):
        for line in lines:
            console.print(f"{what}: {line}", style="yellow", highlight=False)
    if markdown is not None:
        command = f"breakwater recovery benchmark --per-cell {tests}" + "".join(f" --browser {b}" for b in browsers)
        write_tables(markdown, _page(sheets, measured, command, machine, time.monotonic() - began))
    return int(ExitCode.PASSED)


def _run(
    tests: Sequence[TestSpec], browsers: Sequence[BrowserType], console: Console, log_dir: Path | None
) -> list[Verdict]:
    """One test after another, with a rest after each loss of a browser; each a batch of its own in the same farm."""
    verdicts: list[Verdict] = []
    with farm_for(browsers, 1, log_dir) as farm:
        for test in tests:
            header = BatchHeader(
                id=f"recovery-{uuid.uuid4().hex[:12]}", name="recovery-benchmark", created_at=time.time(),
                allow=frozenset({"degraded"}), total=1,
            )  # fmt: skip
            farm.backend.store.publish(header, [test])
            follow(farm, header, view_for(console, "quiet"), on_interrupt="leave")
            verdicts += sum_up(farm.backend, header.id, keep_verdicts=True).verdicts
            if _costs_a_browser(verdicts[-1]):
                time.sleep(_REST)
            console.print(f"{len(verdicts):4} of {len(tests)}  {test.id}: {way_of(verdicts[-1])}", highlight=False)
    return verdicts


def _costs_a_browser(verdict: Verdict) -> bool:
    """Whether a browser was replaced for the test."""
    replaced = {RecoveryLevel.MODERATE, RecoveryLevel.AGGRESSIVE}
    return any(entry.level in replaced for entry in verdict.attempts)


def sheets_of(measured: Measured) -> list[_Sheet]:
    """The tables, as text."""
    policy = RecoveryPolicy.default()
    rate_columns = ("tests", "recovered", "rate", "95 % interval", "seed")
    time_columns = ("count", "p50 s", "p95 s", "goal s", "met")
    return [
        (
            "Browser × model type",
            [
                ("browser", "model type", *rate_columns),
                *((browser.value, kind.value, *_rate(one)) for (browser, kind), one in measured.by_cell.items()),
                ("all", "", *_rate(measured.total)),
            ],
        ),
        (
            "Failure × best start",
            [
                ("failure", "first level", *rate_columns, "p50 s", "p95 s"),
                *(
                    (
                        kind.value,
                        _level(policy, kind.value),
                        *_rate(one),
                        *(_seconds(measured.whole[kind])[1:3] if kind in measured.whole else ("", "")),
                    )
                    for kind, one in measured.by_failure.items()
                ),
            ],
        ),
        (
            "Seconds from a failure being seen to the test's result, queues left out, by level; the goal is p50's",
            [
                ("level", *time_columns, "the test itself p50", "all else p50", "all else p95"),
                *(
                    (
                        f"{int(level)} {level.name.lower()}",
                        *_seconds(one.whole),
                        _met(one.whole.p50, one.whole.goal),
                        *_seconds(one.work)[1:2],
                        *_seconds(one.rest)[1:3],
                    )
                    for level, one in measured.to_recover.items()
                ),
            ],
        ),
        (
            "Seconds from the fault to the failure being seen; the goal is p95's",
            [
                ("failure", *time_columns),
                *((kind.value, *_seconds(one), _met(one.p95, one.goal)) for kind, one in measured.to_see.items()),
            ],
        ),
        (
            "Faults",
            [
                ("browser", "fault", *rate_columns[:-1]),
                *((browser.value, kind.value, *_rate(one)[:-1]) for (browser, kind), one in measured.by_fault.items()),
            ],
        ),
    ]


def _level(policy: RecoveryPolicy, failure: str) -> str:
    level = getattr(policy.start_level, failure)
    return f"{int(level)} {level.name.lower()}"


def _rate(one: Rate) -> tuple[str, ...]:
    low, high = one.interval
    seed = "" if one.seed is None else f"{one.seed:.1f} %"
    return str(one.tests), str(one.recovered), f"{one.percent:.1f} %", f"{low:.1f} to {high:.1f} %", seed


def _seconds(one: Seconds) -> tuple[str, ...]:
    return str(one.count), f"{one.p50:.2f}", f"{one.p95:.2f}", "" if one.goal is None else f"{one.goal:g}"


def _met(seconds: float, goal: float | None) -> str:
    return "" if goal is None else "yes" if seconds <= goal else "no"


def _table(heading: str, rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    columns, *body = rows
    for column in columns:
        table.add_column(column, justify="left" if column in _WORDS else "right")
    for row in body:
        table.add_row(*row)
    return table


_WORDS = {"browser", "model type", "failure", "fault", "first level", "level"}


def write_tables(page: Path, tables: str) -> None:
    """Put the tables where the page's former ones stand; a page without any becomes theirs alone."""
    before = page.read_text("utf-8").partition(f"{_RESULTS}\n")[:2] if page.is_file() else ()
    above = "".join(before) if before and before[1] else f"{_RESULTS}\n"
    page.write_text(f"{above}\n{tables}", encoding="utf-8")


def _page(sheets: Iterable[_Sheet], measured: Measured, command: str, machine: str, seconds: float) -> str:
    """The tables as markdown, with where and when they were measured."""
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} in {seconds / 60:.0f} minutes by `{command}`: {machine}.",
        f"Tests: {measured.total.tests}. Not brought back: {len(measured.lost)}. Misread: {len(measured.misread)}.",
    ]
    for heading, rows in sheets:
        columns, *body = rows
        marks = ["---" if column in _WORDS else "---:" for column in columns]
        lines += ["", f"### {heading}", "", *(f"| {' | '.join(row)} |" for row in (columns, marks, *body))]
    for what, tests in (("Not seen as what it was", measured.misread), ("Not brought back", measured.lost)):
        if tests:
            lines += ["", f"### {what}", "", *(f"- {line}" for line in tests)]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    load = os.getloadavg()[0]
    profiles = "empty profiles" if settings().profiles_dir is None else "prepared profiles"
    return f"{os.cpu_count()} processors ({platform.machine()}), no GPU used, {profiles}, load {load:.1f} when it began"
