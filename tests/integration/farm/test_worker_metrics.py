"""A worker tells of itself where a port is named: what its processes did, exactly as often as it was written."""

from __future__ import annotations

import os
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from jobs.backend import Backend
from jobs.batches import BatchHeader
from jobs.farm import Farm
from jobs.ports import free_port
from jobs.settings import Settings
from jobs.specs import Platform, TestSpec
from recovery import BrowserType, ModelType


def read(port: int) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels; none while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    except OSError:
        return {}
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_workers_metrics_tell_of_its_attempts() -> None:
    port = free_port()
    with Farm([], env={**os.environ, "BREAKWATER_METRICS_PORT": str(port)}) as farm:
        store = Backend(Settings(redis_url=farm.url)).store
        spec = TestSpec(
            id="t", browser=BrowserType.CHROME, model="bert-base-uncased", model_type=ModelType.TEXT,
            platform=Platform.WASM, simulate=True,
        )  # fmt: skip
        store.publish(BatchHeader(id="b", name="b", created_at=time.time(), allow=frozenset({"simulated"})), [spec])
        deadline = time.monotonic() + 180
        while not store.progress("b").finished:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # The worker counts an attempt a moment after its verdict.
        while ("breakwater_worker_attempts_total", "none", "passed") not in (told := read(port)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert told["breakwater_up",] == 1
    assert told["breakwater_worker_attempts_total", "none", "passed"] == 1
    assert told["breakwater_worker_attempt_duration_seconds_count", "none"] == 1
    assert told["breakwater_worker_quarantined",] == 0
    assert told["breakwater_worker_memory_bytes",] > 10_000_000
