"""Recoveries of a farm, kept in Redis as tallies of fixed size: one hash a day, gone after a month.

A hash's fields are ``strategy|level|browser|model type|category|what``; ``what`` is ``attempts``, ``successes``, or the
number of a bucket of seconds. All words are of closed sets, so a hash stays small whatever a farm does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import redis

from jobs.batches.keyspace import redis_time
from jobs.settings import settings
from jobs.specs import Verdict
from recovery.statistics import Observation, RecoveryKind, RecoverySummary, Tally, bucket_of

# Days that recoveries are kept, the current one included.
DAYS_KEPT: Final = 30

_DAY = timedelta(days=1)
# What stands for "no browser" and "no model" in a field.
_NONE = "-"


def summary(client: redis.Redis, days: int = DAYS_KEPT, *, prefix: str | None = None) -> RecoverySummary:
    """What recoveries did in the farm behind ``client`` in the last days, today (UTC) included.

    The public way to these figures: the dashboard's Recovery tab, the reports and ``breakwater recovery stats`` all
    read them here. ``prefix`` is that of the farm's keys; by default as the settings say.

    Raises:
        ValueError: more days than are kept, or none.
    """
    if not 1 <= days <= DAYS_KEPT:
        raise ValueError(f"{days} days of recoveries; kept are 1 to {DAYS_KEPT}")
    today = datetime.fromtimestamp(redis_time(client), UTC)
    with client.pipeline(transaction=False) as pipe:
        for back in range(days):
            pipe.hgetall(_key(prefix or settings().key_prefix, today - back * _DAY))
        hashes = pipe.execute()
    tallies: dict[RecoveryKind, Tally] = defaultdict(Tally)
    for counts in hashes:
        for kind, tally in _read(counts).items():
            tallies[kind] += tally
    return RecoverySummary.of(tallies)


def summary_of(verdicts: Iterable[Verdict]) -> RecoverySummary:
    """The same figures of a batch's verdicts alone, for its reports."""
    return RecoverySummary.of_histories((verdict.attempts, verdict.model_type) for verdict in verdicts)


def note(client: redis.Redis, seen: Observation, at: float, *, prefix: str) -> None:
    """Count one recovery that ended at ``at`` (Redis's time, Unix seconds). One trip."""
    day = datetime.fromtimestamp(at, UTC)
    key, kind = _key(prefix, day), _field(seen.kind)
    with client.pipeline(transaction=True) as pipe:
        pipe.hincrby(key, f"{kind}|attempts", 1)
        if seen.succeeded:
            pipe.hincrby(key, f"{kind}|successes", 1)
        if seen.seconds is not None:
            pipe.hincrby(key, f"{kind}|{bucket_of(seen.seconds)}", 1)
        pipe.expireat(key, (day + (DAYS_KEPT + 1) * _DAY).replace(hour=0, minute=0, second=0, microsecond=0))
        pipe.execute()


def count_failure(client: redis.Redis, batch: str, *, prefix: str, expiry_seconds: int) -> int:
    """Count a failed attempt of a batch, for its budget; returns how many it has had."""
    key = f"{prefix}:batch:{batch}:failures"
    with client.pipeline(transaction=True) as pipe:
        pipe.incr(key)
        pipe.expire(key, expiry_seconds)
        count: int = pipe.execute()[0]
    return count


def failures_of(client: redis.Redis, batch: str, *, prefix: str) -> int:
    """Failed attempts that a batch has had."""
    return int(client.get(f"{prefix}:batch:{batch}:failures") or 0)


def _key(prefix: str, day: datetime) -> str:
    return f"{prefix}:recoveries:{day:%Y-%m-%d}"


def _field(kind: RecoveryKind) -> str:
    browser = _NONE if kind.browser is None else kind.browser.value
    model_type = _NONE if kind.model_type is None else kind.model_type.value
    return "|".join((kind.strategy, str(int(kind.level)), browser, model_type, kind.category))


def _read(counts: dict[bytes, bytes]) -> dict[RecoveryKind, Tally]:
    by_kind: dict[str, dict[str, int]] = defaultdict(dict)
    for field, count in counts.items():
        kind, _, what = field.decode().rpartition("|")
        by_kind[kind][what] = int(count)
    return {_kind(name): _tally(tally) for name, tally in by_kind.items()}


def _kind(field: str) -> RecoveryKind:
    strategy, level, browser, model_type, category = field.split("|")
    return RecoveryKind.model_validate(
        {
            "strategy": strategy,
            "level": int(level),
            "browser": None if browser == _NONE else browser,
            "model_type": None if model_type == _NONE else model_type,
            "category": category,
        }
    )


def _tally(counts: dict[str, int]) -> Tally:
    return Tally(
        attempts=counts.pop("attempts", 0),
        successes=counts.pop("successes", 0),
        buckets={int(bucket): count for bucket, count in counts.items()},
    )
