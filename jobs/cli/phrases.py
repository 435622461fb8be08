"""The phrases that all views and tables share."""

from __future__ import annotations

from typing import Literal

from jobs.batches.events import Following
from jobs.batches.values import Progress
from jobs.specs import Outcome, Verdict
from recovery import AttemptRecord

STYLES = {"passed": "green", "failed": "bold red", "error": "bold magenta", "cancelled": "dim"}

Loudness = Literal["quiet", "normal", "verbose"]


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


def show_counts(progress: Progress, left: float | None) -> str:
    """How far a batch is, in one line. ``left``: seconds until its end, as far as one can tell."""
    words = [f"{progress.done} of {progress.total} done", f"{progress.running} running", f"{progress.queued} queued"]
    if progress.parked:
        words.append(f"{progress.parked} parked")
    if progress.cancelled:
        words.append("being cancelled")
    elif left is not None:
        words.append(f"about {show_seconds(left)} left")
    return ", ".join(words)


def show_seconds(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{max(1.0, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
