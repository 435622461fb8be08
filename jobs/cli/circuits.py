"""``breakwater circuits``: look at the circuits of a farm, and give an operator's word."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click
from pydantic_core import to_json
from rich import box
from rich.console import Console
from rich.table import Table

from breakers import CircuitBreakerRegistry
from jobs.bad_input import BadInput
from jobs.connections import connect_checked
from jobs.settings import settings

STYLES = {
    "closed": "green",
    "half_open": "yellow",
    "open": "bold red",
    "forced_open": "bold magenta",
    "disabled": "dim",
}


@click.group()
def circuits() -> None:
    """Circuits of the farm at BREAKWATER_REDIS_URL: list, show, reset, force-open, disable."""


def registry() -> CircuitBreakerRegistry:
    """The farm's registry.

    Raises:
        BadInput: no farm is named: an embedded one ends with its run, so there is nothing to look at.
        RedisUnavailable: nothing answers there.
    """
    config = settings()
    if "redis_url" not in config.model_fields_set:
        raise BadInput("circuits: BREAKWATER_REDIS_URL is not set; set it to the Redis of the farm to look at")
    return CircuitBreakerRegistry(connect_checked(config.redis_url), prefix=config.key_prefix)


def known(farm: CircuitBreakerRegistry, name: str) -> Mapping[str, Any]:
    """The figures of a circuit.

    Raises:
        BadInput: the farm has none of this name.
    """
    figures: Mapping[str, Mapping[str, Any]] = farm.get_metrics()["circuits"]
    if name not in figures:
        raise BadInput(f"circuits: no circuit {name!r}; there are: {', '.join(sorted(figures)) or 'none'}")
    return figures[name]


def summary_table(figures: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Table:
    """One row a circuit: state, health, calls."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in ("circuit", "state", "health", "calls", "failures", "opened"):
        table.add_column(column, justify="left" if column in {"circuit", "state"} else "right")
    for name, one in sorted(figures.items()):
        state = str(one["current_state"])
        table.add_row(
            name,
            f"[{STYLES[state]}]{state}[/]",
            f"{one['health']:.0f} %",
            str(one["executions"]),
            str(one["failures"]),
            str(one["circuit_open_count"]),
        )
    return table


@circuits.command("list")
@click.option("--json", "as_json", is_flag=True, help="All figures, as JSON.")
def list_circuits(as_json: bool) -> int:
    """Every circuit: state, health, calls."""
    with closing(registry()) as farm:
        figures = farm.get_metrics()["circuits"]
    if as_json:
        click.echo(to_json(figures, indent=2, inf_nan_mode="strings"))
    elif figures:
        Console().print(summary_table(figures))
    else:
        click.echo("no circuits yet: they appear with the first test")
    return 0


@circuits.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(name: str, as_json: bool) -> int:
    """All figures of one circuit."""
    with closing(registry()) as farm:
        figures = known(farm, name)
    if as_json:
        click.echo(to_json(figures, indent=2, inf_nan_mode="strings"))
        return 0
    table = Table(box=None, show_header=False)
    for key, value in figures.items():
        table.add_row(key, value if isinstance(value, str) else to_json(value, inf_nan_mode="strings").decode())
    Console().print(table)
    return 0


def order(name: str, word: str) -> int:
    """Give an operator's word to a circuit that exists, and say what it did."""
    with closing(registry()) as farm:
        before = known(farm, name)["current_state"]
        circuit = farm.get(name)
        {"reset": circuit.reset, "force-open": circuit.force_open, "disable": circuit.disable}[word]()
        click.echo(f"{name}: {before} → {circuit.state.value}")
    return 0


@circuits.command()
@click.argument("name")
def reset(name: str) -> int:
    """Close a circuit and judge it afresh."""
    return order(name, "reset")


@circuits.command("force-open")
@click.argument("name")
def force_open(name: str) -> int:
    """Let nothing through until a reset."""
    return order(name, "force-open")


@circuits.command()
@click.argument("name")
def disable(name: str) -> int:
    """Let everything through, judge nothing, until a reset."""
    return order(name, "disable")
