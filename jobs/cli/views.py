"""What a person sees while a batch runs: a live table in a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobs.batches.events import BatchEvent, Claimed, Failed, Following, Parked, VerdictWritten
from jobs.batches.values import BatchHeader, Progress
from jobs.specs import Outcome, Verdict
from recovery import AttemptRecord

# Rows of the live table: what runs or ended last. The whole batch is in the reports.
MOST_ROWS = 24

STYLES = {"passed": "green", "failed": "bold red", "error": "bold magenta", "cancelled": "dim"}


class View(Protocol):
    """Where a run tells what happens."""

    def started(self, header: BatchHeader, where: str) -> None: ...

    def happened(self, event: BatchEvent) -> None: ...

    def progressed(self, progress: Progress) -> None: ...

    def noted(self, note: str) -> None: ...

    def close(self) -> None: ...


def show_record(record: AttemptRecord) -> str:
    """A failed attempt in one phrase."""
    cause = record.cause.splitlines()[0] if record.cause else ""
    return f"{record.outcome.replace('_', ' ')}: {cause}" if cause else record.outcome.replace("_", " ")


def show_next(following: Following, queue: str) -> str:
    """What follows a failed attempt, in one phrase."""
    if following.level is None:
        return f"back to {queue}"
    return f"level {following.level.value} {following.level.name}, on {queue}"


def show_verdict(verdict: Verdict) -> str:
    """A verdict in one phrase: what ran, how exact, how fast, and what was not as asked."""
    words = [verdict.reason] if verdict.outcome is not Outcome.PASSED else []
    if verdict.measurement is not None:
        run = verdict.measurement
        words.append(f"{run.backend} {run.run_ms_p50:.1f} ms, error {run.max_abs_error:.1e} of {run.tolerance:.0e}")
    marks = {"recovered": verdict.recovered, "degraded": verdict.degraded, "simulated": verdict.simulated}
    words += [mark for mark, is_so in marks.items() if is_so]
    return "; ".join(words)


class PlainView:
    """A line for each failure and each verdict, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def started(self, header: BatchHeader, where: str) -> None:
        self._say(f"batch {header.id}: {header.total} tests on {where}")

    def happened(self, event: BatchEvent) -> None:
        match event:
            case Failed() | Parked():
                following = show_next(event.next, event.next_queue)
                self._say(f"  {event.test} attempt {event.record.number}: {show_record(event.record)} → {following}")
            case VerdictWritten(verdict=verdict):
                self._say(f"{verdict.outcome.value.upper():9} {verdict.test}  {show_verdict(verdict)}")

    def progressed(self, progress: Progress) -> None:
        pass

    def noted(self, note: str) -> None:
        self._say(note)

    def close(self) -> None:
        pass

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class LiveView:
    """A table that follows the batch: test, browser, level, outcome."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, tuple[str, str, Text]] = {}
        self._progress: Progress | None = None
        self._header: BatchHeader | None = None
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=8, transient=True)

    def started(self, header: BatchHeader, where: str) -> None:
        self._header = header
        self._console.print(f"batch [bold]{header.id}[/]: {header.total} tests on {where}", highlight=False)
        self._live.start()

    def happened(self, event: BatchEvent) -> None:
        match event:
            case Claimed():
                level = self._rows.get(event.test, ("", "", Text()))[1]
                self._put(event.test, event.browser or "simulation", level, Text(f"running, attempt {event.number}"))
            case Failed() | Parked():
                level = "" if event.next.level is None else f"{event.next.level.value} {event.next.level.name}"
                following = show_next(event.next, event.next_queue)
                self._put(
                    event.test, event.next.browser or "simulation", level, Text(show_record(event.record), "yellow")
                )
                self._console.print(
                    Text.assemble(
                        (f"  {event.test} ", "bold"), (show_record(event.record), "yellow"), (f" → {following}", "cyan")
                    ),
                    overflow="ellipsis", no_wrap=True,
                )  # fmt: skip
            case VerdictWritten(verdict=verdict):
                browser, level, _ = self._rows.get(verdict.test, (verdict.asked_browser.value, "", Text()))
                said = Text.assemble(
                    (verdict.outcome.value, STYLES[verdict.outcome.value]), (f"  {show_verdict(verdict)}", "dim")
                )
                self._put(verdict.test, browser, level, said)

    def progressed(self, progress: Progress) -> None:
        self._progress = progress

    def noted(self, note: str) -> None:
        self._console.print(note, style="yellow", highlight=False, markup=False)

    def close(self) -> None:
        self._live.stop()

    def _put(self, test: str, browser: str, level: str, state: Text) -> None:
        self._rows.pop(test, None)
        self._rows[test] = (browser, level, state)

    def _draw(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("test", no_wrap=True, ratio=3)
        table.add_column("browser", no_wrap=True, width=10)
        table.add_column("level", no_wrap=True, width=14)
        table.add_column("outcome", no_wrap=True, ratio=5)
        rows: Mapping[str, tuple[str, str, Text]] = self._rows
        for test, (browser, level, state) in list(rows.items())[-MOST_ROWS:]:
            table.add_row(test, browser, level, state)
        return Group(table, self._footer())

    def _footer(self) -> Text:
        progress = self._progress
        if progress is None:
            return Text("starting…", "dim")
        return Text(
            f"{progress.done} of {progress.total} done, {progress.running} running, {progress.queued} queued"
            + (f", {progress.parked} parked" if progress.parked else ""),
            "bold",
        )
