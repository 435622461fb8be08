"""A farm's recoveries in a real Redis: counted, bounded in size, forgotten after a month, told on the command line."""

from __future__ import annotations

import itertools
import json
import time
from functools import partial

import pytest
import redis

from jobs import recoveries
from recovery import BrowserType, FailureType, ModelType, RecoveryLevel
from recovery.statistics import BUCKETS, Observation, RecoveryKind
from tests.integration.conftest import Breakwater

DAY = 24 * 3600.0
STRATEGIES = ("simple_retry", "browser_restart", "settings_adjustment", "browser_fallback")


def seen(
    succeeded: bool = True,
    seconds: float = 1.0,
    level: RecoveryLevel = RecoveryLevel.MODERATE,
    browser: BrowserType = BrowserType.CHROME,
    model_type: ModelType = ModelType.TEXT,
    category: str = "crash",
) -> Observation:
    strategy = STRATEGIES[level - 1]
    kind = RecoveryKind(strategy=strategy, level=level, browser=browser, model_type=model_type, category=category)
    return Observation(kind=kind, succeeded=succeeded, seconds=seconds if succeeded else None)


def note(client: redis.Redis, *observations: Observation, days_ago: float = 0.0) -> None:
    for one in observations:
        recoveries.note(client, one, time.time() - days_ago * DAY, prefix="breakwater")


def test_what_is_noted_is_summed_up(redis_client: redis.Redis) -> None:
    note(redis_client, *[seen()] * 3, seen(succeeded=False), seen(browser=BrowserType.FIREFOX, seconds=4.0))
    figures = recoveries.summary(redis_client)
    assert (figures.total.attempts, figures.total.successes) == (5, 4)
    assert figures.by_browser["chrome"].rate == 0.75
    assert figures.by_browser["firefox"].seconds_p50 == pytest.approx(4.0, rel=0.13)
    assert figures.cells[0].kind == seen().kind


def test_days_are_told_apart_and_old_ones_forgotten(redis_client: redis.Redis) -> None:
    note(redis_client, seen())
    note(redis_client, seen(), seen(), days_ago=3)
    assert recoveries.summary(redis_client, 1).total.attempts == 1
    assert recoveries.summary(redis_client, 4).total.attempts == 3
    for key in redis_client.scan_iter("breakwater:recoveries:*"):
        assert 0 < redis_client.ttl(key) <= 31 * DAY
    note(redis_client, seen(), days_ago=40)  # the hash of that day ends at once
    assert len(list(redis_client.scan_iter("breakwater:recoveries:*"))) == 2
    with pytest.raises(ValueError, match="kept are 1 to 30"):
        recoveries.summary(redis_client, 31)


def test_every_kind_of_recovery_fits_one_small_hash(redis_client: redis.Redis) -> None:
    levels = [level for level in RecoveryLevel if level is not RecoveryLevel.SIMULATION]
    kinds = list(itertools.product(levels, BrowserType, ModelType, [*FailureType, "circuit_open"]))
    for level, browser, model_type, category in kinds:
        of_kind = {"level": level, "browser": browser, "model_type": model_type, "category": str(category)}
        note(redis_client, seen(seconds=0.2, **of_kind), seen(seconds=5000.0, **of_kind))
    [key] = redis_client.scan_iter("breakwater:recoveries:*")
    # With every bucket of every kind in use it would have some 30,000 fields.
    assert redis_client.hlen(key) == len(kinds) * 4
    assert int(redis_client.memory_usage(key) or 0) / redis_client.hlen(key) < 200
    figures = recoveries.summary(redis_client, 1)
    assert len(figures.cells) == len(kinds)
    assert all(cell.seconds_p95 is not None and cell.seconds_p95 > BUCKETS[-2] for cell in figures.cells)


def test_the_command_tells_it(redis_client: redis.Redis, breakwater_here: Breakwater) -> None:
    told = partial(breakwater_here, "recovery", "stats")
    assert told() == (0, "no recovery in the last 30 days\n")
    note(redis_client, seen(), seen(succeeded=False))
    code, table = told("--days", "1")
    assert code == 0
    assert "2 moderate" in table
    assert "50.0 %" in table
    figures = json.loads(told("--json")[1])
    assert figures["by_strategy"]["browser_restart"]["attempts"] == 2
    code, refusal = told(url=None)
    assert code == 2
    assert "BREAKWATER_REDIS_URL" in refusal
