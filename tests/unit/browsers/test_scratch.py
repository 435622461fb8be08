"""Scratch folders: ours while we live, swept when their owner died, and nobody else's ever touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jobs import janitor
from jobs.scratch import ScratchFolder, sweep
from tests.farms import until


def left_by_a_dead_process(root: Path) -> Path:
    """By a machine that went down: the janitor is dead too."""
    program = "import os, sys, pathlib, psutil; from jobs.scratch import ScratchFolder\n"
    program += "print(ScratchFolder(pathlib.Path(sys.argv[1])).path, flush=True)\n"
    program += "[child.kill() for child in psutil.Process().children()]; os.kill(os.getpid(), 9)"
    died = subprocess.run([sys.executable, "-c", program, root], check=False, capture_output=True, text=True)
    return Path(died.stdout.strip())


def test_a_folder_is_of_its_own_until_removed(tmp_path: Path) -> None:
    one, other = ScratchFolder(tmp_path), ScratchFolder(tmp_path)
    assert one.path != other.path
    (one.path / "profile").mkdir()
    one.remove()
    one.remove()
    assert not one.path.exists()
    assert other.path.is_dir()
    other.remove()


def test_a_sweep_removes_what_a_dead_process_left_and_spares_the_living(tmp_path: Path) -> None:
    living = ScratchFolder(tmp_path)
    dead = left_by_a_dead_process(tmp_path)
    assert dead.is_dir()
    assert sweep(tmp_path) == [dead]
    assert not dead.exists()
    assert living.path.is_dir()
    living.remove()


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    program = "import os, sys, signal, pathlib, psutil; from jobs.scratch import ScratchFolder\n"
    program += "folder = ScratchFolder(pathlib.Path(sys.argv[1]))\n"
    # The child speaks: then it has done what a fork has it do.
    program += "[child.kill() for child in psutil.Process().children()]\n"
    program += "if os.fork() == 0: print(os.getpid(), flush=True); signal.pause()\nos.kill(os.getpid(), 9)"
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
    process.wait(10)
    try:
        assert len(sweep(tmp_path)) == 1
    finally:
        os.kill(child, 9)


def test_a_sweep_takes_no_folder_that_only_looks_alike(tmp_path: Path) -> None:
    alike = [tmp_path / name for name in ("bw-holiday-2026", "bw-12-photos", "bw-1-0123456789")]
    for folder in alike:
        folder.mkdir()
        os.utime(folder, (0, 0))
    target = tmp_path / "elsewhere"
    target.mkdir()
    (tmp_path / "bw-1-01234567").symlink_to(target)
    assert sweep(tmp_path) == []
    assert all(folder.is_dir() for folder in (*alike, target))


def test_a_folder_whose_owner_died_before_locking_it_is_swept_after_a_while(tmp_path: Path) -> None:
    young, old = tmp_path / "bw-1-00000001", tmp_path / "bw-1-00000002"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    assert sweep(tmp_path) == [old]
    assert young.is_dir()


def test_what_is_removed_twice_lets_go_of_nobody_elses_lock(tmp_path: Path) -> None:
    kept, first = ScratchFolder(tmp_path), ScratchFolder(tmp_path)
    first.remove()
    second = ScratchFolder(tmp_path)  # its lock has the first one's number now
    first.remove()
    assert sweep(tmp_path) == []
    assert second.path.is_dir()
    second.remove()
    kept.remove()


JANITORS = "[child for child in psutil.Process().children() if child.cmdline()[1:2] == [str(janitor._SCRIPT)]]"


def test_a_folder_goes_with_its_process_and_so_does_the_janitor(tmp_path: Path) -> None:
    program = "import os, sys, pathlib, psutil; from jobs import janitor; from jobs.scratch import ScratchFolder\n"
    program += "folders = [ScratchFolder(pathlib.Path(sys.argv[1])) for _ in range(3)]; folders.pop(1).remove()\n"
    program += f"[one] = {JANITORS}; print(one.pid, flush=True); os.kill(os.getpid(), 9)"
    died = subprocess.run([sys.executable, "-c", program, tmp_path], check=False, stdout=subprocess.PIPE, text=True)
    until(lambda: not list(tmp_path.iterdir()), 5)
    until(lambda: not psutil.pid_exists(int(died.stdout)), 5)


def test_a_killed_janitor_is_replaced_and_knows_the_older_folders(tmp_path: Path) -> None:
    program = "import os, sys, pathlib, psutil; from jobs import janitor; from jobs.scratch import ScratchFolder\n"
    program += "root = pathlib.Path(sys.argv[1]); first = ScratchFolder(root)\n"
    program += f"[one] = {JANITORS}; one.kill(); one.wait(5)\n"
    program += "second = ScratchFolder(root); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    until(lambda: not list(tmp_path.iterdir()), 5)


def test_no_janitor_is_there_when_no_folder_is(tmp_path: Path) -> None:
    ScratchFolder(tmp_path).remove()
    assert not [child for child in psutil.Process().children() if child.cmdline()[1:2] == [str(janitor._SCRIPT)]]
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="file"):
        ScratchFolder(file)
    assert not [child for child in psutil.Process().children() if child.cmdline()[1:2] == [str(janitor._SCRIPT)]]
