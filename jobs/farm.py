"""The embedded farm: a Redis and workers of this process's own, for a machine where no farm stands.

Every part is an OwnedProcess, so nothing of it outlives this process, however that ends. What dies is started again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from jobs import log_echo
from jobs.farm_failure import FarmFailure
from jobs.ports import free_port
from jobs.processes import OwnedProcess, namespace_command
from jobs.routing import SIMULATION_QUEUE, browser_queue
from jobs.scratch import ScratchFolder, sweep
from recovery import BrowserType

# Seconds a redis-server may take until it answers, its append-only file read again included.
_REDIS_START = 10.0
# Restarts of one part within so many seconds after which the farm gives up on it: it would only die again.
_MOST_RESTARTS, _RESTARTS_WITHIN = 20, 120.0


class Farm:
    """A Redis on a free loopback port, behind a password, and one worker node for each browser and for simulation."""

    def __init__(
        self,
        browsers: Iterable[BrowserType],
        *,
        concurrency: int = 1,
        log_dir: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the farm; ``start`` starts it.

        Args:
            browsers: one worker node each; a browser named twice gets two.
            concurrency: sessions (worker processes) a node.
            log_dir: where the workers' logs are kept, made if need be; ``None``: they vanish with the farm, and are
                passed on to our stderr if a debug switch is set.
            env: the workers' environment; ``None``: ours.
        """
        self._queues = _nodes(browsers)
        self._concurrency = concurrency
        self._log_dir = log_dir
        self._env = dict(os.environ if env is None else env)
        self._redis: list[OwnedProcess] = []
        self._workers: dict[str, OwnedProcess] = {}
        self._restarts: dict[str, list[float]] = {name: [] for name in (*self._queues, "redis")}
        self._password = secrets.token_urlsafe(24)
        # Where there is one browser or none, no test need wait for the workers of others.
        self._alone = {"BREAKWATER_GATHERING_SECONDS": "0"} if len(self._queues) <= 2 else {}  # with simulation's
        self._port = free_port()
        self._folder: Path | None = None
        self._echo = log_echo.LogEcho() if log_dir is None and log_echo.is_asked(self._env) else None

    @property
    def url(self) -> str:
        """The Redis's URL; it carries the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def workers(self) -> Mapping[str, OwnedProcess]:
        """The worker nodes by name: a browser's value, with a number from its second node on, or ``simulation``."""
        return self._workers

    def start(self) -> Self:
        """Start Redis and wait for it; start the workers and don't wait.

        Raises:
            FarmFailure: redis-server is missing or doesn't answer, or the logs' folder can't be made. Nothing is left
                running.
        """
        sweep()
        namespace_command()  # asked before a folder is there: until its warden runs, a kill would leave it behind
        try:
            self._start_redis()
            self._make_log_dir()
            for name in self._queues:
                self._start_worker(name)
        except BaseException:
            self.stop()
            raise
        return self

    def tend(self) -> list[str]:
        """Start again what died since the last call; returns the names of these parts.

        Raises:
            FarmFailure: a part died so often that it won't live.
        """
        revived = []
        self._pass_logs_on()
        if not self._redis[-1].alive():
            self._count_restart("redis", self._redis[-1])
            self._start_redis()
            revived.append("redis")
        for name, worker in list(self._workers.items()):
            if not worker.alive():
                self._count_restart(name, worker)
                worker.stop()
                self._start_worker(name)
                revived.append(name)
        return revived

    def stop(self) -> None:
        """End everything; returns when nothing is left."""
        self._pass_logs_on()
        for part in (*self._workers.values(), *reversed(self._redis)):
            part.stop()
        self._workers.clear()
        self._redis.clear()

    def _pass_logs_on(self) -> None:
        if self._echo is not None:
            self._echo.look(self._workers)

    def _count_restart(self, name: str, part: OwnedProcess) -> None:
        now = time.monotonic()
        self._restarts[name] = [*(at for at in self._restarts[name] if at > now - _RESTARTS_WITHIN), now]
        if len(self._restarts[name]) > _MOST_RESTARTS:
            last = (part.log_tail(2000).strip().splitlines() or ["no output"])[-1]
            raise FarmFailure(f"the embedded {name} died {_MOST_RESTARTS} times; its last words: {last}")

    def _start_redis(self) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise FarmFailure("redis-server is not on PATH; install it, or set BREAKWATER_REDIS_URL to a running one")
        scratch = ScratchFolder()
        # A restarted server reads the first one's append-only file: that folder lives until the farm stops.
        self._folder = self._folder or scratch.path
        config = scratch.path / "redis.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {self._port}\nrequirepass {self._password}\n"
            f'dir "{self._folder}"\nappendonly yes\nappendfsync everysec\nsave ""\ndaemonize no\n',
            encoding="utf-8",
        )
        server = OwnedProcess([binary, config], scratch=scratch)
        self._redis.append(server)
        server.start()
        with closing(redis.Redis.from_url(self.url, socket_timeout=1.0, socket_connect_timeout=1.0)) as client:
            deadline = time.monotonic() + _REDIS_START
            while not _answers(client):
                if time.monotonic() > deadline or not server.alive():
                    raise FarmFailure(f"the embedded redis-server does not answer: {server.log_tail(300).strip()!r}")
                time.sleep(0.02)

    def _make_log_dir(self) -> None:
        if self._log_dir is None:
            return
        try:
            self._log_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FarmFailure(f"the folder {self._log_dir} for logs can't be made: {error.strerror}") from error

    def _start_worker(self, name: str) -> None:
        scratch = ScratchFolder()
        # In a folder of its own: Celery puts the working folder on the import path, and a user's may hold a `jobs`.
        worker = OwnedProcess(
            [
                sys.executable, "-m", "celery", "--app", "jobs", "worker",
                "--hostname", f"{name}@%h", "--queues", self._queues[name],
                "--concurrency", str(self._concurrency), "--loglevel", "INFO",
                "--without-mingle", "--without-gossip",
            ],
            env=self._env | {"BREAKWATER_REDIS_URL": self.url} | self._alone,
            scratch=scratch,
            cwd=scratch.path,
            log_file=self._log_dir / f"{name}.log" if self._log_dir else None,
        )  # fmt: skip
        self._workers[name] = worker
        worker.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _nodes(browsers: Iterable[BrowserType]) -> dict[str, str]:
    """The queue of each worker node."""
    nodes: dict[str, str] = {}
    counts: Counter[BrowserType] = Counter()
    for browser in browsers:
        counts[browser] += 1
        nodes[f"{browser.value}-{counts[browser]}" if counts[browser] > 1 else browser.value] = browser_queue(browser)
    return nodes | {"simulation": SIMULATION_QUEUE}


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:  # not up yet, or still loading its file
        return False
