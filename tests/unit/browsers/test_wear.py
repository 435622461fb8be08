"""When a session is replaced, by what was seen of it. No browser runs here."""

from __future__ import annotations

import random

import pytest

from jobs.browsers import wear
from jobs.browsers.wear import Sample, Wear, expected_bytes
from jobs.settings import Settings

MB = 1024 * 1024


def worn(sizes: list[int], *, limit: int = 1000, tests: int = 1_000_000) -> tuple[str | None, int]:
    """The reason for replacing a session whose looks see these megabytes, and after how many looks it is given."""
    seen = iter(sizes)
    session = Wear(Settings(recycle_memory_megabytes=limit, recycle_after_tests=tests), lambda: next(seen) * MB)
    for look in range(1, len(sizes) + 1):
        if reason := session.reason(look * wear.TESTS_BETWEEN):
            return reason, look
    return None, len(sizes)


def test_a_session_that_grows_is_replaced_before_it_passes_the_limit() -> None:
    sizes = [300 + 50 * step for step in range(30)]
    reason, look = worn(sizes)
    assert reason is not None
    assert "its memory grows" in reason
    assert sizes[look - 1] < 1000
    # Not without need: two looks later it would have passed it.
    assert sizes[look + 1] >= 1000


@pytest.mark.parametrize("limit", [1000, 420])
def test_a_session_that_stays_is_kept_however_its_memory_wavers(limit: int) -> None:
    dice = random.Random(1)
    assert worn([300, *(350 + dice.randint(-10, 10) for _ in range(200))], limit=limit) == (None, 201)


def test_warming_up_is_no_growth() -> None:
    assert worn([100, 600, 610, 612, 611, 612, 612, 613], limit=800)[0] is None


def test_what_is_over_the_limit_goes_at_once() -> None:
    reason, look = worn([400, 1200])
    assert reason is not None
    assert "more than 1000 MB" in reason
    assert look == 2


def test_tests_and_age_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Wear(Settings(recycle_after_tests=5, recycle_after_seconds=3600), lambda: None)
    assert session.reason(4) is None
    assert session.reason(5) == "it ran 5 tests"
    later = wear.time.monotonic() + 3601
    monkeypatch.setattr(wear.time, "monotonic", lambda: later)
    assert "s old" in (session.reason(1) or "")


def test_a_remote_browser_whose_memory_can_not_be_seen_is_judged_by_the_rest() -> None:
    session = Wear(Settings(), lambda: None)
    assert session.reason(wear.TESTS_BETWEEN) is None
    assert session.samples == ()


def test_too_few_looks_make_no_trend() -> None:
    assert expected_bytes([Sample(20 * look, look * 100 * MB) for look in range(3)]) is None
