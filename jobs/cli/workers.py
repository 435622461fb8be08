"""``breakwater workers``: who is at work, and taking one out for maintenance without losing a test."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import closing
from typing import Any

import click
from pydantic_core import to_json
from rich import box
from rich.console import Console
from rich.table import Table

from breakers import CircuitBreakerRegistry
from jobs.bad_input import BadInput
from jobs.batches import Node, Presence, Session
from jobs.cli.numbers import FiniteRange
from jobs.connections import connect, connect_checked
from jobs.exit_codes import ExitCode
from jobs.routing import browser_queue
from jobs.settings import settings
from recovery import BrowserType

# Seconds between two looks while a drained worker finishes what it runs.
_LOOK = 0.3


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def workers(context: click.Context, as_json: bool) -> int:
    """Workers of the farm at BREAKWATER_REDIS_URL; without a further word: a list of them."""
    if context.invoked_subcommand is not None:
        return 0
    farm = presence()
    nodes = farm.nodes()
    sessions, sick = farm.sessions(node.node for node in nodes), sick_ones(nodes)
    if as_json:
        click.echo(to_json([_described(node, sessions, quarantined=node.node in sick) for node in nodes]))
    elif nodes:
        Console().print(_table(nodes, sessions, sick))
    else:
        click.echo("no worker is at work")
    return 0


def presence() -> Presence:
    """Who is at work at the farm.

    Raises:
        BadInput: no farm is named.
        RedisUnavailable: nothing answers there.
    """
    config = settings()
    if "redis_url" not in config.model_fields_set:
        raise BadInput("workers: BREAKWATER_REDIS_URL is not set; set it to the Redis of the farm to look at")
    return Presence(connect_checked(config.redis_url), prefix=config.key_prefix)


def sick_ones(nodes: Sequence[Node]) -> Collection[str]:
    """Those in quarantine: their circuits are open, so they have left their queues."""
    config = settings()
    with closing(CircuitBreakerRegistry(connect(config.redis_url), prefix=config.key_prefix)) as registry:
        states = registry.states(*(f"worker:{node.node}" for node in nodes))
    return {node.node for node in nodes if states[f"worker:{node.node}"].retry_after > 0}


def _described(node: Node, sessions: Sequence[Session], *, quarantined: bool) -> dict[str, Any]:
    mine = [session.model_dump(mode="json") for session in sessions if session.node == node.node]
    return {**node.model_dump(mode="json"), "quarantined": quarantined, "sessions": mine}


def _table(nodes: Sequence[Node], sessions: Sequence[Session], sick: Collection[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("worker", "reads", "running", "sessions"):
        table.add_column(column, justify="right" if column == "running" else "left")
    for node in nodes:
        reads = "[yellow]drained[/]" if node.drained else ", ".join(node.queues) or "[yellow]nothing[/]"
        if node.node in sick:
            reads = "[red]quarantined[/]"
        mine = [f"{one.browser} {one.version}, {one.tests} tests" for one in sessions if one.node == node.node]
        table.add_row(node.node, reads, str(node.running), "\n".join(mine) or "none")
    return table


def _checked(names: Sequence[str], known: Sequence[str], what: str) -> Sequence[str]:
    for name in names:
        if name not in known:
            raise BadInput(f"workers: no {what} {name!r}; there are: {', '.join(known) or 'none'}")
    return names


_BROWSERS = click.Choice([browser.value for browser in BrowserType])


@workers.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--browser", type=_BROWSERS, help="All workers of this browser instead.")
@click.option("--wait", "seconds", type=FiniteRange(min=0), help="Wait so many seconds until they run nothing.")
def drain(names: tuple[str, ...], browser: str | None, seconds: float | None) -> int:
    """Let workers finish what they run and take no more tests, until `resume`. Restarts don't end it."""
    if bool(names) == bool(browser):
        raise BadInput("workers drain: name workers, or give --browser")
    farm = presence()
    nodes = farm.nodes()
    if browser:
        queue = browser_queue(BrowserType(browser))
        chosen: Sequence[str] = [node.node for node in nodes if queue in node.queues]
        if not chosen:
            raise BadInput(f"workers drain: no worker reads {queue}")
    else:
        chosen = _checked(names, [node.node for node in nodes], "worker")
    farm.drain(*chosen)
    click.echo(f"drained: {', '.join(chosen)}")
    if seconds is None:
        return 0
    busy = _still_busy(farm, chosen, seconds)
    if busy:
        click.echo(f"still running tests after {seconds:g} s: {', '.join(busy)}", err=True)
        return ExitCode.INFRASTRUCTURE
    click.echo("they run nothing now")
    return 0


def _still_busy(farm: Presence, chosen: Sequence[str], seconds: float) -> list[str]:
    """Those of the drained workers that are at work and don't say, within ``seconds``, that they run nothing."""
    deadline = time.monotonic() + seconds
    while True:
        busy = [node.node for node in farm.nodes() if node.node in chosen and (node.running or not node.drained)]
        if not busy or time.monotonic() > deadline:
            return busy
        time.sleep(_LOOK)


@workers.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="All that are drained.")
def resume(names: tuple[str, ...], everyone: bool) -> int:
    """Let drained workers take tests again."""
    if bool(names) == everyone:
        raise BadInput("workers resume: name workers, or give --all")
    farm = presence()
    drained = farm.drained()
    chosen = drained if everyone else _checked(names, drained, "drained worker")
    if chosen:
        farm.resume(*chosen)
    click.echo(f"resumed: {', '.join(chosen) or 'none was drained'}")
    return 0
