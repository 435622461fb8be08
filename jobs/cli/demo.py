"""``breakwater demo``: real model tests in real browsers, three real faults, and the recoveries from them, live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from jobs.cli import tables
from jobs.cli.batch_run import run_plan
from jobs.cli.endings import exit_code
from jobs.cli.folders import check_folder
from jobs.cli.views import view_for
from jobs.models.catalogue import built_in_name
from jobs.plan import Plan, PlannedFault, matrix_plan
from jobs.specs import FaultKind, Platform
from recovery import BrowserType

MODELS = ("bert-base-uncased", "vit-base-patch16-224", "whisper-tiny", "clip-vit-base-patch32")
BROWSERS = (BrowserType.CHROME, BrowserType.FIREFOX)
PLATFORMS = (Platform.WEBGPU, Platform.WASM)


def faults_for(browsers: Sequence[BrowserType], models: Sequence[str], platform: Platform) -> tuple[PlannedFault, ...]:
    """The three faults of the demo, spread over what it runs: a killed browser, a hung page, a missing binary."""
    kinds = (FaultKind.BROWSER_KILLED, FaultKind.PAGE_HUNG, FaultKind.BINARY_MISSING)
    cells = [(browser, model) for model in models for browser in browsers]
    return tuple(
        PlannedFault(kind=kind, browser=browser, model=model, platform=platform)
        for kind, (browser, model) in zip(kinds, (cells * 3)[1:], strict=False)
    )


@click.command()
@click.option("--browser", type=click.Choice([b.value for b in BrowserType]), help="Only this browser.")
@click.option("--model", help="Only this model of the catalogue.")
@click.option("--platform", type=click.Choice([p.value for p in Platform]), help="Only this platform.")
@click.option("--no-failures", is_flag=True, help="Don't inject faults.")
@click.option("--no-stats", is_flag=True, help="Don't print recoveries and circuits at the end.")
@click.option(
    "--simulate", is_flag=True, help="No browser at all: native onnxruntime, every result labelled simulated."
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="Keep the workers' logs in this folder.")
def demo(
    browser: str | None,
    model: str | None,
    platform: str | None,
    no_failures: bool,
    no_stats: bool,
    simulate: bool,
    log_dir: Path | None,
) -> int:
    """Run real model tests in real browsers, break three of them, and watch them recover."""
    browsers = (BrowserType(browser),) if browser else BROWSERS
    models = (built_in_name(model),) if model else MODELS
    platforms = (Platform(platform),) if platform else PLATFORMS
    check_folder(log_dir)
    console = Console()
    plan: Plan = matrix_plan(
        "demo",
        browsers=browsers,
        models=models,
        platforms=platforms,
        allow=frozenset({"degraded", "simulated"}),
        faults=() if no_failures or simulate else faults_for(browsers, models, platforms[0]),
        simulate=simulate,
    )
    ran = run_plan(plan, view_for(console), log_dir=log_dir)
    summary = ran.summary
    tables.print_verdicts(console, ran.verdicts, title="Verdicts")
    if not no_stats:
        tables.print_recoveries(console, summary)
        tables.print_circuits(console, ran)
    tables.print_summary(console, summary, ran.seconds)
    return exit_code(ran)
