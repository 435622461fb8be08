"""The policy: its defaults, and what a batch may change of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery import BrowserType, FailureType, ModelType, RecoveryLevel, RecoveryPolicy

POLICY = RecoveryPolicy.default()


def test_every_failure_but_the_tests_own_has_a_level_to_begin_with() -> None:
    assert {kind: POLICY.starts_at(kind) for kind in FailureType} == {
        FailureType.LAUNCH_FAILURE: 4,
        FailureType.CONNECTION_FAILURE: 2,
        FailureType.TIMEOUT: 1,
        FailureType.CRASH: 2,
        FailureType.RESOURCE_EXHAUSTION: 3,
        FailureType.GPU_ERROR: 3,
        FailureType.API_ERROR: 4,
        FailureType.INTERNAL_ERROR: 2,
        FailureType.TEST_FAILURE: None,
    }


def test_every_family_of_models_prefers_the_seeds_browser() -> None:
    assert {model: POLICY.browsers_for(model)[0] for model in ModelType} == {
        ModelType.TEXT: BrowserType.EDGE,
        ModelType.VISION: BrowserType.CHROME,
        ModelType.AUDIO: BrowserType.FIREFOX,
        ModelType.MULTIMODAL: BrowserType.CHROME,
    }
    # WebKitGTK runs wasm only: nothing is sent there that did not ask for it.
    everywhere = set(BrowserType) - {BrowserType.WEBKIT}
    assert all(set(POLICY.browsers_for(model)) == everywhere for model in ModelType)


def test_overrides_replace_only_what_they_name() -> None:
    merged = POLICY.merged({"max_attempts": 3, "start_level": {"timeout": 2}, "fallback_order": {"text": ["firefox"]}})
    assert (merged.max_attempts, merged.max_seconds) == (3, POLICY.max_seconds)
    assert merged.starts_at(FailureType.TIMEOUT) is RecoveryLevel.MODERATE
    assert merged.starts_at(FailureType.CRASH) is RecoveryLevel.MODERATE
    assert merged.browsers_for(ModelType.TEXT) == (BrowserType.FIREFOX,)
    assert merged.browsers_for(ModelType.AUDIO) == POLICY.browsers_for(ModelType.AUDIO)
    assert POLICY.max_attempts == 8


def test_no_overrides_are_the_same_policy() -> None:
    assert POLICY.merged({}) is POLICY


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"retries": 3}, ("recovery.retries", "max_attempts")),
        ({"start_level": {"oom": 3}}, ("recovery.start_level.oom", "resource_exhaustion")),
        ({"start_level": {"test_failure": 1}}, ("recovery.start_level.test_failure",)),
        ({"start_level": {"crash": 9}}, ("recovery.start_level.crash", "9")),
        ({"start_level": {"launch": 1}}, ("recovery.start_level.launch", "from 2 to 5", "no session")),
        ({"start_level": {"launch": True}}, ("recovery.start_level.launch", "True")),
        ({"start_level": {"crash": 2.0}}, ("recovery.start_level.crash", "from 1 to 5", "2.0")),
        ({"start_level": {"lanch": 2}}, ("recovery.start_level.lanch", "did you mean 'launch'?")),
        ({"max_atempts": 3}, ("recovery.max_atempts", "did you mean 'max_attempts'?")),
        ({"limits": {"fallback": True}}, ("recovery.limits.fallback", "True")),
        ({"max_attempts": True}, ("recovery.max_attempts", "True")),
        ({"batch": {"failures_per_test": -1.0}}, ("recovery.batch.failures_per_test", "-1.0")),
        ({"limits": 3}, ("recovery.limits", "3")),
        ({"limits": {"minimal": -1}}, ("recovery.limits.minimal", "-1")),
        ({"max_attempts": "many"}, ("recovery.max_attempts", "'many'")),
        ({"max_attempts": 0}, ("recovery.max_attempts", "0")),
        ({"max_seconds": float("nan")}, ("recovery.max_seconds",)),
        ({"backoff": {"cap": float("inf")}}, ("recovery.backoff.cap",)),
        ({"fallback_order": {"text": ["opera"]}}, ("recovery.fallback_order.text", "opera", "firefox")),
        ({"fallback_order": {"text": ["edge", "edge"]}}, ("recovery.fallback_order.text", "twice")),
    ],
)
def test_a_wrong_override_is_told_in_one_line(overrides: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^recovery\.") as refusal:
        POLICY.merged(overrides)
    message = str(refusal.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_a_wait_grows_up_to_its_cap(repetition: int, jitter: float) -> None:
    wait = POLICY.backoff.seconds(repetition, jitter)
    assert 0 < wait <= POLICY.backoff.cap
    assert wait <= POLICY.backoff.seconds(repetition + 1, jitter)
    assert POLICY.backoff.seconds(0, 0.0) == POLICY.backoff.base
