"""A batch by its id: enqueued here, waited for, watched, reported, cancelled there. A real worker without browsers."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from jobs.batches import BatchStore, Claim, Owner
from jobs.processes import OwnedProcess
from tests.commands import Command, read_report
from tests.conftest import RedisServer
from tests.farms import until
from tests.integration.conftest import Breakwater

MATRIX = """
repeat = {repeat}
[matrix]
browsers = ["chrome"]
models = {models}
platforms = ["wasm"]
"""
BROKEN_MODEL = '[[model]]\nname = "broken"\ntype = "text"\npath = "broken.onnx"\n'


def batch_file(folder: Path, *models: str, repeat: int = 1) -> None:
    (folder / "broken.onnx").write_bytes(b"no model")
    text = MATRIX.format(repeat=repeat, models=list(models)) + (BROKEN_MODEL if "broken" in models else "")
    (folder / "batch.toml").write_text(text.replace("'", '"'), encoding="utf-8")


@pytest.fixture
def store(redis_client: redis.Redis) -> BatchStore:
    return BatchStore(redis_client)


@pytest.fixture
def breakwater(tmp_path: Path, redis_server: RedisServer, store: BatchStore) -> Iterator[Callable[..., Command]]:
    """Starts commands of users who know nothing but the farm's URL."""
    commands = []

    def start(*arguments: str, **env: str) -> Command:
        known = {"BREAKWATER_REDIS_URL": redis_server.url, "XDG_STATE_HOME": str(tmp_path / "state")}
        commands.append(Command(list(arguments), tmp_path, known | env))
        return commands[-1]

    yield start
    for command in commands:
        command.kill()


@pytest.fixture
def worker(redis_server: RedisServer, store: BatchStore) -> Iterator[OwnedProcess]:
    """A worker that simulates."""
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        command = [sys.executable, "-m", "celery", "-A", "jobs", "worker", "-Q", "simulation", "-c", "1"]
        environment = {**os.environ, "BREAKWATER_REDIS_URL": redis_server.url, "TMPDIR": folder}
        with OwnedProcess(command, env=environment, cwd=Path(folder)) as process:
            yield process


def test_a_batch_goes_from_hand_to_hand(
    breakwater: Callable[..., Command], worker: OwnedProcess, store: BatchStore, tmp_path: Path
) -> None:
    batch_file(tmp_path, "bert-base-uncased", repeat=3)
    enqueued = breakwater("enqueue", "batch.toml", "--simulate", "--batch-id", "night-1")
    assert enqueued.wait(120) == 0, enqueued.output
    assert enqueued.output.splitlines()[-1] == "night-1"

    waited = breakwater("wait", "night-1", "--report-json", "report.json")
    told = breakwater("wait", "night-1", "--verbose")
    hushed = breakwater("wait", "night-1", "--quiet")
    for command in (waited, told, hushed):
        assert command.wait(180) == 0, command.output
        assert "3 passed" in command.output
    assert [command.output.count("attempt 1: began on") for command in (waited, told, hushed)] == [0, 3, 0]
    assert [command.output.count("PASSED") for command in (waited, told, hushed)] == [3, 3, 0]
    assert len(read_report(tmp_path / "report.json")["verdicts"]) == 3

    watched, reported = breakwater("watch", "night-1"), breakwater("report", "night-1", "--report-junit", "junit.xml")
    again = breakwater("run", "batch.toml", "--simulate", "--batch-id", "night-1")
    other = breakwater("enqueue", "batch.toml", "--batch-id", "night-1")
    late = breakwater("cancel", "night-1")
    for command in (watched, reported, again, late):
        assert command.wait(180) == 0, command.output
    assert "3 passed" in watched.output
    assert "3 passed" in again.output
    assert (tmp_path / "junit.xml").exists()
    assert "finished already" in late.output
    assert other.wait(120) == 2
    assert "night-1 exists with other content" in other.output
    assert store.progress("night-1").done == 3


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [(["run", "batch.toml"], 1), (["run", "--full", "--model-type", "audio"], 4), (["demo", "--model", "bert"], 4)],
    ids=lambda arguments: arguments[0] if isinstance(arguments, list) else "",
)
def test_what_needs_no_browser_starts_none(tmp_path: Path, arguments: list[str], passed: int) -> None:
    batch_file(tmp_path, "bert-base-uncased")
    command = Command([*arguments, "--simulate", "--log-dir", "logs"], tmp_path, {"BREAKWATER_LEASE_SECONDS": "2"})
    try:
        assert command.wait(180) == 0, command.output
    finally:
        command.kill()
    assert "an embedded farm (simulation)" in command.output
    assert "sandbox" not in command.output
    assert f"{passed} passed ({passed} simulated)" in command.output
    assert [log.name for log in (tmp_path / "logs").iterdir()] == ["simulation.log"]


def test_what_was_not_green_runs_again_alone(
    breakwater: Callable[..., Command], worker: OwnedProcess, tmp_path: Path
) -> None:
    batch_file(tmp_path, "bert-base-uncased", "broken")
    summary = tmp_path / "summary.md"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    first = breakwater(
        "run", "batch.toml", "--simulate", "--batch-id", "first", "--report-json", "first.json", **github
    )
    assert first.wait(180) == 1, first.output
    assert "::error title=failed%3A chrome/broken/wasm::" in first.output
    assert "❌" in summary.read_text(encoding="utf-8")
    for source in ([], ["first"], ["first.json"]):
        again = breakwater("run", "--simulate", "--quiet", "--last-failed", *source, "batch.toml")
        assert again.wait(180) == 1, again.output
        assert "1 failed" in again.output
        assert "passed" not in again.output


def test_the_first_failure_cancels_the_rest_and_is_what_counts(
    breakwater: Callable[..., Command], worker: OwnedProcess, tmp_path: Path
) -> None:
    batch_file(tmp_path, "broken", "bert-base-uncased", repeat=200)
    command = breakwater("run", "batch.toml", "--simulate", "--fail-fast", "--quiet")
    assert command.wait(180) == 1, command.output
    assert "1 failed" in command.output
    assert "cancelled" in command.output
    assert "Traceback" not in command.output


def test_shards_share_a_batch_and_an_empty_one_is_no_error(
    breakwater: Callable[..., Command], store: BatchStore, tmp_path: Path
) -> None:
    batch_file(tmp_path, "bert-base-uncased", repeat=3)
    shards = [
        breakwater("run", "batch.toml", "--detach", "--batch-id", f"s{n}", "--shard", f"{n}/4") for n in range(1, 5)
    ]
    assert [shard.wait(120) for shard in shards] == [0, 0, 0, 0]
    assert "shard 4/4 has no test" in shards[3].output
    assert [store.progress(f"s{number}").total for number in (1, 2, 3)] == [1, 1, 1]


def test_a_cancelled_batch_ends_as_interrupted_for_all_who_ask(
    breakwater: Callable[..., Command], store: BatchStore, redis_client: redis.Redis, tmp_path: Path
) -> None:
    batch_file(tmp_path, "bert-base-uncased", repeat=3)
    # Nobody serves the queue, and on a slow machine the commands must not see that first.
    patient = {"BREAKWATER_UNSERVED_SECONDS": "300"}
    assert breakwater("enqueue", "batch.toml", "--batch-id", "b", **patient).wait(120) == 0
    unfinished = breakwater("report", "b", **patient)
    waiting = breakwater("wait", "b", **patient)
    leaving = breakwater("wait", "b", **patient)
    impatient = breakwater("wait", "b", "--timeout", "1", **patient)
    assert unfinished.wait(120) == 3
    assert "0 of 3 done" in unfinished.output
    assert impatient.wait(120) == 3
    until(lambda: "3 tests on the farm" in leaving.output, 120)
    leaving.interrupt()
    assert leaving.wait(120) == 130
    assert "goes on" in leaving.output
    cancelled = breakwater("cancel", "b")
    assert cancelled.wait(120) == 0
    assert "3 tests did not run" in cancelled.output
    assert waiting.wait(120) == 130
    assert redis_client.llen("browser.chrome") == 0, "nobody need drop what nobody wants"


def test_the_first_ctrl_c_cancels_and_the_second_leaves_at_once(
    breakwater: Callable[..., Command], redis_client: redis.Redis, tmp_path: Path
) -> None:
    batch_file(tmp_path, "bert-base-uncased", repeat=3)
    command = breakwater("run", "batch.toml", "--batch-id", "b", BREAKWATER_UNSERVED_SECONDS="300")
    # A worker that holds a test and hears nothing: the cancelled batch doesn't end before its lease does.
    deaf = BatchStore(redis_client, lease_seconds=120)
    until(lambda: redis_client.exists("breakwater:batch:b"), 120)
    assert isinstance(deaf.claim("b", "chrome/bert-base-uncased/wasm", 1, Owner(node="deaf", boot="x", pid=1)), Claim)
    until(lambda: "3 tests on the farm" in command.output, 120)
    command.interrupt()
    until(lambda: deaf.progress("b").outcomes == {"cancelled": 2}, 120)
    assert command.process.poll() is None, "it waits for what runs"
    began = time.monotonic()
    command.interrupt()
    assert command.wait(10) == 130
    # Well before the seconds that running tests have to notice.
    assert time.monotonic() - began < 4
    assert "interrupted: cancelling the batch; Ctrl-C again leaves at once" in command.output
    assert "Traceback" not in command.output
    assert deaf.progress("b").cancelled


def test_unknown_batches_and_missing_farms_are_one_line(breakwater_here: Breakwater) -> None:
    unknown = [breakwater_here(command, "none") for command in ("wait", "watch", "report", "cancel")]
    homeless = [breakwater_here("enqueue", "--quick", url=""), breakwater_here("run", "--quick", "--last-failed")]
    for code, output in (*unknown, *homeless):
        assert code == 2, output
        assert output.count("\n") == 1, output


def test_workers_take_high_priority_first_and_low_last(
    breakwater: Callable[..., Command], store: BatchStore, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    batch_file(tmp_path, "bert-base-uncased", repeat=4)
    for before, priority in enumerate(("low", "normal", "high")):
        command = breakwater("enqueue", "batch.toml", "--simulate", "--batch-id", priority, "--priority", priority)
        assert command.wait(120) == 0, command.output
        assert "no worker serves simulation now" in command.output
        waiting = f"{4 * before} tests of other batches wait in simulation, which 0 workers serve"
        assert (waiting in command.output) is (before > 0), command.output
    request.getfixturevalue("worker")
    until(lambda: store.progress("low").finished, 120)
    claimed = {
        priority: [event.at for event in store.events(priority) if event.type == "claimed"]
        for priority in ("low", "normal", "high")
    }
    assert max(claimed["high"]) < min(claimed["normal"])
    assert max(claimed["normal"]) < min(claimed["low"])
