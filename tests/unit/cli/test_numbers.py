"""Every switch that takes a number refuses what is none, by its own name and before anything is done."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from jobs.cli import breakwater


def switches(command: click.Command = breakwater, *path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The switches for numbers with a fraction, each with its command's place."""
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        yield from switches(inner, *path, name)
    for option in command.params:
        if isinstance(option.type, (click.types.FloatParamType, click.FloatRange)):
            yield path, option.opts[0]


SWITCHES = list(switches())


@pytest.mark.parametrize(("path", "switch"), SWITCHES, ids=lambda one: one if isinstance(one, str) else " ".join(one))
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "five"])
def test_what_is_no_number_is_a_usage_error(path: tuple[str, ...], switch: str, value: str) -> None:
    done = CliRunner().invoke(breakwater, [*path, f"{switch}={value}"])
    assert done.exit_code == 2, done.output
    assert f"Invalid value for '{switch}': " in done.output
    assert value in done.output


def test_there_are_such_switches() -> None:
    assert (("run",), "--timeout") in SWITCHES
    assert (("workers", "drain"), "--wait") in SWITCHES
