"""How the account of a campaign is printed."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.chaos.campaign import Account

# Breaches that are printed; the first ones tell most.
_MOST = 20


def print_account(console: Console, title: str, account: Account, calm: Account | None = None) -> None:
    """What a campaign did, and what of the promises was not kept."""
    table = Table(title=title, box=box.SIMPLE_HEAD, show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    outcomes = Counter(verdict.outcome.value for verdict in account.verdicts)
    marks = {
        mark: sum(getattr(verdict, mark) for verdict in account.verdicts)
        for mark in ("recovered", "degraded", "simulated")
    }
    attempts = sum(len(verdict.attempts) for verdict in account.verdicts)
    table.add_row("verdicts", f"{len(account.verdicts)}: {_listed(outcomes)}")
    table.add_row("marks", _listed(marks))
    table.add_row("attempts", f"{attempts}, of which {account.late} ended late: fenced off, their results dropped")
    if account.strikes:
        kinds = {kind.value: count for kind, count in account.strikes.items()}
        table.add_row("kills", f"{sum(kinds.values())}: {_listed(kinds)}; {account.restarts} parts were started again")
    ratio = f", {account.seconds / calm.seconds:.2f} × the calm run's" if calm and calm.seconds else ""
    table.add_row("time", f"{account.seconds:.1f} s{ratio}")
    table.add_row("checked", f"{account.events} events, {len(account.verdicts)} verdicts, processes and folders")
    for name, found in (("broken", account.breaches), ("left behind", account.leftovers)):
        shown = [*found[:_MOST], *([f"and {len(found) - _MOST} more"] if len(found) > _MOST else [])]
        table.add_row(name, Text("\n".join(shown), "bold red") if found else Text("nothing", "green"))
    console.print(table)


def _listed(counts: Counter[str] | dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count) or "none"
