"""Levels are Celery's queues: where a test goes when its browser can't be launched, or a circuit is open."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from jobs.backend import Backend
from jobs.batches import BatchHeader
from jobs.farm import Farm
from jobs.models.catalogue import catalogue
from jobs.settings import settings
from jobs.specs import FaultKind, FaultSpec, Outcome, Platform, TestSpec, Verdict
from recovery import BrowserType
from tests.farms import until

CHROME, FIREFOX, EDGE = BrowserType.CHROME, BrowserType.FIREFOX, BrowserType.EDGE
MODELS = {
    "audio": "whisper-tiny",
    "vision": "vit-base-patch16-224",
    "text": "bert-base-uncased",
    "multimodal": "clip-vit-base-patch32",
}
# Firefox is not to be found; Edge isn't there anyway.
NO_FIREFOX = (FaultSpec(kind=FaultKind.BINARY_MISSING, attempts=None, browser=FIREFOX),)


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    """Two workers for Chrome, one for Firefox, and one for Edge, which is not installed: its launch really fails."""
    with Farm([CHROME, CHROME, FIREFOX, EDGE]) as farm:
        yield farm


@pytest.fixture
def backend(farm: Farm) -> Iterator[Backend]:
    backend = Backend(settings().model_copy(update={"redis_url": farm.url}))
    until(lambda: len(nodes(backend)) == 5, 180)
    yield backend
    backend.registry.reset(*backend.registry.get_metrics()["circuits"])
    backend.registry.close()


def nodes(backend: Backend) -> set[str]:
    return {node.node for node in backend.presence.nodes()}


def verdicts(
    backend: Backend, batch: str, *tests: tuple[BrowserType, str], faults: tuple[FaultSpec, ...] = (), **header: object
) -> list[Verdict]:
    """What became of tests of these browsers and model types, in their order."""
    specs = [
        TestSpec(
            id=f"{number}", browser=browser, model=MODELS[kind], model_type=catalogue()[MODELS[kind]].type,
            platform=Platform.WASM, faults=faults,
        )
        for number, (browser, kind) in enumerate(tests)
    ]  # fmt: skip
    allowed = BatchHeader.model_validate(
        {"id": batch, "name": batch, "created_at": time.time(), "allow": ["degraded"], **header}
    )
    backend.store.publish(allowed, specs)
    until(lambda: backend.store.progress(batch).finished, 300)
    return sorted(backend.store.verdicts(batch), key=lambda verdict: verdict.test)


def way(verdict: Verdict) -> list[tuple[str | None, str, int | None]]:
    return [(entry.browser and entry.browser.value, entry.outcome, entry.level) for entry in verdict.attempts]


def test_a_browser_that_is_not_there_is_replaced_by_what_suits_the_model(backend: Backend) -> None:
    audio, vision = verdicts(backend, "order", (EDGE, "audio"), (EDGE, "vision"))
    assert way(audio) == [("edge", "launch", None), ("firefox", "passed", 4)]
    assert way(vision) == [("edge", "launch", None), ("chrome", "passed", 4)]
    assert audio.degraded
    assert vision.degraded


def test_text_goes_to_edge_first_and_multimodal_to_chrome(backend: Backend) -> None:
    text, multimodal = verdicts(backend, "more", (FIREFOX, "text"), (FIREFOX, "multimodal"), faults=NO_FIREFOX)
    assert way(text) == [("firefox", "launch", None), ("edge", "launch", 4), ("chrome", "passed", 4)]
    assert way(multimodal) == [("firefox", "launch", None), ("chrome", "passed", 4)]


def test_a_tests_own_budget_ends_it_and_says_so(backend: Backend) -> None:
    [ended] = verdicts(backend, "spent", (EDGE, "text"), policy={"max_attempts": 1})
    assert (ended.outcome, len(ended.attempts)) == (Outcome.ERROR, 1)
    assert "all 1 attempts are used up" in ended.reason


@pytest.mark.night  # a circuit stays open for ten seconds
def test_where_no_browsers_circuit_lets_calls_through_the_test_waits_for_the_probe(backend: Backend) -> None:
    for browser in (FIREFOX, EDGE):
        backend.registry.get(f"browser:{browser.value}")
        backend.registry.force_open(f"browser:{browser.value}")
    backend.registry.get("browser:chrome")
    for _ in range(3):
        backend.registry.record("browser:chrome", failed=True)
    [waited] = verdicts(backend, "parked", (CHROME, "vision"))
    *refused, last = way(waited)
    assert refused
    assert set(refused) == {("chrome", "circuit_open", None)}
    assert last == ("chrome", "passed", None)


def test_a_browser_whose_circuit_is_open_is_passed_over(backend: Backend) -> None:
    backend.registry.get("browser:firefox")
    backend.registry.force_open("browser:firefox")
    [audio] = verdicts(backend, "passed-over", (EDGE, "audio"))
    assert way(audio) == [("edge", "launch", None), ("chrome", "passed", 4)]
    [asked] = verdicts(backend, "turned-away", (FIREFOX, "audio"))
    assert way(asked) == [("firefox", "circuit_open", None), ("chrome", "passed", 4)]


def test_a_sick_worker_leaves_its_queue_and_comes_back(backend: Backend) -> None:
    sick, well = sorted(node for node in nodes(backend) if node.startswith("chrome"))
    backend.registry.get(f"worker:{sick}")
    backend.registry.force_open(f"worker:{sick}")
    results = verdicts(backend, "elsewhere", *[(CHROME, "text")] * 6)
    assert {verdict.outcome for verdict in results} == {Outcome.PASSED}
    assert {verdict.attempts[-1].worker for verdict in results} == {well}
    assert not any(verdict.degraded for verdict in results)
    # What it refused before it left its queue went on to the other one.
    refused = [entry for verdict in results for entry in verdict.attempts if entry.outcome == "circuit_open"]
    assert {entry.worker for entry in refused} <= {sick}
    backend.registry.reset(f"worker:{sick}")
    workers: set[str] = set()
    for number in range(10):
        if len(workers) == 2:
            break
        more = verdicts(backend, f"back-{number}", *[(CHROME, "text")] * 4)
        workers |= {verdict.attempts[-1].worker for verdict in more}
    assert workers == {sick, well}


def test_a_batch_that_costs_too_much_ends_and_says_so(backend: Backend) -> None:
    budget = {"policy": {"batch": {"failures_per_test": 0.0, "failures_at_least": 1}}}
    results = verdicts(backend, "dying", *[(EDGE, "text")] * 3, **budget)
    given_up = [verdict for verdict in results if verdict.outcome is Outcome.ERROR]
    assert len(given_up) == 2
    assert all("the batch's budget is used up: 1 failed attempts for 3 tests" in verdict.reason for verdict in given_up)
