"""Workers that leave, die or hang: each test keeps its one verdict, and a leaving worker's goes back at once."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from jobs.batches.events import Claimed, GivenBack
from tests.farms import until


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGQUIT], ids=["soft", "hard"])
def test_the_test_of_a_worker_that_is_told_to_leave_starts_elsewhere_at_once(
    quick_farm: Any, signum: signal.Signals
) -> None:
    leaving = quick_farm.worker("leaving")
    quick_farm.client.at_work(leaving)
    quick_farm.publish("sleep-20000-first", "sleep-0")
    until(lambda: quick_farm.claims("sleep-20000-first"))
    staying = quick_farm.worker("staying", QUICK_PACE="0.01")
    quick_farm.client.at_work(staying)
    leaving.process.send_signal(signum)
    until(lambda: len(quick_farm.claims("sleep-20000-first")) == 2, 8)
    first, second = quick_farm.claims("sleep-20000-first")
    assert (first.owner.node, second.owner.node) == (leaving.name, staying.name)
    assert first.number == second.number, "it did nothing wrong: the same attempt"
    assert [event.test for event in quick_farm.store.events("b") if isinstance(event, GivenBack)] == [
        "sleep-20000-first"
    ]
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 2}
    assert quick_farm.store.progress("b").late == 0


def test_children_come_and_go_without_costing_a_verdict(quick_farm: Any) -> None:
    worker = quick_farm.worker("many", "--autoscale", "4,1", "--max-tasks-per-child", "3")
    quick_farm.client.at_work(worker)
    tests = [f"sleep-100-{number}" for number in range(40)]
    quick_farm.publish(*tests)
    until(lambda: quick_farm.client.done("b") > 5)
    quick_farm.control().autoscale(2, 1, destination=[worker.name])
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 40}
    claims = [event for event in quick_farm.store.events("b") if isinstance(event, Claimed)]
    assert len({event.owner.pid for event in claims}) > 10


def test_a_revoked_test_ends_as_cancelled_whether_it_waits_or_runs(quick_farm: Any) -> None:
    worker = quick_farm.worker("one", "--concurrency", "1")
    quick_farm.client.at_work(worker)
    quick_farm.publish("sleep-30000-running", "sleep-0-waiting", "sleep-0-other")
    until(lambda: quick_farm.claims("sleep-30000-running"))
    quick_farm.control().revoke("b:sleep-0-waiting:1")
    quick_farm.control().revoke("b:sleep-30000-running:1", terminate=True)
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 1, "cancelled: the task was revoked": 2}
    assert quick_farm.store.progress("b").late == 0


def test_what_kills_or_hangs_its_worker_each_time_ends_as_an_error(quick_farm: Any) -> None:
    worker = quick_farm.worker("one", "--concurrency", "2", lease="2")
    quick_farm.client.at_work(worker)
    quick_farm.publish("kill", "hang", "sleep-0-1", "sleep-0-2", timeout=1.0, max_attempts=2)
    quick_farm.until_finished(60)
    outcomes = {verdict.test: verdict for verdict in quick_farm.client.verdicts("b")}
    assert {test: verdict.outcome.value for test, verdict in outcomes.items()} == {
        "kill": "error",
        "hang": "error",
        "sleep-0-1": "passed",
        "sleep-0-2": "passed",
    }
    assert {len(outcomes[kind].attempts) for kind in ("kill", "hang")} <= {2, 3}
    until(lambda: "signal 14" in worker.output or "SIGALRM" in worker.output, 20, lambda: worker.output[-2000:])
