"""The original scripts' switches have their equal: each of their commands, in ours, gives the tests that it names."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from jobs.cli.batch_options import BatchOptions, batch_options


@click.command()
@batch_options
def plan(options: BatchOptions) -> None:
    """Print the plan's tests."""
    chosen = options.plan()
    for test in chosen.tests():
        click.echo(f"{test.browser.value} {test.task_type} {test.platform} {test.timeout:g}")
    click.echo(f"retries {chosen.policy_overrides.get('max_attempts', 0) - 1}")


@pytest.mark.parametrize(
    ("switches", "cells"),
    [
        (
            "--quick",
            {("chrome", kind, on) for kind in ("text", "vision", "audio", "multimodal") for on in ("webgpu", "wasm")},
        ),
        ("--full --browser firefox --model-type audio", {("firefox", "audio", "webgpu"), ("firefox", "audio", "wasm")}),
        ("--full --browser edge --model-type text --platform webnn", {("edge", "text", "webnn")}),
        ("--full --browser chrome --model-type vision --platform webgpu", {("chrome", "vision", "webgpu")}),
        (
            "--full --browser chrome --browser edge --model-type text --model-type vision --platform webnn",
            {(browser, kind, "webnn") for browser in ("chrome", "edge") for kind in ("text", "vision")},
        ),
    ],
)
def test_they_choose_tests(switches: str, cells: set[tuple[str, ...]]) -> None:
    done = CliRunner().invoke(plan, switches.split(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert {tuple(line.split()[:3]) for line in done.output.splitlines()[:-1]} == cells


def test_they_set_time_and_retries() -> None:
    done = CliRunner().invoke(plan, ["--quick", "--timeout", "90", "--retries", "2"], catch_exceptions=False)
    *tests, retries = done.output.splitlines()
    assert {line.split()[3] for line in tests} == {"90"}
    assert retries == "retries 2"
