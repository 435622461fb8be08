"""Prepared profiles: a kept one is whole or not there, its copies are nobody else's, and none stays for ever."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.browsers.prepared import PreparedProfiles

FILES = 60
# Keeps the same profile under one name after another, until it is killed.
KEEP_FOR_EVER = """
import itertools, pathlib, sys
from jobs.browsers.prepared import PreparedProfiles
profiles = PreparedProfiles(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
for number in itertools.count():
    profiles.keep(f"chrome-{number}", pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """What a browser left: files in folders, and what says that it ran there."""
    folder = tmp_path / "profile"
    for number in range(FILES):
        file = folder / f"part{number % 7}" / f"file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(5_000))
    (folder / "SingletonLock").symlink_to("host-1234")
    (folder / "lock").symlink_to("127.0.0.1:+1234")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_copy_is_whole_and_what_is_done_to_it_reaches_no_other(tmp_path: Path, profile: Path) -> None:
    profiles = PreparedProfiles(tmp_path / "kept")
    assert not profiles.copy("chrome", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    profiles.keep("chrome", profile)
    expected = content(profile)

    assert profiles.copy("chrome", tmp_path / "one")
    assert content(tmp_path / "one") == expected
    assert not (tmp_path / "one" / "SingletonLock").is_symlink()
    for file in (tmp_path / "one").rglob("file*"):
        with file.open("r+b") as opened:  # in place, as databases do
            opened.write(b"a test's")
    (tmp_path / "one" / "cookies").write_bytes(b"a test's")

    assert profiles.copy("chrome", tmp_path / "other")
    assert content(tmp_path / "other") == expected


def test_one_that_is_there_stays_and_one_that_was_removed_is_gone_at_once(tmp_path: Path, profile: Path) -> None:
    profiles = PreparedProfiles(tmp_path / "kept")
    profiles.keep("chrome", profile)
    (profile / "part0" / "file0").write_bytes(b"later")
    profiles.keep("chrome", profile)
    assert profiles.copy("chrome", tmp_path / "copy")
    assert (tmp_path / "copy" / "part0" / "file0").read_bytes() != b"later"
    profiles.remove("chrome")
    assert not profiles.copy("chrome", tmp_path / "another")
    profiles.remove("chrome")
    assert not list((tmp_path / "kept").iterdir())


def test_whenever_its_maker_is_killed_a_kept_one_is_whole(tmp_path: Path, profile: Path) -> None:
    kept, dice = tmp_path / "kept", random.Random(4)
    profiles = PreparedProfiles(kept)
    killed = 0
    while killed < 6 or not list(kept.glob("chrome-*")):
        assert killed < 50, "nothing was ever kept"
        maker = subprocess.Popen([sys.executable, "-c", KEEP_FOR_EVER, kept, profile], stdout=subprocess.PIPE)
        assert maker.stdout is not None
        with maker.stdout:
            maker.stdout.readline()
            time.sleep(dice.uniform(0.01, 0.1))  # the moment itself is what is tested
            maker.kill()
            maker.wait(60)
        killed += 1
    expected = content(profile)
    names = [folder.name for folder in kept.glob("chrome-*")]
    assert names
    for number, name in enumerate(names):
        assert profiles.copy(name, tmp_path / f"copy{number}")
        assert content(tmp_path / f"copy{number}") == expected
    profiles.keep("last", profile)
    assert sorted(folder.name for folder in kept.iterdir()) == sorted([*names, "last"])


def test_one_that_no_launch_used_for_weeks_goes(tmp_path: Path, profile: Path) -> None:
    kept = tmp_path / "kept"
    profiles = PreparedProfiles(kept)
    long_ago = time.time() - 30 * 24 * 3600
    for name in ("used", "unused"):
        profiles.keep(name, profile)
    for folder in kept.iterdir():
        os.utime(folder, (long_ago, long_ago))
    assert profiles.copy("used", tmp_path / "copy")
    profiles.keep("new", profile)
    assert sorted(folder.name for folder in kept.iterdir()) == ["new", "used"]
