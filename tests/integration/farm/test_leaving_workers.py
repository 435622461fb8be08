"""Workers that leave, die or hang: each test keeps its one verdict, and a leaving worker's goes back at once."""

from __future__ import annotations

import signal
from typing import Any

from jobs.batches.events import Claimed, Failed, GivenBack
from tests.farms import until


def test_the_tests_of_workers_that_are_told_to_leave_start_elsewhere_at_once(quick_farm: Any) -> None:
    soft, hard = quick_farm.worker("soft"), quick_farm.worker("hard")
    staying = quick_farm.worker("staying", QUICK_PACE="0.01")
    presence = quick_farm.client.backend.presence
    presence.drain(staying.name)  # until the others have their tests
    quick_farm.client.at_work(soft, hard, staying)
    until(lambda: [node.node for node in presence.nodes() if node.drained] == [staying.name])
    tests = ("sleep-90000-a", "sleep-90000-b")
    quick_farm.publish(*tests, "sleep-0")
    until(lambda: all(map(quick_farm.claims, tests)))
    presence.resume(staying.name)
    soft.process.send_signal(signal.SIGTERM)
    hard.process.send_signal(signal.SIGQUIT)
    until(lambda: all(len(quick_farm.claims(test)) == 2 for test in tests))
    first, second = zip(*map(quick_farm.claims, tests), strict=True)
    assert {claimed.owner.node for claimed in first} == {soft.name, hard.name}
    assert {claimed.owner.node for claimed in second} == {staying.name}
    assert {claimed.number for claimed in (*first, *second)} == {1}, "they did nothing wrong: the same attempt"
    given_back = [event.test for event in quick_farm.store.events("b") if isinstance(event, GivenBack)]
    assert sorted(given_back) == sorted(tests)
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 3}
    assert quick_farm.store.progress("b").late == 0


def test_an_attempt_that_went_on_in_place_starts_elsewhere_at_once_too(quick_farm: Any) -> None:
    leaving = quick_farm.worker("leaving", queues="browser.chrome", QUICK_CRASHES="1")
    quick_farm.client.at_work(leaving)
    quick_farm.publish("sleep-90000", simulate=False)
    until(lambda: any(isinstance(event, Failed) and event.in_place for event in quick_farm.store.events("b")))
    staying = quick_farm.worker("staying", queues="browser.chrome", QUICK_PACE="0.01")
    quick_farm.client.at_work(leaving, staying)
    leaving.process.send_signal(signal.SIGTERM)
    until(lambda: len(quick_farm.claims("sleep-90000")) == 2)
    assert [(claim.owner.node, claim.number) for claim in quick_farm.claims("sleep-90000")] == [
        (leaving.name, 1),
        (staying.name, 2),
    ]
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 1}


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
    quick_farm.publish("sleep-90000-running", "sleep-0-waiting", "sleep-0-other")
    until(lambda: quick_farm.claims("sleep-90000-running"))
    quick_farm.control().revoke("b:sleep-0-waiting:1")
    quick_farm.control().revoke("b:sleep-90000-running:1", terminate=True)
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 1, "cancelled: the task was revoked": 2}
    assert quick_farm.store.progress("b").late == 0


def test_what_kills_or_hangs_its_worker_each_time_ends_as_an_error(quick_farm: Any) -> None:
    # What fails four times here opens the worker's circuit too: not for as long as it would elsewhere.
    soon = {"BREAKWATER_CIRCUIT_RECOVERY_TIMEOUT": "1"}
    worker = quick_farm.worker("one", "--concurrency", "2", lease="2", **soon)
    quick_farm.client.at_work(worker)
    quick_farm.publish("kill", "hang", "sleep-0-1", "sleep-0-2", timeout=1.0, max_attempts=2)
    quick_farm.until_finished()
    outcomes = {verdict.test: verdict for verdict in quick_farm.client.verdicts("b")}
    assert {test: verdict.outcome.value for test, verdict in outcomes.items()} == {
        "kill": "error",
        "hang": "error",
        "sleep-0-1": "passed",
        "sleep-0-2": "passed",
    }
    assert {len(outcomes[kind].attempts) for kind in ("kill", "hang")} <= {2, 3}
    until(lambda: "signal 14" in worker.output or "SIGALRM" in worker.output, 60, lambda: worker.output[-2000:])
