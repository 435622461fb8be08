"""``breakwater e2e``: tests with faults through a farm of real browsers, and every promise checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from jobs.browsers.finding import installed_browsers, unasked_browsers
from jobs.chaos.campaign import campaign
from jobs.chaos.checks import circuit_breaches, recovery_breaches
from jobs.chaos.crew import crew_of
from jobs.chaos.load import faulty_tests
from jobs.cli import tables
from jobs.cli.accounts import print_account
from jobs.cli.circuits import summary_table
from jobs.cli.folders import check_folder
from jobs.exit_codes import ExitCode
from jobs.farm_failure import FarmFailure
from jobs.reports.summary import summarise
from jobs.settings import settings
from jobs.specs import Platform
from recovery import BrowserType

# What every browser that is tested by default can do.
_ANYWHERE = {Platform.WASM, Platform.WEBGPU}


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=5, show_default=True, help="Worker nodes with browsers.")
@click.option("--tasks", type=click.IntRange(1, 10_000), default=30, show_default=True, help="Tests to run.")
@click.option("--browser", type=click.Choice([one.value for one in BrowserType]), help="Only this browser.")
@click.option("--platform", type=click.Choice([one.value for one in Platform]), help="Only this platform.")
@click.option("--no-failures", is_flag=True, help="Don't inject faults.")
@click.option("--log-dir", type=click.Path(path_type=Path), help="Keep the workers' logs in this folder.")
def e2e(
    workers: int, tasks: int, browser: str | None, platform: str | None, no_failures: bool, log_dir: Path | None
) -> int:
    """Run tests through a farm of real browsers, with faults, and check every promise.

    Each test must get one verdict, the right one; each fault must be seen as what it is and recovered from; circuits
    must count what they should; nothing may be left behind. Ends with 0 if all this is so, else with 1.
    """
    check_folder(log_dir)
    others = unasked_browsers(settings())
    kinds = [BrowserType(browser)] if browser else list(others)
    if not kinds:
        raise FarmFailure("no browser with its driver is installed here; `breakwater doctor` tells what is missing")
    console = Console()
    platforms = [Platform(platform)] if platform else [Platform.WASM, Platform.WEBGPU]
    tests = list(faulty_tests(tasks, kinds, platforms, faults=not no_failures))
    crew = crew_of(kinds, workers, others=others)
    console.print(f"{tasks} tests for {', '.join(kinds)} on {len(crew)} worker nodes", highlight=False)
    account = campaign([tests], crew, name="e2e", log_dir=log_dir)
    # A browser that is not here, or can't do what is asked, fails before any fault can strike.
    here = installed_browsers(settings())
    met = [test for test in tests if test.spec.browser in here and test.spec.platform in _ANYWHERE]
    found = (*recovery_breaches(met, account.verdicts), *circuit_breaches(account.verdicts, account.circuits))
    account = replace(account, breaches=(*account.breaches, *found))

    tables.print_verdicts(console, account.verdicts, title="Verdicts")
    tables.print_recoveries(console, summarise(account.verdicts, ("degraded", "simulated")))
    console.print(summary_table(account.circuits, title="Circuits"))
    print_account(console, "Promises", account)
    console.print(f"verdict: {'every promise was kept' if account.is_kept else 'a promise was BROKEN'}", style="bold")
    return int(ExitCode.PASSED if account.is_kept else ExitCode.FAILED)
