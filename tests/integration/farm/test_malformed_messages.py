"""A thousand messages that are none, and a thousand that say nonsense: the worker goes on with the next."""

from __future__ import annotations

import base64
import json
from typing import Any

import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jobs.batches.message import app_template
from tests.farms import until
from tests.integration.farm.conftest import QuickFarm

# Of each sort.
MESSAGES = 1000

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """A message of ours with one part of it replaced, or missing."""
    message: dict[str, Any] = json.loads(app_template().write("simulation", "none", "t", 1))
    where = draw(st.sampled_from(["", "headers", "properties"]))
    table = message[where] if where else message
    key = draw(st.sampled_from(sorted(table)))
    if draw(st.booleans()):
        del table[key]
    else:
        table[key] = draw(anything)
    return json.dumps(message).encode()


@st.composite
def wrong_arguments(draw: st.DrawFn) -> bytes:
    """A message of ours in all but what it says."""
    message: dict[str, Any] = json.loads(app_template().write("simulation", "none", "t", 1))
    body = draw(st.binary(max_size=30) | anything.map(lambda one: json.dumps(one).encode()))
    arguments = draw(st.lists(anything, max_size=4))
    given_as = draw(st.sampled_from([body, json.dumps([arguments, {}, {}]).encode()]))
    message["body"] = base64.b64encode(given_as).decode()
    return json.dumps(message).encode()


malformed = st.binary(max_size=60) | anything.map(lambda one: json.dumps(one).encode()) | nearly()


def make(count: int, messages: st.SearchStrategy[bytes]) -> list[bytes]:
    made: list[bytes] = []

    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(messages)
    def collect(message: bytes) -> None:
        made.append(message)

    collect()
    return made


def test_a_thousand_malformed_messages_and_payloads_leave_the_worker_at_work(
    quick_farm: QuickFarm, redis_client: redis.Redis
) -> None:
    messages, payloads = make(MESSAGES, malformed), make(MESSAGES, wrong_arguments())
    assert min(len(messages), len(payloads)) >= MESSAGES
    worker = quick_farm.worker("one", "--loglevel", "WARNING")
    quick_farm.client.at_work(worker)
    pid = worker.process.pid
    redis_client.lpush("simulation", *messages, *payloads)
    quick_farm.publish("sleep-0-after")
    until(lambda: quick_farm.client.is_finished("b"), 180, lambda: worker.output[-3000:])
    assert quick_farm.client.outcomes("b") == {"passed": 1}
    assert worker.process.poll() is None
    assert worker.process.pid == pid
    assert redis_client.llen("simulation") == 0
    until(lambda: redis_client.hlen("unacked") == 0, 60, lambda: f"{redis_client.hgetall('unacked')}"[:2000])
    for said in ("is no task, and dropped", "is no attempt's, and dropped"):
        assert worker.output.count(said) > MESSAGES * 0.1
