"""A Chromium with a WebNN backend, from npm: Debian's has none. `make test` unpacks it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs.settings import Settings

FOLDER = Path(__file__).parents[1] / "node" / "node_modules" / ".webnn-chromium"


def webnn_settings(folder: Path, scratch: Path) -> Settings:
    """Settings for a session in it. Its libraries lie beside it; Debian's chromedriver is of another version."""
    if not (FOLDER / "chromium").is_file():
        pytest.fail("the Chromium with WebNN is not unpacked: run `make tests/node/node_modules/.ready`")
    chromedriver = shutil.which("chromedriver")
    browser = script(
        folder / "chromium", f'export LD_LIBRARY_PATH="{FOLDER / "lib"}:{FOLDER}"; exec "{FOLDER}/chromium" "$@"'
    )
    driver = script(folder / "chromedriver", f'exec "{chromedriver}" --disable-build-check "$@"')
    return Settings(chrome_binary=browser, chromedriver=driver, scratch_dir=scratch)


def script(path: Path, command: str) -> Path:
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
