"""``breakwater chaos``: kill processes of a farm by a seeded plan while it works, and check every promise."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click
from rich.console import Console

from jobs.browsers.finding import unasked_browsers
from jobs.chaos.campaign import Account, campaign
from jobs.chaos.crew import crew_of
from jobs.chaos.load import KnownTest, mixed_tests
from jobs.chaos.strikes import strikes
from jobs.cli.accounts import print_account
from jobs.cli.folders import check_folder
from jobs.cli.numbers import FiniteRange
from jobs.exit_codes import ExitCode
from jobs.farm_failure import FarmFailure
from jobs.settings import settings
from recovery import BrowserType

# Tests of a batch, where the time and not the number of tests is given.
_BATCH = 60
# The farm is to be judged, not the budget of a test that happens to be struck again and again: a test stays in its
# browser, and is tried there as often as it takes. (A slow one that is the last of its batch draws every kill.)
_POLICY = {
    "max_attempts": 50,
    "start_level": {"launch": 2},
    "limits": {"moderate": 25, "aggressive": 25, "fallback": 0, "simulation": 0},
}


@click.command()
@click.option("--minutes", type=FiniteRange(0.1, 1440), help="How long tests are handed out.  [default: 3]")
@click.option("--tests", type=click.IntRange(1, 100_000), help="Run so many tests instead, in one batch.")
@click.option("--seed", type=click.IntRange(0), help="Replay a plan: same tests, same kills.  [default: random]")
@click.option("--every", type=FiniteRange(0.2, 600), default=2.0, show_default=True, help="Seconds between two kills.")
@click.option("--kills", type=click.IntRange(1), help="Stop killing after so many, and let the farm finish.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Worker nodes with a browser."
)
@click.option("--browser", "browsers", multiple=True, type=click.Choice([one.value for one in BrowserType]))
@click.option("--calm", is_flag=True, help="With --tests: run them without kills first, and compare the times.")
@click.option("--log-dir", type=click.Path(path_type=Path), help="Keep the workers' logs in this folder.")
def chaos(
    minutes: float | None,
    tests: int | None,
    seed: int | None,
    every: float,
    kills: int | None,
    workers: int,
    browsers: tuple[str, ...],
    calm: bool,
    log_dir: Path | None,
) -> int:
    """Start a farm, kill workers, browsers, drivers and once Redis while it works, and check every promise.

    Ends with 0 if each test got one verdict, the right one, and nothing was left behind; else with 1.
    """
    if minutes is not None and tests is not None:
        raise click.UsageError("give one of --minutes and --tests")
    if calm and tests is None:
        raise click.UsageError("--calm compares times: it needs --tests")
    check_folder(log_dir)
    kinds = [BrowserType(name) for name in browsers] or unasked_browsers(settings())
    if not kinds:
        raise FarmFailure("no browser with its driver is installed here; `breakwater doctor` tells what is missing")
    seed = random.randrange(1_000_000) if seed is None else seed
    crew = crew_of(kinds, workers)
    console = Console()
    again = f"breakwater chaos {f'--tests {tests}' if tests else f'--minutes {minutes or 3:g}'} --seed {seed}"
    again += f" --every {every:g} --workers {workers}{f' --kills {kills}' if kills else ''}"
    again += "".join(f" --browser {browser}" for browser in browsers)
    _say(console, f"{again}: {len(crew)} worker nodes ({', '.join(sorted(crew))}), a kill every {every:g} s")

    before: Account | None = None
    if calm and tests is not None:
        before = campaign([list(mixed_tests(tests, kinds))], crew, name="calm", policy=_POLICY)
        print_account(console, "Calm run", before)
    account = campaign(
        [list(mixed_tests(tests, kinds))] if tests else _until(60 * (minutes or 3), kinds),
        crew,
        name="chaos",
        policy=_POLICY,
        # Early enough to fall into a short run, late enough to find work under way.
        plan=islice(strikes(seed, every, redis_strike=random.Random(seed).randint(3, 6)), kills),
        say=lambda line: _say(console, line),
        log_dir=log_dir,
    )
    print_account(console, "Chaos run", account, calm=before)
    kept = account.is_kept and (before is None or before.is_kept)
    _say(console, f"{'every promise was kept' if kept else 'a promise was BROKEN'}; the same again: {again}")
    return int(ExitCode.PASSED if kept else ExitCode.FAILED)


def _until(seconds: float, kinds: Sequence[BrowserType]) -> Iterator[list[KnownTest]]:
    """Batches of new tests, until the time is over; it begins with the first one."""
    endless = mixed_tests(10**9, kinds)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        yield list(islice(endless, _BATCH))


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
