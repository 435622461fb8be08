"""2,000 tests through one worker and one session: nothing grows. What it saw at each look is in its output."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from jobs.browsers.parts import Part, part_of
from jobs.specs import Platform, TestSpec
from recovery import BrowserType, ModelType
from tests.browser.owners import scratch_root
from tests.farms import FarmClient, Worker, until

TESTS = int(os.environ.get("BREAKWATER_SOAK_TESTS", "2000"))
# After so many tests all is warm.
WARM = 200
# Seconds from the start until the tests that count: in its first minutes Chromium opens databases of its own, tests or
# none.
SETTLED = 180.0
# Seconds that a test may take on a busy machine, all in all.
EACH = 0.3
GROWTH = 0.05


class Look(NamedTuple):
    """What a worker, its session and its Redis have at one moment."""

    tests: int
    megabytes: float
    files: int
    pages: int
    keys: int


def look(worker: Worker, tests: int, keys: int) -> Look:
    size = files = pages = 0
    ours = psutil.Process(worker.process.pid)
    for process in [ours, *ours.children(recursive=True)]:
        with contextlib.suppress(psutil.Error, OSError):
            size += memory_of(process)
            files += process.num_fds()
            pages += part_of(process.cmdline()) is Part.PAGE
    return Look(tests, round(size / 2**20, 1), files, pages, keys)


def memory_of(process: psutil.Process) -> int:
    """Bytes that it would give back: its share of what is in no file. (The share of a program's own pages changes with
    each other browser on the machine that has them too.)"""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


@pytest.mark.night
@pytest.mark.timeout(60 + SETTLED + 2 * EACH * TESTS)
def test_nothing_grows_over_thousands_of_tests(redis_server: Any, redis_client: Any, tmp_path: Path) -> None:
    with scratch_root() as root:
        worker = Worker(
            tmp_path,
            redis_server.url,
            "soak",
            queues="browser.chrome",
            env={
                "BREAKWATER_SCRATCH_DIR": str(root),
                "BREAKWATER_RECYCLE_AFTER_TESTS": "1000000",
                "BREAKWATER_RECYCLE_AFTER_SECONDS": "100000",
            },
        )
        try:
            client = FarmClient(redis_server.url)
            client.at_work(worker)
            began = time.monotonic()
            warming = client.publish_specs([spec(number) for number in range(WARM)], allow=())
            until(lambda: client.done(warming) == WARM, WARM * EACH + 60, lambda: worker.output[-3000:])
            time.sleep(max(0.0, SETTLED - (time.monotonic() - began)))
            batch = client.publish_specs([spec(number) for number in range(TESTS)], allow=())
            looks: list[Look] = []
            for done in [*range(WARM, TESTS, WARM), TESTS]:
                until(lambda done=done: client.done(batch) >= done, WARM * EACH + 60, lambda: worker.output[-3000:])  # type: ignore[misc]
                looks.append(look(worker, client.done(batch), redis_client.dbsize()))
                print(looks[-1])
            assert client.outcomes(batch) == {"passed": TESTS}
            warm, last = looks[0], looks[-1]
            assert last.megabytes <= warm.megabytes * (1 + GROWTH)
            assert last.files <= warm.files
            assert last.pages <= warm.pages
            assert last.keys <= warm.keys
        finally:
            worker.signal(signal.SIGTERM)
            worker.process.wait(30)


def spec(number: int) -> TestSpec:
    return TestSpec(
        id=f"t{number}", browser=BrowserType.CHROME, model="bert-base-uncased", model_type=ModelType.TEXT,
        platform=Platform.WASM,
    )  # fmt: skip
