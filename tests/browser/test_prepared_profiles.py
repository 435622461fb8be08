"""Prepared profiles: made by a real browser, copied for each launch, untouched by tests; a bad one is not kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.browsers.pool import SessionPool
from jobs.browsers.preparing import prepare
from jobs.settings import Settings
from jobs.specs import Platform, TestSpec
from recovery import Adjustments, BrowserType, ModelType
from tests.browser.owners import scratch_root, wait_until
from tests.farms import FarmClient, Worker, until

LEAVE = "localStorage.setItem('trace', 'left'); document.cookie = 'trace=left; max-age=3600'; return 'left'"
FIND = "return [localStorage.length, document.cookie]"


@pytest.fixture
def config() -> Iterator[Settings]:
    with scratch_root() as folder:
        (folder / "scratch").mkdir()
        yield Settings(scratch_dir=folder / "scratch", profiles_dir=folder / "kept")


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def kept_in(config: Settings) -> Path:
    assert config.profiles_dir is not None
    [kept] = [folder for folder in config.profiles_dir.iterdir() if folder.is_dir()]
    return kept


def profile_of(pool: SessionPool) -> Path:
    """The folder that the running browser has its profile in, as its own command line says."""
    assert pool.session is not None
    assert pool.session.main_process is not None
    line = pool.session.main_process.cmdline()
    named = [word.removeprefix("--user-data-dir=") for word in line if word.startswith("--user-data-dir=")]
    return Path(named[0] if named else line[line.index("-profile") + 1])


@pytest.mark.parametrize(
    ("browser", "kind"),
    [
        (BrowserType.FIREFOX, None),
        pytest.param(BrowserType.CHROME, ModelType.TEXT, marks=pytest.mark.night),
        pytest.param(BrowserType.FIREFOX, ModelType.TEXT, marks=pytest.mark.night),
    ],
)
def test_each_launch_has_a_copy_of_its_own_and_a_bad_one_is_used_once(
    config: Settings, browser: BrowserType, kind: ModelType | None
) -> None:
    assert config.profiles_dir is not None
    assert prepare(browser, kind, config, config.profiles_dir)
    assert not prepare(browser, kind, config, config.profiles_dir)
    kept = kept_in(config)
    before = content(kept)
    assert before

    pool = SessionPool(config)
    try:
        driver = pool.session_for(browser, Adjustments(), model_type=kind, platform=Platform.WEBGPU).driver
        first = profile_of(pool)
        assert first.name == "profile"
        assert set(before) - {str(path) for path in content(first)} <= set(before)
        assert driver.execute_script(LEAVE) == "left"
        pool.restart()
        assert not first.exists()
        driver = pool.session_for(browser, Adjustments(), model_type=kind, platform=Platform.WEBGPU).driver
        assert profile_of(pool) != first
        assert driver.execute_script(FIND) == [0, ""]
        pool.restart()
        assert content(kept) == before

        # One that no browser starts with: a file is where it wants a folder, or nothing can be written.
        shutil.rmtree(kept)
        kept.mkdir()
        for name in ("Default", "Local State"):
            (kept / name).symlink_to("/dev/full")
        (kept / "prefs.js").write_text('user_pref("browser.startup.page", ', encoding="utf-8")
        session = pool.session_for(browser, Adjustments(), model_type=kind, platform=Platform.WEBGPU)
        assert session.is_well()
    finally:
        pool.close()
    assert config.scratch_dir is not None
    assert not list(config.scratch_dir.iterdir())


@pytest.mark.night
@pytest.mark.parametrize("browser", [BrowserType.CHROME, BrowserType.FIREFOX])
def test_a_worker_has_the_profiles_made_that_its_launches_miss(
    redis_server: Any, redis_client: Any, tmp_path: Path, config: Settings, browser: BrowserType
) -> None:
    worker = Worker(
        tmp_path,
        redis_server.url,
        queues=f"browser.{browser.value}",
        env={"BREAKWATER_SCRATCH_DIR": str(config.scratch_dir), "BREAKWATER_PROFILES_DIR": str(config.profiles_dir)},
    )
    try:
        client = FarmClient(redis_server.url)
        client.at_work(worker)
        spec = TestSpec(
            id="first", browser=browser, model="bert-base-uncased", model_type=ModelType.TEXT, platform=Platform.WEBGPU,
            timeout=120,
        )  # fmt: skip
        batch = client.publish_specs([spec], allow=())
        until(lambda: client.is_finished(batch), 180, lambda: worker.output)
        assert client.outcomes(batch) == {"passed": 1}, worker.output
        assert config.profiles_dir is not None
        folder = config.profiles_dir
        wait_until(lambda: list(folder.glob(f"{browser.value}-text-*")), f"a profile is kept {worker.output}", 300)
    finally:
        worker.process.terminate()
        worker.process.wait(60)
    assert not [left for left in config.profiles_dir.iterdir() if left.name.startswith("bw-")]
