"""A page that leaks never takes its browser down: the session is replaced before."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from jobs.browsers import wear
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.browsers.wear import own_bytes
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import Platform, TestSpec
from recovery import Adjustments, BrowserType

MODEL = "bert-base-uncased"
MB = 1024 * 1024
ROOM = 300
LEAK = 25
TESTS = 30
# What the page keeps with every test; a page that leaks does it by itself, this one is told to.
LEAKY = f"(window.kept ??= []).push(new Uint8Array({LEAK} * 1024 * 1024).fill(1))"


def test_a_leaking_page_is_replaced_before_the_limit_and_no_test_is_the_worse_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A page that leaks so fast is looked at more often, or the test would need hundreds of runs.
    monkeypatch.setattr(wear, "TESTS_BETWEEN", 2)
    spec = TestSpec(
        id="test", browser=BrowserType.CHROME, model=MODEL, model_type=catalogue()[MODEL].type, platform=Platform.WASM
    )

    def run(pool: SessionPool) -> int:
        """One leaking test; returns the bytes that the session has after it."""
        run_test(spec, 1, BrowserType.CHROME, Adjustments(), pool, lambda: False)
        assert pool.session is not None
        pool.session.driver.execute_script(LEAKY)
        return own_bytes(pool.session.members()) or 0

    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        first = SessionPool(Settings(scratch_dir=Path(folder)))
        warm = run(first) // MB
        first.close()
        limit = warm + ROOM
        pool = SessionPool(Settings(scratch_dir=Path(folder), recycle_memory_megabytes=limit))
        try:
            most = max(run(pool) for _ in range(TESTS))
        finally:
            pool.close()
    assert pool.recycled >= 2
    assert most < limit * MB
