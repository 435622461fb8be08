"""Each image is built as it stands and does its work: a real test on a real farm, seen healthy, stopped in a test."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from jobs.batches.events import GivenBack
from jobs.specs import Platform, PythonTest, TestKind, TestSpec
from recovery import BrowserType, ModelType
from tests.farms import ROOT, FarmClient, until
from tests.images import Builder, Container, why_not

pytestmark = [
    pytest.mark.night,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

# The programs by which a browser would be known in an image that isn't its own.
PROGRAMS = {"chrome": "chromium", "firefox": "firefox-esr", "webkit": "WebKitWebDriver"}
BROWSERS = {
    "simulation": BrowserType.CHROME,
    "chrome": BrowserType.CHROME,
    "firefox": BrowserType.FIREFOX,
    "webkit": BrowserType.WEBKIT,
}
# Seconds that compose gives a container to stop, before it is killed.
(GRACE,) = map(int, re.findall(r"stop_grace_period: (\d+)s", (ROOT / "docker/compose.yaml").read_text("utf-8"))[:1])
# A user's own test that lasts, and whose process shows when it has begun.
LINGERING = """
import os, subprocess

def linger():
    subprocess.run(["sleep", os.environ["LINGER_SECONDS"]], check=True)
"""

Start = Callable[..., Container]


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    # Not in /tmp, which may be memory: images are large.
    made = Builder(Path(tempfile.mkdtemp(prefix="bw-images", dir="/var/tmp")))
    try:
        made.make_base()
        yield made
    finally:
        made.remove()


@pytest.fixture
def start(builder: Builder, redis_server: Any, redis_client: Any, tmp_path: Path) -> Iterator[Start]:
    """Builds an image and starts a container of it, which ends with the test, by force if need be."""
    containers: list[Container] = []

    def one(
        target: str, env: Mapping[str, str] = MappingProxyType({}), volumes: Mapping[Path, str] = MappingProxyType({})
    ) -> Container:
        builder.build(target)
        folder = tmp_path / f"{target}-{len(containers)}"
        containers.append(
            Container(builder, target, folder, {"BREAKWATER_REDIS_URL": redis_server.url, **env}, volumes)
        )
        return containers[-1]

    yield one
    for container in containers:
        container.end()


def arguments_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def user_namespace(process: psutil.Process) -> str:
    return str(Path(f"/proc/{process.pid}/ns/user").readlink())


@pytest.mark.parametrize("target", BROWSERS)
def test_an_image_is_built_and_its_worker_runs_a_test(target: str, start: Start, redis_server: Any) -> None:
    container = start(target)
    client = FarmClient(redis_server.url)
    spec = TestSpec(
        id="real", browser=BROWSERS[target], model="bert-base-uncased", model_type=ModelType.TEXT,
        platform=Platform.WASM, simulate=target == "simulation",
    )  # fmt: skip
    batch = client.publish_specs([spec], allow=("simulated",) if target == "simulation" else ())
    until(lambda: client.is_finished(batch), 120, lambda: container.output[-5000:])
    assert client.outcomes(batch) == {"passed": 1}, container.output[-5000:]

    assert container.health() == (0, "working\n")
    assert container.init.pid != container.process.pid
    status = container.inside("cat", "/proc/1/status").stdout
    assert "Uid:\t10001\t10001" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    for owner, program in PROGRAMS.items():
        assert (container.inside("sh", "-c", f"command -v {program}").returncode == 0) == (owner == target), program
    renderers = [one for one in container.processes() if "--type=renderer" in arguments_of(one)]
    assert bool(renderers) == (target == "chrome")
    for renderer in renderers:  # Chromium's sandbox is on: it is made of a user namespace
        assert user_namespace(renderer) != user_namespace(container.init)
    assert container.stop(GRACE) == 0, container.output[-3000:]
    assert "Traceback" not in container.output


@pytest.mark.parametrize("target", ["chrome", "firefox", "webkit"])
def test_a_container_that_is_stopped_during_a_test_hands_it_back_and_leaves_nothing(
    target: str, start: Start, redis_server: Any, redis_client: Any, tmp_path: Path
) -> None:
    tests = tmp_path / "tests"
    tests.mkdir(mode=0o755)
    (tests / "lingering.py").write_text(LINGERING, encoding="utf-8")
    allowed = {"BREAKWATER_TEST_MODULES": "lingering", "BREAKWATER_TEST_PATH": "/srv/tests"}

    def worker(lasts: str) -> Container:
        return start(target, {**allowed, "LINGER_SECONDS": lasts}, {tests: "/srv/tests"})

    leaving = worker("100")
    client = FarmClient(redis_server.url)
    spec = TestSpec(
        id="lingers", browser=BROWSERS[target], kind=TestKind.PYTHON, timeout=120,
        python=PythonTest(function="lingering:linger"),
    )  # fmt: skip
    batch = client.publish_specs([spec], allow=())
    until(
        lambda: any(arguments_of(one) == ["sleep", "100"] for one in leaving.processes()),
        120, lambda: leaving.output[-5000:],
    )  # fmt: skip
    inside = leaving.processes()
    assert leaving.stop(GRACE) == 0, leaving.output[-3000:]
    assert not [one for one in inside if one.is_running()]
    assert "Traceback" not in leaving.output
    assert client.backend.presence.nodes() == []
    assert redis_client.hlen("unacked") == 0
    assert [event.test for event in client.backend.store.events(batch) if isinstance(event, GivenBack)] == ["lingers"]

    staying = worker("0")
    until(lambda: client.is_finished(batch), 120, lambda: staying.output[-5000:])
    assert client.outcomes(batch) == {"passed": 1}, staying.output[-5000:]
    (verdict,) = client.verdicts(batch)
    assert len(verdict.attempts) == 1, "to be handed back is no attempt"


def test_containers_that_are_stopped_in_the_midst_of_many_short_tests_lose_no_verdict(
    start: Start, redis_server: Any
) -> None:
    client = FarmClient(redis_server.url)
    batch = client.publish(2000)
    for _ in range(3):
        leaving, before = start("simulation"), client.done(batch)
        until(lambda before=before: client.done(batch) > before + 20, 60, lambda one=leaving: one.output[-3000:])  # type: ignore[misc]
        assert leaving.stop(GRACE) == 0, leaving.output[-3000:]
    assert not client.is_finished(batch)
    start("simulation")
    until(lambda: client.is_finished(batch), 120)
    assert client.outcomes(batch) == {"passed": 2000}
    assert all(len(verdict.attempts) == 1 for verdict in client.verdicts(batch))


def test_flowers_image_shows_its_health(start: Start) -> None:
    container = start("flower")
    until(lambda: container.health()[0] == 0, 60, lambda: container.output[-3000:])


def test_the_clients_image_has_the_command(builder: Builder) -> None:
    builder.build("client")
    config = builder.config("client")
    assert [*config["Entrypoint"], *config["Cmd"]] == ["/usr/bin/tini", "--", "breakwater", "run", "--quick"]
    made = builder.call("from", "--pull-never", "localhost/breakwater-client")
    try:
        assert builder.call("run", "--isolation", "chroot", made, "--", "breakwater", "--version").startswith(
            "breakwater "
        )
    finally:
        builder.call("rm", made)
