"""``breakwater recovery``: how well a farm's recoveries do. What they can do is measured by recovery_benchmark.py."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import click
from rich import box
from rich.console import Console
from rich.table import Table

from jobs.bad_input import BadInput
from jobs.cli.lazy import Later, LazyGroup
from jobs.connections import connect_checked
from jobs.recoveries import DAYS_KEPT, summary
from jobs.settings import settings
from recovery import RecoveryLevel
from recovery.statistics import RecoveryFigures, RecoverySummary


@click.group(
    cls=LazyGroup,
    later={
        "benchmark": Later(
            "jobs.cli.recovery_benchmark:benchmark",
            "Break real browsers in every way that there is a fault for, and measure what recovery makes of it.",
        )
    },
)
def recovery() -> None:
    """How well recoveries do: stats of a farm, and a benchmark with real faults."""


@recovery.command()
@click.option("--json", "as_json", is_flag=True, help="All figures, as JSON.")
@click.option(
    "--days", type=click.IntRange(1, DAYS_KEPT), default=DAYS_KEPT, show_default=True, help="Days to look back."
)
def stats(as_json: bool, days: int) -> int:
    """Attempts, successes, rate with its 95 % interval, and seconds to recovery.

    By strategy, browser, model type and failure; a batch's own figures are in its JSON report.
    """
    config = settings()
    if "redis_url" not in config.model_fields_set:
        raise BadInput("recovery: BREAKWATER_REDIS_URL is not set; set it to the Redis of the farm to look at")
    with closing(connect_checked(config.redis_url)) as client:
        figures = summary(client, days)
    if as_json:
        click.echo(figures.model_dump_json(indent=2))
    elif not figures.cells:
        click.echo(f"no recovery in the last {days} days")
    else:
        print_figures(Console(), figures)
    return 0


def print_figures(console: Console, figures: RecoverySummary) -> None:
    """A table for each way of adding up; simulations stand apart, as they brought no browser back."""
    levels = {f"{level} {RecoveryLevel(level).name.lower()}": one for level, one in figures.by_level.items()}
    console.print(figures_table("level", levels))
    for heading, rows in (
        ("browser", figures.by_browser),
        ("model type", figures.by_model_type),
        ("failure", figures.by_category),
    ):
        if rows:
            console.print(figures_table(heading, rows))
    console.print(figures_table("all", {"levels 1 to 4": figures.total, "simulated": figures.simulated}))


def figures_table(heading: str, rows: Mapping[str, RecoveryFigures]) -> Table:
    """One row a group of recoveries."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(heading, min_width=20)
    for column in ("tried", "succeeded", "rate", "95 % interval", "seconds p50", "p95"):
        table.add_column(column, justify="right")
    for name, one in rows.items():
        if one.attempts:
            table.add_row(
                name, str(one.attempts), str(one.successes), rate(one), interval(one),
                seconds(one.seconds_p50), seconds(one.seconds_p95),
            )  # fmt: skip
    return table


def rate(figures: RecoveryFigures) -> str:
    """The rate in percent."""
    return "" if figures.rate is None else f"{100 * figures.rate:.1f} %"


def interval(figures: RecoveryFigures) -> str:
    """The interval of the rate in percent."""
    if figures.rate_low is None or figures.rate_high is None:
        return ""
    return f"{100 * figures.rate_low:.1f} … {100 * figures.rate_high:.1f} %"


def seconds(value: float | None) -> str:
    """A time, if there is one."""
    return "" if value is None else f"{value:.2f}"
