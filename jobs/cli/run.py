"""``breakwater run``: a batch through the farm, reports, and an exit code that CI can trust."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from jobs.cli.batch_options import BatchOptions, batch_options
from jobs.cli.batch_run import run_plan
from jobs.cli.endings import Ending, ending_options, exit_code
from jobs.cli.enqueue import publish_detached
from jobs.cli.folders import check_folder
from jobs.cli.last_failed import remember
from jobs.cli.views import view_for
from jobs.plan import Plan


@click.command()
@batch_options
@ending_options
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Embedded farm: sessions a browser."
)
@click.option("--detach", is_flag=True, help="Enqueue, print the batch's id, and don't wait.")
@click.option(
    "--log-dir", type=click.Path(path_type=Path), help="Embedded farm: keep the workers' logs in this folder."
)
def run(options: BatchOptions, ending: Ending, workers: int, detach: bool, log_dir: Path | None) -> int:
    """Run BATCH.toml, or a built-in batch, and wait for its verdicts.

    With BREAKWATER_REDIS_URL set, the farm behind that Redis runs it; otherwise a Redis and workers are started for
    this run and ended with it. Ctrl-C cancels the batch.
    """
    plan = options.plan()
    if is_empty(plan):
        return 0
    if detach:
        return publish_detached(plan, options.batch)
    ending.check(test.id for test in replace(plan, shard=None, only_tests=None).tests())
    check_folder(log_dir)
    console = Console()
    ran = run_plan(
        plan,
        view_for(console, ending.loudness),
        batch=options.batch,
        concurrency=workers,
        log_dir=log_dir,
        keep_verdicts=ending.needs_verdicts,
        artefacts=ending.artefacts,
    )
    remember(ran.header, ran.not_green)
    ran = ending.judged(ran)
    ending.show(console, ran)
    return exit_code(ran)


def is_empty(plan: Plan) -> bool:
    """Whether there is nothing to run, which is then said."""
    if plan.total:
        return False
    if plan.only_tests is not None and not plan.only_tests:
        click.echo(f"{plan.name}: every test was green last time; nothing to run")
    else:
        click.echo(f"{plan.name}: shard {plan.shard} has no test; nothing to run")
    return True
