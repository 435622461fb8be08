"""Prepare a profile: a first start of the browser, and one run of a built-in model on each platform that it has.

    python -m jobs.browsers.preparing BROWSER MODEL_TYPE     into BREAKWATER_PROFILES_DIR; `own`: no models

Nobody's test ever runs in it. What a run leaves is the browser's own: first-run state, compiled scripts and shaders.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jobs.browsers.failures import LINE_ERRORS, TestFailure
from jobs.browsers.finding import launch_for
from jobs.browsers.pool import SessionPool
from jobs.browsers.prepared import PreparedProfiles
from jobs.browsers.preparer import NO_MODELS, profile_name
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.scratch import ScratchFolder
from jobs.settings import Settings, settings
from jobs.specs import Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, ModelType
from recovery.failures import InternalFailure

# Seconds that a run may take, and the browser's end: it has the lowest priority.
_RUN_SECONDS: Final = 300.0
_QUIT_SECONDS: Final = 60.0

# All that is worth a copy of Chromium's profile: with the rest of it, it starts later than with none.
_OF_CHROMIUM: Final = frozenset(
    {"DawnGraphiteCache", "DawnWebGPUCache", "GPUCache", "GrShaderCache", "GraphiteDawnCache", "ShaderCache"}
)

log = logging.getLogger("breakwater.browsers")


def prepare(browser: BrowserType, model_type: ModelType | None, config: Settings, folder: Path) -> bool:
    """Make the profile in ``folder``, unless it is there, or somebody else makes it now; whether it was made.

    Raises:
        BrowserFailure: the browser fails by itself.
        OSError: the folder can't be written.
    """
    profiles = PreparedProfiles(folder)
    name = profile_name(launch_for(browser, config, Adjustments()), model_type, Platform.WEBGPU)
    if name is None or profiles.has(name):
        return False
    with _alone(folder / f".{name}") as alone:
        if not alone or profiles.has(name):
            return False
        making = ScratchFolder(config.scratch_dir)
        profile = making.path / "profile"
        profile.mkdir()
        pool = SessionPool(config, profile=profile)
        try:
            _warm(pool, browser, model_type)
            if browser is not BrowserType.FIREFOX:
                _leave_caches(profile)
            profiles.keep(name, profile)
        finally:
            pool.close()
            making.remove()
    return True


def _warm(pool: SessionPool, browser: BrowserType, model_type: ModelType | None) -> None:
    session = pool.session_for(browser, Adjustments())
    model = next((entry.name for entry in catalogue().values() if entry.type is model_type), None)
    for platform in (Platform.WASM, Platform.WEBGPU) if model is not None else ():
        spec = TestSpec(
            id="prepare", browser=browser, model=model, model_type=model_type, platform=platform, timeout=_RUN_SECONDS
        )
        try:
            run_test(spec, 1, browser, Adjustments(), pool, lambda: False)
        except (TestFailure, BrowserFailure) as error:
            if pool.session is not session or not session.is_well():
                raise
            log.info("%s prepares nothing for %s: %s", browser.value, platform.value, error)
    try:
        ended = session.quit(_QUIT_SECONDS)
    except LINE_ERRORS as error:
        raise InternalFailure(f"{browser.value} did not quit: {error}") from error
    if not ended:
        raise InternalFailure(f"{browser.value} did not quit within {_QUIT_SECONDS:g} s")


def _leave_caches(profile: Path) -> None:
    for part in (*profile.iterdir(), *(profile / "Default").iterdir()):
        if part.name not in _OF_CHROMIUM and part.name != "Default":
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Whether no other process holds this lock; it is held meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def main() -> None:
    """Prepare one profile, or say why not."""
    browser, kind = sys.argv[1:]
    config = settings()
    if config.profiles_dir is None:
        raise SystemExit("BREAKWATER_PROFILES_DIR is not set")
    try:
        prepare(BrowserType(browser), None if kind == NO_MODELS else ModelType(kind), config, config.profiles_dir)
    except (BrowserFailure, OSError) as error:
        raise SystemExit(f"no profile was prepared: {error}") from error


if __name__ == "__main__":
    main()
