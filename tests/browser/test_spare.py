"""A browser stands by once others died: the next loss is answered by it, it may die itself, and none stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.browsers.session import BrowserSession
from jobs.browsers.spare import LOSSES
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import Adjustments, BrowserType
from recovery.failures import CrashFailure
from tests.browser.owners import scratch_root, wait_until

MODEL = "bert-base-uncased"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with scratch_root() as folder:
        yield folder


class OnePool(SessionPool):
    """One that is asked for one browser."""

    def __init__(self, browser: BrowserType, folder: Path) -> None:
        super().__init__(Settings(scratch_dir=folder))
        self.browser = browser


@pytest.fixture
def pool(request: pytest.FixtureRequest, folder: Path) -> Iterator[OnePool]:
    pool = OnePool(getattr(request, "param", BrowserType.CHROME), folder)
    yield pool
    pool.close()
    assert not list(folder.glob("bw-*")), "nothing of any browser is left"


def run(pool: OnePool, *faults: FaultKind, adjustments: Adjustments | None = None) -> BrowserSession:
    spec = TestSpec(
        id="test", browser=pool.browser, model=MODEL, model_type=catalogue()[MODEL].type, platform=Platform.WASM,
        timeout=120, faults=tuple(FaultSpec(kind=kind) for kind in faults),
    )  # fmt: skip
    run_test(spec, 1, pool.browser, adjustments or Adjustments(), pool, lambda: False)
    assert pool.session is not None
    return pool.session


def lose(pool: OnePool) -> None:
    """A browser dies during a test; level 2 is next."""
    with pytest.raises(CrashFailure):
        run(pool, FaultKind.BROWSER_KILLED)
    pool.restart()


def lose_enough(pool: OnePool) -> None:
    for _ in range(LOSSES):
        assert not pool._spare.stands
        lose(pool)
        run(pool)
    assert pool._spare.stands


@pytest.mark.parametrize("pool", [BrowserType.CHROME, BrowserType.FIREFOX], indirect=True)
def test_a_session_goes_on_in_the_browser_that_stands_by_and_another_one_follows_it(pool: OnePool) -> None:
    lose_enough(pool)
    for _ in range(2):
        spare = pool._spare._session
        lose(pool)
        assert run(pool) is spare
        assert pool._spare.stands
        assert pool._spare._session is not spare


def test_one_that_died_is_no_help_and_no_harm(pool: OnePool) -> None:
    lose_enough(pool)
    spare = pool._spare._session
    assert spare is not None
    assert pool._spare._start is not None
    pool._spare._start.join(60)  # until then it is the other thread's
    assert spare.main_process is not None
    spare.main_process.kill()
    wait_until(lambda: not spare.is_well(), "it is dead")
    lose(pool)
    assert run(pool) is not spare


def test_it_takes_the_place_of_none_that_is_launched_otherwise(pool: OnePool) -> None:
    lose_enough(pool)
    spare = pool._spare._session
    assert run(pool, adjustments=Adjustments(profile_in_memory=True)) is not spare
    assert pool._spare._session is spare


def test_it_goes_when_no_loss_is_expected_any_more(pool: OnePool, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_enough(pool)
    monkeypatch.setattr("jobs.browsers.spare.WITHIN", 0.0)
    session = run(pool)
    assert not pool._spare.stands
    assert run(pool) is session
