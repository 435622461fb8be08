"""The image's worker command as its user runs it: no rights, the image's seccomp profile, the browser's sandbox on."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs.specs import Platform, TestSpec
from recovery import BrowserType, ModelType
from tests import confined
from tests.farms import ROOT, FarmClient, Program, until
from tests.unit.fleet.images import command, environment

PROFILE = ROOT / "docker/seccomp.json"

pytestmark = pytest.mark.skipif(confined.why_not() is not None, reason=str(confined.why_not()))


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the other user's, with a path short enough for a browser's sockets."""
    folder = Path(tempfile.mkdtemp(prefix="bw"))
    os.chown(folder, confined.USER, confined.USER)
    yield folder
    # What still ends writes into its folders, and would have them stay.
    with contextlib.suppress(AssertionError):
        until(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())


def test_a_worker_without_rights_runs_a_test_in_a_sandboxed_browser(
    redis_server: Any, redis_client: Any, home: Path
) -> None:
    arguments = command("chrome")
    worker = Program(
        [sys.executable, "-m", *arguments],
        home,
        environment("chrome")
        | {
            "BREAKWATER_REDIS_URL": redis_server.url, "BREAKWATER_HEALTH_FILE": str(home / "health"),
            "HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"],
        },
        confined.within(PROFILE),
    )  # fmt: skip
    try:
        client = FarmClient(redis_server.url)
        spec = TestSpec(
            id="real",
            browser=BrowserType.CHROME,
            model="bert-base-uncased",
            model_type=ModelType.TEXT,
            platform=Platform.WASM,
        )
        batch = client.publish_specs([spec], allow=())
        until(lambda: client.is_finished(batch), 180, lambda: worker.output)
        assert client.outcomes(batch) == {"passed": 1}, worker.output

        ours = psutil.Process(worker.process.pid)
        assert ours.uids().effective == confined.USER
        renderers = [child for child in ours.children(recursive=True) if "--type=renderer" in arguments_of(child)]
        assert renderers, worker.output
        for renderer in renderers:
            assert "--no-sandbox" not in arguments_of(renderer)
            assert own_user_namespace(renderer.pid) != own_user_namespace(ours.pid)
    finally:
        worker.process.terminate()
        worker.process.wait(60)
    assert not (home / "health").exists()


def arguments_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def own_user_namespace(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/user").readlink())


def test_the_profile_denies_what_it_says_and_keeps_namespaces() -> None:
    script = (
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
        "def tried(call, *args): return ctypes.get_errno() if call(*args) == -1 else 0\n"
        "print(tried(libc.mount, b'none', b'/tmp', b'tmpfs', 0, None), tried(libc.unshare, 0x10000000))"
    )
    ended = subprocess.run(
        [*confined.within(PROFILE), sys.executable, "-c", script],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=60,
    )  # fmt: skip
    assert ended.stdout.split() == [str(errno.EPERM), "0"], ended.stderr
