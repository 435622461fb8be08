"""A batch as a terminal shows it while it runs: a bar for each queue, open circuits, what ran last, when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from breakers import CircuitView
from jobs.batches.events import BatchEvent, Claimed, Failed, GivenBack, Parked, VerdictWritten
from jobs.batches.values import BatchHeader, Progress
from jobs.cli.eta import Pace
from jobs.cli.phrases import STYLES, Loudness, show_counts, show_next, show_record, show_seconds, show_verdict
from jobs.specs import Outcome

# Rows of the table of tests: what runs or ended last. The whole batch is in the reports.
_MOST_ROWS = 24
# Lines of the terminal that are left to the rest of it.
_OTHER_LINES = 8


class LiveView:
    """Bars and a table that follow the batch. Failed attempts, and tests that did not pass, stay above as lines."""

    def __init__(self, console: Console, loudness: Loudness = "normal") -> None:
        self._console = console
        self._loudness = loudness
        self._rows: dict[str, tuple[str, str, Text]] = {}
        self._progress: Progress | None = None
        self._open: Mapping[str, CircuitView] = {}
        self._pace = Pace()
        self._left: float | None = None
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=8, transient=True)

    def started(self, header: BatchHeader, where: str) -> None:
        self._console.print(f"batch [bold]{header.id}[/]: {header.total} tests on {where}", highlight=False)
        self._live.start()

    def happened(self, event: BatchEvent) -> None:
        match event:
            case Claimed():
                level = self._rows.get(event.test, ("", "", Text()))[1]
                self._put(event.test, event.browser or "simulation", level, Text(f"running, attempt {event.number}"))
                self._step(event.test, f"attempt {event.number} began on {event.owner.node}")
            case GivenBack():
                self._put(event.test, "", "", Text(f"back to {event.queue}: its worker leaves", "dim"))
                self._step(event.test, f"attempt {event.number} is back in {event.queue}, {event.owner.node} leaves")
            case Failed() | Parked():
                level = "" if event.next.level is None else f"{event.next.level.value} {event.next.level.name}"
                said = Text(show_record(event.record), "yellow")
                self._put(event.test, event.next.browser or "simulation", level, said)
                following = show_next(event.next, event.next_queue)
                self._line(Text.assemble((f"  {event.test} ", "bold"), said, (f" → {following}", "cyan")))
            case VerdictWritten(verdict=verdict):
                browser, level, _ = self._rows.get(verdict.test, (verdict.asked_browser.value, "", Text()))
                word = (verdict.outcome.value, STYLES[verdict.outcome.value])
                self._put(
                    verdict.test, browser, level, Text.assemble(word, (f"  {show_verdict(verdict)}", "dim"))
                )  # fmt: skip
                if verdict.outcome in {Outcome.FAILED, Outcome.ERROR} or self._loudness == "verbose":
                    self._line(Text.assemble(word, (f" {verdict.test}", "bold"), f"  {show_verdict(verdict)}"))
            case _:
                pass

    def progressed(self, progress: Progress, open_circuits: Mapping[str, CircuitView]) -> None:
        self._progress, self._open = progress, open_circuits
        self._left = self._pace.seconds_left(progress.done, progress.total)

    def noted(self, note: str) -> None:
        self._console.print(note, style="yellow", highlight=False, markup=False)

    def close(self) -> None:
        self._live.stop()

    def _step(self, test: str, said: str) -> None:
        if self._loudness == "verbose":
            self._line(Text.assemble((f"  {test} ", "bold"), (said, "dim")))

    def _line(self, line: Text) -> None:
        self._console.print(line, overflow="ellipsis", no_wrap=True)

    def _put(self, test: str, browser: str, level: str, state: Text) -> None:
        self._rows.pop(test, None)
        self._rows[test] = (browser, level, state)
        while len(self._rows) > _MOST_ROWS:
            del self._rows[next(iter(self._rows))]

    def _draw(self) -> RenderableType:
        if self._progress is None:
            return Text("starting…", "dim")
        return Group(*self._parts(self._progress))

    def _parts(self, progress: Progress) -> Iterator[RenderableType]:
        room = self._console.height - _OTHER_LINES - len(progress.queues)
        if room > 0:
            yield self._tests(list(self._rows.items())[-room:])
            yield ""
        yield _queues(progress)
        for name, view in sorted(self._open.items()):
            back = "" if view.retry_after == float("inf") else f", a probe in {show_seconds(view.retry_after)}"
            yield Text(f"circuit {name} is {view.state.value.replace('_', ' ')}{back}", "bold red")
        yield Text(show_counts(progress, self._left), "bold")

    def _tests(self, rows: list[tuple[str, tuple[str, str, Text]]]) -> Table:
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("test", no_wrap=True, ratio=3)
        table.add_column("browser", no_wrap=True, width=10)
        table.add_column("level", no_wrap=True, width=14)
        table.add_column("outcome", no_wrap=True, ratio=5)
        for test, (browser, level, state) in rows:
            table.add_row(test, browser, level, state)
        return table


def _queues(progress: Progress) -> Table:
    """A row a queue: how many of its tests wait, run and are done."""
    table = Table(box=None, pad_edge=False)
    table.add_column("queue", no_wrap=True)
    table.add_column("", width=24)
    for column in ("queued", "running", "parked", "done"):
        table.add_column(column, justify="right")
    for queue, counts in progress.queues.items():
        total = counts.queued + counts.running + counts.parked + counts.done
        bar = ProgressBar(total=total or 1, completed=counts.done, width=24)
        table.add_row(
            queue.removeprefix("browser."), bar,
            *(str(count) for count in (counts.queued, counts.running, counts.parked, counts.done)),
        )  # fmt: skip
    return table
