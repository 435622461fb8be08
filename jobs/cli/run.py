"""``breakwater run``: a batch through the farm, reports, and an exit code that CI can trust."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from jobs.batch_file import load_plan
from jobs.browsers.finding import installed_browsers
from jobs.cli import tables
from jobs.cli.batch_run import Ran, run_plan
from jobs.cli.views import LiveView, PlainView, View
from jobs.farm import FarmFailure
from jobs.plan import BadInput, Plan, full_plan, quick_plan
from jobs.reports import check_writable, write_json, write_junit
from jobs.reports.summary import ExitCode, summarise
from jobs.settings import settings
from jobs.specs import Outcome, Platform
from recovery import BrowserType, ModelType

ALLOWABLE = ("degraded", "simulated")


def view_for(console: Console) -> View:
    """A live table in a terminal, plain lines in CI and pipes."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def parse_allow(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    """``--allow degraded,simulated`` or several ``--allow``."""
    names = frozenset(name.strip() for value in values for name in value.split(",") if name.strip())
    unknown = sorted(names - set(ALLOWABLE))
    if unknown:
        raise click.BadParameter(f"unknown '{unknown[0]}'; allowed: {', '.join(ALLOWABLE)}")
    return names


@click.command()
@click.argument("batch", required=False, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="A small built-in batch: one model of each type, in Chrome.")
@click.option("--full", is_flag=True, help="Every built-in model on every platform, in every installed browser.")
@click.option("--browser", "browsers", multiple=True, type=click.Choice([b.value for b in BrowserType]))
@click.option("--model-type", "model_types", multiple=True, type=click.Choice([t.value for t in ModelType]))
@click.option("--platform", "platforms", multiple=True, type=click.Choice([p.value for p in Platform]))
@click.option("--no-failures", is_flag=True, help="Don't inject the batch's faults.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Embedded farm: sessions a browser."
)
@click.option("--timeout", type=click.FloatRange(1, 3600), help="Seconds an attempt may take; overrides the batch.")
@click.option("--allow", multiple=True, callback=parse_allow, help="Verdicts to accept: degraded, simulated.")
@click.option("--report-json", type=click.Path(path_type=Path), help="Write the JSON report to this file.")
@click.option("--report-junit", type=click.Path(path_type=Path), help="Write the JUnit report to this file.")
@click.option(
    "--log-dir", type=click.Path(path_type=Path), help="Embedded farm: keep the workers' logs in this folder."
)
def run(
    batch: Path | None,
    quick: bool,
    full: bool,
    browsers: tuple[str, ...],
    model_types: tuple[str, ...],
    platforms: tuple[str, ...],
    no_failures: bool,
    workers: int,
    timeout: float | None,
    allow: frozenset[str],
    report_json: Path | None,
    report_junit: Path | None,
    log_dir: Path | None,
) -> int:
    """Run BATCH (a TOML file), or a built-in one, and wait for its verdicts.

    With BREAKWATER_REDIS_URL set, the farm behind that Redis runs it; otherwise a Redis and workers are started for
    this run and ended with it.
    """
    asked = [BrowserType(name) for name in browsers]
    plan = chosen_plan(batch, asked, quick=quick, full=full).only(
        browsers=asked,
        model_types=[ModelType(name) for name in model_types],
        platforms=[Platform(name) for name in platforms],
    )
    plan = adjusted(plan, timeout=timeout, faults=not no_failures, allow=allow)
    if report_json is not None and report_json == report_junit:
        raise BadInput(f"--report-json and --report-junit both name {report_json}; give each a file of its own")
    for path in (report_json, report_junit):
        if path is not None:
            check_writable(path)
    make_folder(log_dir)

    console = Console()
    ran = run_plan(plan, view_for(console), concurrency=workers, log_dir=log_dir)
    summary = summarise(ran.verdicts, plan.allow)
    notable = [
        one
        for one in ran.verdicts
        if one.outcome is not Outcome.PASSED or one.recovered or one.degraded or one.simulated
    ]
    if notable:
        tables.print_verdicts(console, notable, title="Not simply passed")
    tables.print_summary(console, summary, ran.seconds)
    # Last: a full disk must not cost the user what is on the screen.
    write_reports(ran, report_json, report_junit)
    return int(summary.exit_code if len(ran.verdicts) == ran.header.total else ExitCode.INTERRUPTED)


def chosen_plan(batch: Path | None, browsers: list[BrowserType], *, quick: bool, full: bool) -> Plan:
    """The batch file's plan, or the built-in one that was asked for.

    Raises:
        BadInput: the batch file is not as it must be.
        FarmFailure: a full batch was asked for, and no browser is here to run it.
    """
    if (batch is not None) + quick + full != 1:
        raise click.UsageError("give one of: a batch file, --quick, --full")
    if batch is not None:
        return load_plan(batch)
    if quick:
        return quick_plan(browsers or [BrowserType.CHROME])
    here = browsers or installed_browsers(settings())
    if not here:
        raise FarmFailure("no browser with its driver is installed here; name the farm's with --browser")
    return full_plan(here)


def write_reports(ran: Ran, json_path: Path | None, junit_path: Path | None) -> None:
    """Write the reports that were asked for.

    Raises:
        FarmFailure: a file that could be written before the run can't be now.
    """
    for path, write in ((json_path, write_json), (junit_path, write_junit)):
        if path is not None:
            try:
                write(path, ran.header, ran.verdicts)
            except OSError as error:
                raise FarmFailure(f"report {path} was not written: {error.strerror}") from error


def adjusted(plan: Plan, *, timeout: float | None, faults: bool, allow: frozenset[str]) -> Plan:
    """The plan with the command line's switches."""
    return replace(
        plan,
        allow=plan.allow | allow,
        timeout=plan.timeout if timeout is None else timeout,
        faults=plan.faults if faults else (),
    )


def make_folder(folder: Path | None) -> None:
    """Make the folder for logs.

    Raises:
        BadInput: it can't be made.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--log-dir {folder}: {error.strerror}; choose a folder that can be written") from error
