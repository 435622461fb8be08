"""Settings: defaults that were promised, mistakes told in one line, and the way to Redis and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakers import CircuitSettings, InvalidSettings
from breakers.keys import Keys, checked_name
from breakers.settings import SETTING_NAMES, from_redis, to_redis


def test_the_defaults_are_the_promised_ones() -> None:
    settings = CircuitSettings()
    assert (settings.failure_threshold, settings.recovery_timeout, settings.half_open_max_calls) == (3, 10.0, 1)
    assert (settings.success_threshold, settings.metrics_window_size, settings.min_samples_for_stats) == (2, 100, 5)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"failure_treshold": 3}, "'failure_treshold' is unknown (known: version, "),
        ({"recovery_timeout": 0}, "recovery_timeout=0: input should be greater than 0"),
        ({"slow_call_rate_threshold": 0.5}, "slow_call_rate_threshold needs slow_call_seconds"),
        ({"failure_threshold": True}, "failure_threshold=True: input should be a number"),
        ({"recovery_timeout_jitter": False}, "recovery_timeout_jitter=False: input should be a number"),
        ({"failure_rate_threshold": 0.5, "metrics_window_size": 3}, "no rate would ever be judged"),
        ({"failure_threshold": None}, "what would open it"),
        ({"idle_seconds": 100, "recovery_timeout": 200}, "an open circuit would be forgotten"),
    ],
)
def test_a_mistake_is_told_in_one_line(settings: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        CircuitSettings.of(settings)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


positive = st.floats(min_value=0.001, max_value=200.0)


@given(
    st.builds(
        CircuitSettings,
        version=st.integers(0, 9),
        failure_threshold=st.integers(1, 99),
        recovery_timeout=positive,
        window_seconds=st.none() | positive,
        failure_rate_threshold=st.none() | st.floats(min_value=0.01, max_value=1.0),
        slow_call_seconds=st.none() | positive,
    )
)
def test_settings_come_back_from_redis_as_they_went(settings: CircuitSettings) -> None:
    sent = to_redis(settings.model_dump())
    assert from_redis([value.encode() for value in sent]) == settings
    assert SETTING_NAMES[0] == "version"


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 201, "\x00"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettings, match="circuit name"):
        checked_name(name)


@pytest.mark.parametrize("prefix", ["", "a{b", "a}b"])
def test_a_prefix_that_would_break_the_hash_tag_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidSettings, match="prefix"):
        Keys(prefix)


def test_every_key_of_a_registry_has_the_same_hash_tag() -> None:
    keys = Keys("breakwater")
    for key in keys.of_recoveries("odd {name}"):
        assert key.startswith("{breakwater:circuits}:")
