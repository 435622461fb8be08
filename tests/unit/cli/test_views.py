"""What a user sees of a batch while it runs: by loudness, in a log and in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from breakers import CircuitState, CircuitView
from jobs.batches.events import BatchEvent, Claimed, Failed, Following, VerdictWritten
from jobs.batches.values import Owner, Progress, QueueCounts
from jobs.cli import eta
from jobs.cli.live_view import LiveView
from jobs.cli.phrases import Loudness
from jobs.cli.plain_view import PlainView
from jobs.cli.views import View, view_for
from jobs.specs import Outcome
from recovery import BrowserType, RecoveryLevel
from tests.unit.reports.verdicts import attempt, header, verdict

QUEUE = "browser.chrome"


def events() -> Iterator[BatchEvent]:
    """A test that passes after a crash, and one that fails."""
    place = {"id": "1-0", "at": 0.0, "queue": QUEUE, "number": 1}
    owner = Owner(node="chrome@vm", boot="b", pid=1).model_dump_json()
    for test in ("shaky", "wrong"):
        yield Claimed.model_validate({**place, "type": "claimed", "test": test, "owner": owner, "browser": "chrome"})
    following = Following(browser=BrowserType.CHROME, level=RecoveryLevel.MODERATE)
    yield Failed.model_validate(
        {
            **place, "type": "failed", "test": "shaky",
            "record": attempt(1, "crash", cause="tab crashed").model_dump_json(),
            "next": following.model_dump_json(), "next_queue": QUEUE, "in_place": "1",
        }
    )  # fmt: skip
    shaky = verdict("shaky", attempts=(attempt(1, "crash"), attempt(2, "passed")), recovered=True)
    for one in (shaky, verdict("wrong", Outcome.FAILED, reason="not equal")):
        yield VerdictWritten.model_validate(
            {**place, "type": "verdict", "test": one.test, "verdict": one.model_dump_json()}
        )


def progress(done: int, **queues: QueueCounts) -> Progress:
    return Progress(
        total=100, queued=90 - done, running=7, parked=3, done=done, outcomes={}, late=0, cancelled=False,
        finished=False, queues={f"browser.{name}": counts for name, counts in queues.items()},
    )  # fmt: skip


def seen(view: Callable[[Console], View]) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120, height=40)
    shown = view(console)
    shown.started(header(), "a farm")
    for event in events():
        shown.happened(event)
    shown.progressed(progress(0), {"browser:chrome": CircuitView(CircuitState.OPEN, 5.0)})
    shown.progressed(progress(0), {})
    shown.close()
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


ALWAYS = {"FAILED    wrong  not equal"}
NORMALLY = {
    "batch nightly-1: 0 tests on a farm",
    "  shaky attempt 1: crash: tab crashed → level 2 MODERATE, on browser.chrome",
    "PASSED    shaky",
    "circuit browser:chrome is open",
    "circuit browser:chrome lets calls through again",
}
VERBOSELY = {"  shaky attempt 1: began on chrome@vm", "  wrong attempt 1: began on chrome@vm"}


@pytest.mark.parametrize(
    ("loudness", "told"),
    [("quiet", ALWAYS), ("normal", ALWAYS | NORMALLY), ("verbose", ALWAYS | NORMALLY | VERBOSELY)],
)
def test_a_log_tells_what_its_loudness_asks_for(loudness: Loudness, told: set[str]) -> None:
    lines = seen(lambda console: PlainView(console, loudness)).splitlines()
    for phrase in ALWAYS | NORMALLY | VERBOSELY:
        assert any(line.startswith(phrase) for line in lines) is (phrase in told), (phrase, lines)
    assert len(lines) == len(told)


def test_a_terminal_keeps_lines_of_what_went_wrong_and_verbosely_of_every_step() -> None:
    normal = seen(LiveView)
    assert "shaky crash: tab crashed → level 2 MODERATE, on browser.chrome" in normal
    assert "failed wrong  not equal" in normal
    verbose = seen(lambda console: LiveView(console, "verbose"))
    for line in ("passed shaky", "shaky attempt 1 began on chrome@vm"):
        assert line not in normal
        assert line in verbose


def test_a_terminal_shows_each_browser_open_circuits_and_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(eta.time, "monotonic", lambda: clock)
    console = Console(file=io.StringIO(), width=120, height=40)
    view = LiveView(console)
    view.progressed(progress(0), {})
    clock += 10
    counts = {"chrome": QueueCounts(queued=41, running=2, done=17), "firefox": QueueCounts(queued=29, parked=3, done=8)}
    view.progressed(progress(25, **counts), {"browser:firefox": CircuitView(CircuitState.OPEN, 5.0)})
    for part in view._parts(progress(25, **counts)):
        console.print(part)
    output = console.file
    assert isinstance(output, io.StringIO)
    rows = {line.split()[0]: line.split()[-4:] for line in output.getvalue().splitlines() if line.split()}
    assert rows["queue"] == ["queued", "running", "parked", "done"]
    assert rows["chrome"] == ["41", "2", "0", "17"]
    assert rows["firefox"] == ["29", "0", "3", "8"]
    assert "circuit browser:firefox is open, a probe in 5 s" in output.getvalue()
    # 25 in 10 s: 75 more in 30 s.
    assert "25 of 100 done, 7 running, 65 queued, 3 parked, about 30 s left" in output.getvalue()


@pytest.mark.parametrize(
    ("terminal", "ci", "loudness", "view"),
    [
        (True, "", "normal", LiveView),
        (True, "true", "normal", PlainView),
        (True, "", "quiet", PlainView),
        (False, "", "normal", PlainView),
        (False, "", "verbose", PlainView),
    ],
)
def test_where_it_is_shown_decides_how(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, ci: str, loudness: Loudness, view: type[View]
) -> None:
    monkeypatch.setenv("CI", ci)
    assert isinstance(view_for(Console(file=io.StringIO(), force_terminal=terminal), loudness), view)
