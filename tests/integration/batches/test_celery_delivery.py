"""A real Celery worker takes our message for what it claims to be: one of apply_async's."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs.batches import MessageTemplate

TINY_APP = """
import json, os, signal
import redis
from celery import Celery
from kombu import Exchange, Queue

app = Celery("tiny", broker=os.environ["TINY_REDIS"])
app.conf.update(
    task_queues=[Queue("tiny", Exchange("breakwater", type="direct"), routing_key="tiny")],
    task_create_missing_queues=False, task_default_queue="tiny", task_ignore_result=True,
    task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1,
    worker_send_task_events=True, task_track_started=True,
)

@app.task(name="jobs.tasks.run_attempt", bind=True)
def run_attempt(self, batch, test, number):
    client = redis.Redis.from_url(os.environ["TINY_REDIS"])
    request = self.request
    told = {"id": request.id, "root": request.root_id, "args": [batch, test, number],
            "correlation": request.correlation_id, "info": request.delivery_info, "unacked": client.hlen("unacked")}
    runs = client.rpush("ran", json.dumps(told))
    if test == "kills" and runs == 1:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def tiny_app(redis_client: redis.Redis, redis_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Celery application of one task and one queue, in a module of its own."""
    monkeypatch.setenv("TINY_REDIS", redis_server.url)
    path = tmp_path / "tinyapp.py"
    path.write_text(TINY_APP)
    found = importlib.util.spec_from_file_location("tinyapp", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    yield module.app
    module.app.close()


@pytest.fixture
def worker(tiny_app: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker process of that application, with one child."""
    log = (tmp_path / "worker.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tinyapp", "worker", "-Q", "tiny", "-c", "1", "-n", "tiny@test", "-E"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    yield process
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
        log.close()


def ran(client: redis.Redis) -> list[dict[str, Any]]:
    return [json.loads(told) for told in client.lrange("ran", 0, -1)]


def test_the_message_is_that_of_apply_async(tiny_app: Any, redis_client: redis.Redis) -> None:
    tiny_app.tasks["jobs.tasks.run_attempt"].apply_async(args=["b", "t", 1], task_id="b:t:1", queue="tiny")
    theirs = json.loads(redis_client.lpop("tiny"))
    ours = json.loads(MessageTemplate(tiny_app).write("tiny", "b", "t", 1))
    for message in (theirs, ours):
        assert message["properties"].pop("delivery_tag")
        message["properties"].pop("reply_to")  # for a result backend by RPC; we have none
    assert ours == theirs


def test_a_worker_runs_it_late_acknowledged_and_shows_its_id(
    tiny_app: Any, worker: Any, redis_client: redis.Redis, make: Any
) -> None:
    seen: list[tuple[str, str]] = []
    finished = threading.Event()

    def note(event: dict[str, Any]) -> None:
        seen.append((event["type"], event["uuid"]))
        if event["type"] == "task-succeeded":
            finished.set()

    # What Flower listens to.
    connection = tiny_app.connection()
    receiver = tiny_app.events.Receiver(
        connection, handlers=dict.fromkeys(("task-received", "task-started", "task-succeeded"), note)
    )
    capture = receiver.itercapture(limit=None, timeout=120, wakeup=True)

    def listen() -> None:
        for _ in capture:
            if finished.is_set():
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    make.until(lambda: redis_client.pubsub_numpat() >= 1 or redis_client.pubsub_channels("*celeryev*"))
    redis_client.lpush("tiny", MessageTemplate(tiny_app).write("tiny", "b-1", "text/bert#1", 2))
    make.until(lambda: ran(redis_client), 120)
    (told,) = ran(redis_client)
    task_id = "b-1:text/bert#1:2"
    assert (told["id"], told["root"], told["correlation"]) == (task_id, task_id, task_id)
    assert told["args"] == ["b-1", "text/bert#1", 2]
    assert told["info"]["routing_key"] == "tiny"
    assert told["unacked"] == 1, "while it runs the message is not acknowledged"
    make.until(lambda: redis_client.hlen("unacked") == 0)
    assert finished.wait(60)
    assert seen == [("task-received", task_id), ("task-started", task_id), ("task-succeeded", task_id)]
    listener.join(60)
    connection.release()


def test_a_killed_childs_message_is_delivered_again(
    tiny_app: Any, worker: Any, redis_client: redis.Redis, make: Any
) -> None:
    redis_client.lpush("tiny", MessageTemplate(tiny_app).write("tiny", "b", "kills", 1))
    make.until(lambda: len(ran(redis_client)) == 2, 120)
    first, second = ran(redis_client)
    assert first["id"] == second["id"] == "b:kills:1"
    assert second["info"]["redelivered"]
    make.until(lambda: redis_client.hlen("unacked") == 0)
