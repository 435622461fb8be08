"""Metrics on a real Flower's /metrics, by Prometheus's conventions; alerts to a real web server."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis
import yaml
from prometheus_client.parser import text_string_to_metric_families

from breakers import CircuitBreakerRegistry
from jobs.batches import BatchStore, NextAttempt, Node, Presence
from jobs.dashboard.alerts import Alerts, deliver
from jobs.dashboard.live import Live
from jobs.settings import Settings
from recovery import BrowserType, RecoveryLevel
from tests.conftest import RedisServer
from tests.farms import until
from tests.flowers import ROOT, Flower
from tests.integration.batches.conftest import Make


class Chat:
    """A web server that takes messages; it refuses the first ``refusals`` of them."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.refusals: list[int] = []
        chat = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if chat.refusals:
                    self.send_error(chat.refusals.pop(0))
                    return
                chat.messages.append(told["text"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *told: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.close()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample of ours: its name and its labels' values, in the labels' order."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("breakwater_")
    }


def asked_by_autoscaling(worker: str, told: dict[tuple[str, ...], float]) -> float:
    """What Prometheus answers to the query by which KEDA scales a worker: a sum over states of a queue."""
    objects = yaml.safe_load_all((ROOT / "docker/kubernetes/autoscaling.yaml").read_text("utf-8"))
    [query] = [one["spec"]["triggers"][0]["metadata"]["query"] for one in objects if one["metadata"]["name"] == worker]
    found = re.fullmatch(r'sum\((\w+)\{queue="([^"]+)",state=~"([^"]+)"\}\)', query)
    assert found is not None, query
    name, queue, states = found.groups()
    return sum(
        value for sample, value in told.items() if sample[:2] == (name, queue) and re.fullmatch(states, sample[2])
    )


def test_metrics_and_alerts_tell_what_happened(
    own_redis: RedisServer, tmp_path: Path, chat: Chat, make: type[Make]
) -> None:
    client = redis.Redis.from_url(own_redis.url)
    registry = CircuitBreakerRegistry(client, failure_threshold=1, recovery_timeout=60)
    registry.get("browser:chrome").call(int)
    store, presence = BatchStore(client, lease_seconds=60), Presence(client)
    presence.announce(Node(node="w1", boot="b", pid=1, queues=("browser.chrome",)), 60)
    store.publish(make.header(), make.specs(6))
    flower = Flower(own_redis.url, tmp_path, environment={"BREAKWATER_ALERT_WEBHOOK": chat.url})
    try:
        until(lambda: "breakwater_queue_length" in flower.get("/metrics"), 120, lambda: "the first reading")
        registry.record("browser:chrome", failed=True)
        claim = make.claim(store)
        level = NextAttempt(queue="browser.firefox", browser=BrowserType.FIREFOX, level=RecoveryLevel.FALLBACK)
        store.send_on(claim, make.record(claim), level)
        again = make.claim(store, number=2)
        store.finish(again, make.verdict(again).model_copy(update={"attempts": (make.record(again, "passed"),)}))
        make.claim(store, "t1")
        refused = make.claim(store, "t2")
        again_later = NextAttempt(queue="browser.chrome", browser=BrowserType.CHROME)
        store.park(refused, make.record(refused, "circuit_open"), again_later, 60)
        passed = ("breakwater_tests_total", "chrome", "passed")
        until(lambda: samples(flower.get("/metrics")).get(passed) == 1, 120, lambda: "the verdict is counted")

        text = flower.get("/metrics")
        told = samples(text)
        assert told["breakwater_up",] == 1
        assert told["breakwater_circuit_state", "browser:chrome", "browser", "open"] == 1
        assert told["breakwater_circuit_state", "browser:chrome", "browser", "closed"] == 0
        assert told["breakwater_circuits", "browser", "open"] == 1
        assert told["breakwater_circuit_transitions_total", "browser", "open"] == 1
        assert told["breakwater_circuit_calls_total", "browser:chrome", "browser", "failure"] == 1
        assert told["breakwater_attempts_total", "chrome", "crash"] == 1
        assert told["breakwater_recoveries_total", "firefox", "4", "failed"] == 1
        assert told["breakwater_tests_waiting", "browser.chrome"] == 3
        states = [told["breakwater_queue_tests", "browser.chrome", state] for state in ("queued", "running", "parked")]
        assert states == [3, 1, 1]
        assert asked_by_autoscaling("worker-chrome", told) == 5
        assert asked_by_autoscaling("worker-firefox", told) == 0
        assert told["breakwater_workers", "browser.chrome"] == 1
        assert told["breakwater_workers", "browser.firefox"] == 0
        assert told["breakwater_test_duration_seconds_count", "text"] == 1
        assert told["breakwater_test_duration_seconds_bucket", "1", "text"] == 1
        assert told["breakwater_batches_open",] == 1
        for line in re.findall(r"^# TYPE (breakwater_\S+) (\w+)", text, re.MULTILINE):
            name, kind = line
            assert name.endswith("_total") == (kind == "counter"), line
            assert not name.endswith("_ms"), line

        until(lambda: any("browser:chrome* is open" in one for one in chat.messages), 120, lambda: "the alert")
        own_redis.stop()
        until(lambda: "breakwater_up 0.0" in flower.get("/metrics"), 120, lambda: "Redis is away")
    finally:
        flower.stop()
    assert chat.url not in flower.log.read_text()


def test_a_delivery_is_tried_again_but_not_for_ever(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []
    chat.refusals = [503, 429]
    assert deliver(chat.url, "twice refused", wait=pauses.append)
    assert chat.messages == ["twice refused"]
    assert pauses == [1, 2]
    chat.refusals = [404]
    assert not deliver(chat.url, "nobody there", wait=pauses.append)
    chat.refusals = [500] * 10
    assert not deliver(chat.url, "broken", wait=pauses.append)
    assert len(chat.refusals) == 6
    assert "/hook" not in caplog.text


def test_alerts_end_and_what_breaks_together_is_told_together(
    redis_client: redis.Redis, redis_server: RedisServer, chat: Chat, make: type[Make]
) -> None:
    live = Live(Settings(redis_url=redis_server.url))
    registry = live.backend.registry
    BatchStore(redis_client).publish(make.header(), make.specs(2))

    async def watch() -> None:
        alerts = Alerts(live, chat.url, calm=0, unmanned=0, together=0.2)
        telling = asyncio.create_task(alerts.run())
        live.start()
        await _until(lambda: any("2 tests wait" in one for one in chat.messages))
        registry.force_open("browser:chrome", "task:text", reason="again")
        await _until(lambda: any("is forced open" in one for one in chat.messages))
        registry.reset("browser:chrome", "task:text")
        await _until(lambda: sum(one.count("is closed, after") for one in chat.messages) == 2)
        telling.cancel()
        await live.stop()

    asyncio.run(watch())
    opened = [one for one in chat.messages if "forced open" in one]
    assert len(opened) == 1, chat.messages
    assert opened[0].count("forced open: again") == 2


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
