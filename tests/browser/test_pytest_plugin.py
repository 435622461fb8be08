"""``pytest --breakwater`` and plain ``pytest``, as a user runs them: the example project, and tests that go wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.processes import OwnedProcess
from tests.conftest import RedisServer
from tests.farms import FarmClient, until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "shop"

MIXED = """
import os
import pytest

PAGE = "data:text/html,<h1>A page</h1>"
on_the_farm = pytest.mark.breakwater(browser="chrome", timeout=120)

@on_the_farm
def test_passes(driver, context):
    driver.get(PAGE)

@on_the_farm
def test_fails(driver, context):
    driver.get(PAGE)
    print("told on the farm")
    seen = driver.find_element("tag name", "h1").text
    assert seen == "Another page"

@on_the_farm
@pytest.mark.xfail(raises=AssertionError)
def test_fails_as_expected(driver):
    assert driver is None

@on_the_farm
def test_skips_itself(driver):
    pytest.skip("not today")

@on_the_farm
def test_is_recovered(driver, context):
    if context.attempt == 1:
        os.kill(os.getpid(), 9)

@pytest.mark.breakwater(browser="edge", timeout=120)
@pytest.mark.xfail
def test_has_no_browser(driver):
    pass

def test_is_not_marked(tmp_path):
    assert tmp_path.exists()
"""


ALIKE = """
import pytest

@pytest.mark.breakwater(browser="chrome", isolation="session")
@pytest.mark.parametrize("path", ["a-b", "a/b", "a#b", "a b", "-", "a" * 200, "b" + "a" * 199])
def test_keeps(driver, context, path):
    context.attach("path.txt", path)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own folders: their paths are too long for a browser's sockets.
    with tempfile.TemporaryDirectory(prefix="bw") as made:
        yield Path(made)


@pytest.fixture
def standing_farm(redis_server: RedisServer, redis_client: redis.Redis, folder: Path) -> Iterator[dict[str, str]]:
    """A farm that was there before, whose worker allows the example's modules; what leads a client there."""
    shutil.copytree(EXAMPLE, folder / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    named = {"BREAKWATER_REDIS_URL": redis_server.url}
    allowed = {"BREAKWATER_TEST_MODULES": "test_shop", "BREAKWATER_TEST_PATH": str(folder / "shop")}
    with tempfile.TemporaryDirectory(prefix="bw") as scratch:
        command = [sys.executable, "-m", "celery", "-A", "jobs", "worker", "-Q", "browser.chrome", "-c", "1"]
        environment = {**os.environ, **named, **allowed, "TMPDIR": scratch}
        with OwnedProcess(command, env=environment, cwd=Path(scratch)) as worker:
            live = FarmClient(redis_server.url).backend.presence.live_queues
            until(lambda: live().get("browser.chrome"), 120, worker.log_tail)
            yield named


def run_pytest(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".", "-rA",
            *arguments,
        ],
        check=False, cwd=folder, capture_output=True, text=True, timeout=400,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("BREAKWATER_")},
            "TMPDIR": str(folder), "COLUMNS": "200", **env,
        },
    )  # fmt: skip
    assert not list(folder.glob("bw-*")), "scratch folders are left"
    return done.returncode, done.stdout + done.stderr


def test_the_example_passes_here(folder: Path) -> None:
    shutil.copytree(EXAMPLE, folder / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    code, output = run_pytest(folder, "shop")
    assert code == 0, output
    assert "5 passed" in output
    assert "4 tests on" not in output


def test_the_example_passes_on_a_farm_that_stands_by_its_redis_alone(
    folder: Path, standing_farm: dict[str, str], redis_server: RedisServer
) -> None:
    code, output = run_pytest(folder, "--breakwater", "-k", "not firefox", "shop", **standing_farm)
    assert code == 0, output
    assert "3 passed, 2 deselected" in output
    assert f"2 tests on the farm at {redis_server.url}" in output


def test_the_farms_verdicts_become_pytests_own(folder: Path) -> None:
    (folder / "test_mixed.py").write_text(MIXED, encoding="utf-8")
    code, output = run_pytest(folder, "--breakwater", "--breakwater-artefacts", "kept")
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert "1 failed, 3 passed, 1 skipped, 1 xfailed, 1 error" in output
    assert "6 tests on an embedded farm" in output
    assert 'AssertionError at test_mixed.py:17: assert seen == "Another page"' in output
    assert "where seen = 'A page'" in output
    assert "told on the farm" in output
    assert "SKIPPED" in output
    assert "not today" in output
    assert "ERROR test_mixed.py::test_has_no_browser[edge]" in output
    assert "recovered: test_mixed.py::test_is_recovered[chrome]: internal → level 2 passed" in output
    assert len(list(folder.glob("kept/*fails-chrome/*fails-chrome.1.output.txt"))) == 1


def test_tests_whose_names_are_alike_keep_their_files_apart_here(folder: Path) -> None:
    (folder / "test_alike.py").write_text(ALIKE, encoding="utf-8")
    code, output = run_pytest(folder, "--breakwater-artefacts", "kept")
    assert code == 0, output
    kept = [file.read_text(encoding="utf-8") for file in folder.glob("kept/*/path.txt")]
    assert sorted(kept) == sorted(["a-b", "a/b", "a#b", "a b", "-", "a" * 200, "b" + "a" * 199])
