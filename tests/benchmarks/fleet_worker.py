"""The application as it is, but for the test itself: it sleeps 200 ms. What is left is what the farm costs.

celery --app tests.benchmarks.fleet_worker worker …
"""

import time

from jobs import tasks
from jobs.celery import app
from jobs.specs import Measurement, TestSpec

# Seconds.
TEST = 0.2


def sleep(_: TestSpec) -> Measurement:
    """Be busy elsewhere, as a worker is whose browser works."""
    time.sleep(TEST)
    return Measurement(
        backend="native", browser_version=None, adapter=None, weights="tiny", load_ms=0, compile_ms=0,
        run_ms_p50=TEST * 1e3, run_ms_p95=TEST * 1e3, runs=1, max_abs_error=0, tolerance=1e-3,
    )  # fmt: skip


tasks.simulate_test = sleep

__all__ = ["app"]
