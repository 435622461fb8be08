"""A batch in plain lines, for logs and pipes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console

from breakers import CircuitView
from jobs.batches.events import BatchEvent, Claimed, Failed, GivenBack, Parked, VerdictWritten
from jobs.batches.values import BatchHeader, Progress
from jobs.cli.eta import Pace
from jobs.cli.phrases import Loudness, show_counts, show_next, show_record, show_verdict
from jobs.specs import Outcome

# Seconds between two lines that say how far the batch is: a CI system may end a job that is silent for minutes.
_BEAT = 30.0


class PlainView:
    """A line for each failed attempt and each verdict; quiet: for none that passed; verbose: for each step."""

    def __init__(self, console: Console, loudness: Loudness = "normal") -> None:
        self._console = console
        self._loudness = loudness
        self._pace = Pace()
        self._next_beat = time.monotonic() + _BEAT
        self._open: frozenset[str] = frozenset()

    def started(self, header: BatchHeader, where: str) -> None:
        if self._loudness != "quiet":
            self._say(f"batch {header.id}: {header.total} tests on {where}")

    def happened(self, event: BatchEvent) -> None:
        match event:
            case VerdictWritten(verdict=verdict):
                if self._loudness != "quiet" or verdict.outcome in {Outcome.FAILED, Outcome.ERROR}:
                    self._say(f"{verdict.outcome.value.upper():9} {verdict.test}  {show_verdict(verdict)}")
            case Failed() | Parked() if self._loudness != "quiet":
                following = show_next(event.next, event.next_queue)
                self._say(f"  {event.test} attempt {event.record.number}: {show_record(event.record)} → {following}")
            case Claimed() if self._loudness == "verbose":
                self._say(f"  {event.test} attempt {event.number}: began on {event.owner.node}")
            case GivenBack() if self._loudness == "verbose":
                self._say(f"  {event.test} attempt {event.number}: back to {event.queue}, {event.owner.node} leaves")
            case _:
                pass

    def progressed(self, progress: Progress, open_circuits: Mapping[str, CircuitView]) -> None:
        left = self._pace.seconds_left(progress.done, progress.total)
        if self._loudness == "quiet":
            return
        names = frozenset(open_circuits)
        for name in sorted(names - self._open):
            self._say(f"circuit {name} is {open_circuits[name].state.value.replace('_', ' ')}")
        for name in sorted(self._open - names):
            self._say(f"circuit {name} lets calls through again")
        self._open = names
        if time.monotonic() >= self._next_beat and not progress.finished:
            self._say(show_counts(progress, left))

    def noted(self, note: str) -> None:
        self._say(note)

    def close(self) -> None:
        pass

    def _say(self, line: str) -> None:
        self._next_beat = time.monotonic() + _BEAT
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
