"""A farm in parts, for tests of how the parts meet: a Redis as an operator would set it up, real workers, a batch."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import redis

from jobs.backend import Backend
from jobs.batches import BatchHeader
from jobs.ports import free_port
from jobs.settings import Settings
from jobs.specs import Platform, TestSpec, Verdict
from recovery import BrowserType, ModelType

ROOT = Path(__file__).parents[1]


def until(condition: Callable[[], object], seconds: float = 60.0, why: Callable[[], str] = str) -> None:
    """Wait for a condition, with a bound; ``why`` is asked what to say when it doesn't come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {seconds} s {why()}"
        time.sleep(0.05)


class Program:
    """A program in a folder of its own, its output in a file. ``within``: the command that runs it elsewhere."""

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "output.txt"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("BREAKWATER_")}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*within, *map(str, command)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, env=inherited | dict(env or {}),
                start_new_session=True,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """To the whole process group."""
        os.killpg(self.process.pid, number)

    def end(self) -> None:
        """By force, for a fixture's end: programs with browsers to look after are not started here."""
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(60)


class RedisServer(Program):
    """A redis-server, or a sentinel, with the given lines of configuration. ``{port}`` in a line is its own port."""

    def __init__(
        self, folder: Path, *lines: str, host: str = "127.0.0.1", sentinel: bool = False, within: Sequence[str] = ()
    ) -> None:
        self.host, self.port = host, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "redis.conf"
        own = [f"bind {host}", f'dir "{folder}"', "protected-mode no"]
        if not sentinel:
            own.append('save ""')
        if not any(line.startswith("port ") for line in lines):
            own.append("port {port}")
        config.write_text("\n".join((*own, *lines, "")).replace("{port}", str(self.port)), encoding="utf-8")
        binary = shutil.which("redis-server") or "redis-server"
        super().__init__([binary, config, *(["--sentinel"] if sentinel else [])], folder, within=within)

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"


def answers(client: redis.Redis) -> bool:
    """Whether Redis is there and takes commands."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


class Worker(Program):
    """A real Celery worker for the queue ``simulation``, or others."""

    def __init__(
        self,
        folder: Path,
        url: str,
        name: str = "sim",
        *,
        queues: str = "simulation",
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        options: Sequence[str] = ("--concurrency", "1", "--without-mingle", "--without-gossip"),
        app: str = "jobs",
    ) -> None:
        self.name = f"{name}@test"
        super().__init__(
            [
                sys.executable, "-P", "-m", "celery", "--app", app, "worker", "--hostname", self.name,
                "--queues", queues, "--loglevel", "INFO", *options,
            ],
            folder,
            {"BREAKWATER_REDIS_URL": url, "BREAKWATER_LEASE_SECONDS": "2", **(env or {})},
            within,
        )  # fmt: skip


class FarmClient:
    """The farm as somebody sees it who may publish."""

    def __init__(self, url: str) -> None:
        self.backend = Backend(Settings(redis_url=url))

    def at_work(self, *workers: Worker, seconds: float = 120.0) -> None:
        """Wait until these workers have announced themselves."""
        names = {worker.name for worker in workers}

        def all_there() -> bool:
            for worker in workers:
                assert worker.process.poll() is None, worker.output
            return names <= {node.node for node in self.backend.presence.nodes()}

        until(all_there, seconds, lambda: "\n".join(worker.output for worker in workers))

    def publish(self, tests: int, allow: Sequence[str] = ("simulated",)) -> str:
        """A batch of tests that need no browser; returns its id."""
        return self.publish_specs([simulated(f"t{number}") for number in range(tests)], allow)

    def publish_specs(self, specs: Sequence[TestSpec], allow: Sequence[str]) -> str:
        """A batch of these tests; returns its id."""
        header = BatchHeader.model_validate(
            {"id": f"b-{uuid.uuid4().hex[:8]}", "name": "night", "created_at": time.time(), "allow": allow}
        )
        self.backend.store.publish(header, specs)
        return header.id

    def is_finished(self, batch: str) -> bool:
        try:
            return self.backend.store.progress(batch).finished
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def done(self, batch: str) -> int:
        return self.backend.store.progress(batch).done

    def verdicts(self, batch: str) -> list[Verdict]:
        return list(self.backend.store.verdicts(batch))

    def outcomes(self, batch: str) -> Counter[str]:
        """Outcomes of a batch with their reasons, after a look that there is one verdict for each test, no more."""
        verdicts = self.verdicts(batch)
        names = Counter(verdict.test for verdict in verdicts)
        assert set(names.values()) <= {1}, f"more than one verdict: {names.most_common(3)}"
        return Counter(f"{verdict.outcome.value}{verdict.reason and ': '}{verdict.reason}" for verdict in verdicts)

    def run(self, tests: int, *workers: Worker, seconds: float = 120.0) -> Counter[str]:
        """Publish a batch, wait for its end, and count how it ended."""
        batch = self.publish(tests)
        until(
            lambda: self.is_finished(batch),
            seconds,
            lambda: f"{self.backend.store.progress(batch)}" + "\n".join(worker.output[-3000:] for worker in workers),
        )
        return self.outcomes(batch)


def simulated(name: str) -> TestSpec:
    """A test that runs natively in the worker: quick, real, without a browser."""
    return TestSpec(
        id=name,
        browser=BrowserType.CHROME,
        model="bert-base-uncased",
        model_type=ModelType.TEXT,
        platform=Platform.WASM,
        simulate=True,
    )
