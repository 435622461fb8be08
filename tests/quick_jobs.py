"""The farm's own application, with tests that need no browser and no model: a test's name says what it does.

``celery -A tests.quick_jobs worker -Q simulation``. All else is the product: messages, leases, recovery, verdicts.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time

import redis

from jobs import app, tasks
from jobs.batches import Claim
from jobs.settings import settings
from jobs.specs import Measurement, TestSpec
from recovery import Evidence
from recovery.failures import CrashFailure

__all__ = ["app"]

# Where ``stamp…`` tests, and plain Celery's task, write when they began.
STAMPS = "quick:stamps"

MEASUREMENT = Measurement(
    backend="native",
    browser_version=None,
    adapter=None,
    weights="tiny",
    load_ms=0.0,
    compile_ms=0.0,
    run_ms_p50=0.0,
    run_ms_p95=0.0,
    runs=1,
    max_abs_error=0.0,
    tolerance=1.0,
)


def act(spec: TestSpec) -> Measurement:
    """``sleep-<ms>…`` takes so long, ``kill…`` kills its worker, ``hang…`` hangs where no thread can act.

    ``stamp…`` writes down when it began. The worker's QUICK_PACE is what sleeping times are multiplied by; with
    QUICK_CRASHES each of its processes fails once, then works.
    """
    if os.environ.pop("QUICK_CRASHES", None):
        raise CrashFailure("this worker crashes once", Evidence())
    if os.environ.get("QUICK_FAILS"):
        raise CrashFailure("this worker fails everything at once", Evidence())
    what, _, rest = spec.id.partition("-")
    if what == "sleep":
        time.sleep(int(rest.split("-")[0]) / 1000 * float(os.environ.get("QUICK_PACE", "1")))
    elif what == "stamp":
        stamp()
    elif what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "hang":
        ctypes.PyDLL(None).sleep(1000)  # a PyDLL keeps Python's one lock while it is in the library
    return MEASUREMENT


@app.task(name="tests.quick_jobs.stamp", acks_late=True)
def stamp() -> None:
    """What plain Celery runs in benchmarks."""
    redis.Redis.from_url(settings().redis_url).rpush(STAMPS, time.time())


@app.task(name="tests.quick_jobs.sleep", acks_late=True)
def sleep(seconds: float) -> None:
    """What plain Celery runs when its node is killed."""
    stamp()
    time.sleep(seconds)


def run(_worker: object, claim: Claim, _should_stop: object) -> Measurement:
    """What the task runs, wherever the test was to run."""
    return act(claim.spec)


tasks.run = run
# Seconds; a hanging test of 1 s ends after 3 + 1.
tasks.LAUNCH_ALLOWANCE, tasks.HANGING = 0.0, 1.0
