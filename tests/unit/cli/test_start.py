"""A command starts with what it needs: most of what this package can do is slow to load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from jobs.cli import breakwater
from jobs.cli.lazy import LazyGroup

# What runs tests, and what writes messages and pages.
HEAVY = {
    "PIL", "anyio", "celery", "jinja2", "kombu", "numpy", "onnx", "onnxruntime", "psutil", "selenium", "tokenizers",
    "tornado",
}  # fmt: skip
# What speaks with a farm.
FARM = {"breakers", "pydantic", "recovery", "redis", "rich"}


def loaded(tmp_path: Path, *arguments: str) -> set[str]:
    """The packages that are there when the command ends. No farm is named."""
    program = (
        "import sys; from jobs.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print('', *sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith(("BREAKWATER_", "COVERAGE_"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["nonsense"]], ids=" ".join)
def test_what_needs_no_farm_loads_nothing_of_it(tmp_path: Path, arguments: list[str]) -> None:
    assert loaded(tmp_path, *arguments) & (HEAVY | FARM) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["enqueue", "--quick"], ["run", "--help"], ["wait", "b"], ["watch", "b"], ["report", "b"], ["cancel", "b"],
        ["circuits", "list"], ["workers"], ["recovery", "stats"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_farms_client_loads_nothing_that_runs_tests(tmp_path: Path, arguments: list[str]) -> None:
    modules = loaded(tmp_path, *arguments)
    assert "redis" in modules
    assert modules & HEAVY == set()


def test_shared_state_needs_no_browser(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, jobs.waiting; print(*sys.modules)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) & HEAVY == set()


def told_of() -> Iterator[tuple[click.Command, str]]:
    """Every command that is imported late, and what is told of it before."""
    groups: list[click.Command] = [breakwater]
    for group in groups:
        if isinstance(group, LazyGroup):
            groups += group.commands.values()
            yield from ((group.commands[name], later.about) for name, later in group.later.items())


@pytest.mark.parametrize(("command", "about"), list(told_of()), ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize("width", [30, 60, 90, 200])
def test_the_list_of_commands_says_what_they_say_themselves(command: click.Command, about: str, width: int) -> None:
    assert click.Command(command.name, help=about).get_short_help_str(width) == command.get_short_help_str(width)


def test_all_commands_are_there() -> None:
    assert len(list(told_of())) == 15
