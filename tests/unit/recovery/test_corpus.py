"""Errors that real browsers gave, each with the fault that made it, are told apart."""

from __future__ import annotations

import importlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from recovery import BrowserFailure, BrowserType, FailureType, categorize_browser_failure

DATA = Path(__file__).parents[2] / "data"
RECORDS = json.loads((DATA / "failures.json").read_text("utf-8"))["records"]
FOREIGN = json.loads((DATA / "foreign_failures.json").read_text("utf-8"))["records"]
REPORTED = json.loads((DATA / "reported_failures.json").read_text("utf-8"))["records"]


def rebuilt(chain: list[dict[str, Any]]) -> BaseException:
    """The error as it was raised: its real class and words, its causes behind it."""
    cause: BaseException | None = None
    for link in reversed(chain):
        kind = getattr(importlib.import_module(link["module"]), link["class"])
        if "errno" in link:
            error = kind(link["errno"], link["message"])
        elif issubclass(kind, BrowserFailure):
            error = kind(link["message"])
        else:
            # Constructors differ; what recovery reads is the class and str().
            said: type[BaseException] = type(kind.__name__, (kind,), {"__str__": lambda _, text=link["message"]: text})
            error = said.__new__(said)
        error.__cause__, cause = cause, error
    assert cause is not None
    return cause


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{record['browser']}: {record['fault']}")
def test_a_real_failure_is_categorised(record: dict[str, Any]) -> None:
    context = {"browser": record["browser"], "model": "bert-tiny", "platform": "webgpu", **record["evidence"]}
    info = categorize_browser_failure(rebuilt(record["chain"]), context)
    assert info.failure_type.value == record["expected"], info.reason
    assert info.evidence.browser is BrowserType(record["browser"])
    assert info.error_class == record["chain"][0]["class"]
    assert "\n" not in info.message
    assert "Stacktrace" not in info.message


def test_the_words_alone_tell_nearly_all_of_them() -> None:
    """Without evidence only what differs by evidence alone may be wrong: a wait in vain, a full disk, a dead driver."""
    wrong = Counter(
        record["fault"]
        for record in RECORDS
        if record["chain"][0]["module"] != "recovery.failures"
        and categorize_browser_failure(rebuilt(record["chain"]), {}).failure_type.value != record["expected"]
    )
    assert set(wrong) <= {
        *("driver stopped", "wait in vain"),
        *("binary broken (injected)", "disk full (injected)", "driver broken (injected)", "driver missing (injected)"),
    }
    assert wrong.total() <= 0.1 * len(RECORDS)


def test_evidence_that_a_process_died_outweighs_what_the_driver_says() -> None:
    for record in RECORDS:
        if record["expected"] in {"timeout", "connection", "crash"}:
            seen = {"phase": "run", "browser_alive": False}
            assert categorize_browser_failure(rebuilt(record["chain"]), seen).failure_type.value == "crash"


@pytest.mark.parametrize("records", [FOREIGN, REPORTED], ids=["foreign", "reported"])
@pytest.mark.parametrize("told", ["with its phase", "without"])
def test_failures_of_other_versions_and_systems_are_categorised_by_their_words(
    told: str, records: list[dict[str, Any]]
) -> None:
    """All but one of fifty. What a refused connection means is told by when it was, so without the phase it can't be
    known; but a test's own failure is never taken for the infrastructure's, nor the other way round."""
    wrong = []
    for record in records:
        number = re.match(r"\[Errno (\d+)\] ", record["message"])
        link = record | ({"errno": int(number[1]), "message": record["message"][number.end() :]} if number else {})
        phase = {"phase": record["phase"]} if told == "with its phase" and "phase" in record else {}
        info = categorize_browser_failure(rebuilt([link]), {"browser": record["browser"], **phase})
        if info.failure_type.value != record["expected"]:
            wrong.append((record["expected"], info.failure_type.value, info.reason, record["message"]))
    assert len(wrong) <= (0 if told == "with its phase" else 0.02 * len(records)), wrong
    assert not [one for one in wrong if FailureType.TEST_FAILURE.value in one[:2]]


def test_an_error_never_seen_is_internal_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    info = categorize_browser_failure(RuntimeError("the flux capacitor is empty"), {"browser": "chrome"})
    assert info.failure_type is FailureType.INTERNAL_ERROR
    assert "no rule knows RuntimeError: the flux capacitor is empty" in caplog.text
