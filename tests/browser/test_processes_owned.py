"""OwnedProcess: nothing of it outlives its owner, however the owner ends; with a PID namespace and without."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs.processes import OwnedProcess, namespace_command
from jobs.scratch import ScratchFolder
from tests.browser.owners import assert_gone, kill_owner, owner, scratch_root, started_by, wait_until

# A shell with an orphan in a session of its own, an orphan, and a child.
FAMILY = "(setsid sleep 1001 &); (sleep 1002 &); sleep 1003"
FAMILY_SIZE = 4

# What the killed owners run.
START_FAMILY = """
from tests.browser.test_processes_owned import start_family
process = start_family(None, namespace=NAMESPACE)
"""


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch_root() as folder:
        yield folder


@pytest.fixture(params=[True, False], ids=["namespace", "no namespace"])
def namespace(request: pytest.FixtureRequest) -> bool:
    assert namespace_command(), "no PID namespace is permitted here: half of these tests would test nothing"
    return bool(request.param)


def start_family(root: Path | None, *, namespace: bool) -> OwnedProcess:
    process = OwnedProcess(["sh", "-c", FAMILY], scratch=ScratchFolder(root), namespace=namespace).start()
    wait_until(lambda: is_settled(process.members()), "the family is there")
    return process


def is_settled(members: list[psutil.Process]) -> bool:
    """Whether the family is complete, and no shell on its way to become a sleep is left."""
    with contextlib.suppress(psutil.NoSuchProcess):
        names = sorted(member.name() for member in members)
        return len(names) == FAMILY_SIZE and names.count("sleep") == FAMILY_SIZE - 1
    return False


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def stop_one_of(members: list[psutil.Process], argument: str) -> None:
    next(member for member in members if argument in member.cmdline()).suspend()


def test_stop_ends_orphans_and_stopped_processes(root: Path, namespace: bool) -> None:
    process = start_family(root, namespace=namespace)
    members = process.members()
    stop_one_of(members, "1001")
    stop_one_of(members, "1003")
    process.stop()
    assert not process.alive()
    assert_gone(members, root)
    process.stop()


def test_a_killed_owner_leaves_nothing(root: Path, namespace: bool) -> None:
    with owner(START_FAMILY.replace("NAMESPACE", str(namespace)), root) as process:
        members = started_by(process)
        stop_one_of(members, "1002")
        stop_one_of(members, "1003")
        kill_owner(process)
        assert_gone(members, root)


def test_no_fork_and_no_other_child_of_the_owner_keeps_it_alive(root: Path, namespace: bool) -> None:
    program = f"""
import os, signal, subprocess
{START_FAMILY.replace("NAMESPACE", str(namespace))}
if os.fork() == 0: signal.pause()
subprocess.Popen(["sleep", "2001"], close_fds=False)
"""
    with owner(program, root) as process:
        forked = [child for child in process.children() if child.cmdline() == process.cmdline()]
        others = [*forked, *(child for child in process.children() if "2001" in child.cmdline())]
        assert len(others) == 2
        members = [member for member in started_by(process) if member not in others]
        assert len(members) > FAMILY_SIZE
        kill_owner(process)
        assert_gone(members, root)
        assert all(other.is_running() for other in others)


def test_a_nested_one_ends_with_the_outer(root: Path, namespace: bool) -> None:
    inner = (
        START_FAMILY.replace("NAMESPACE", str(namespace))
        + "import signal; print('settled', flush=True); signal.pause()"
    )
    outer = f"""
import sys
from jobs.processes import OwnedProcess
process = OwnedProcess([sys.executable, "-c", {inner!r}], namespace={namespace}).start()
while "settled" not in process.log_tail(): pass
"""
    with owner(outer, root) as process:
        members = started_by(process)
        assert sum(member.name() == "sleep" for member in members) == FAMILY_SIZE - 1
        kill_owner(process)
        assert_gone(members, root)


def test_the_end_of_the_thread_that_started_it_means_nothing(root: Path) -> None:
    started: list[OwnedProcess] = []
    thread = threading.Thread(target=lambda: started.append(start_family(root, namespace=True)))
    thread.start()
    thread.join()
    assert started[0].wait(0.2) is None
    assert started[0].alive()
    assert len(started[0].members()) == FAMILY_SIZE
    started[0].stop()


def test_what_a_dead_command_left_running_can_be_looked_at(root: Path, namespace: bool) -> None:
    process = start_family(root, namespace=namespace)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert not process.alive()
    assert process.pid is None
    orphans = process.members()
    assert len(orphans) == FAMILY_SIZE - 1
    process.stop()
    assert_gone(orphans, root)


def test_an_exit_status_is_told(root: Path) -> None:
    with OwnedProcess(["sh", "-c", "exit 3"], scratch=ScratchFolder(root)) as process:
        assert process.wait(60) == 3
    assert process.exit_code == 3


def test_a_program_that_overwrites_its_environment_is_found_without_a_namespace(root: Path) -> None:
    scratch = ScratchFolder(root)
    command = ["redis-server", "--port", "0", "--unixsocket", str(scratch.path / "socket"), "--save", ""]
    process = OwnedProcess(command, scratch=scratch, namespace=False).start()
    [server] = process.members()
    wait_until(lambda: "BREAKWATER_OWNER" not in server.environ(), "the title is written")
    process.stop()
    assert_gone([server], root)


def test_a_stopped_warden_is_killed_with_all_the_rest(root: Path) -> None:
    before = descendants()
    process = start_family(root, namespace=True)
    members = process.members()
    everything = [member for member in descendants() if member not in before]
    for warden in set(everything) - set(members):
        warden.suspend()
    process.stop(timeout=0.2)
    assert_gone(everything, root)


def test_a_missing_program_is_an_error_that_leaves_nothing(root: Path) -> None:
    before = descendants()
    with pytest.raises(FileNotFoundError, match="/nowhere/program"):
        OwnedProcess(["/nowhere/program"], scratch=ScratchFolder(root)).start()
    assert not list(root.iterdir())
    assert descendants() == before
