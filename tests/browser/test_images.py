"""Each image is built as it stands and does its work: a real test on a real farm, seen healthy, stopped in time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.specs import Platform, TestSpec
from recovery import BrowserType, ModelType
from tests.farms import FarmClient, until
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
def started() -> Iterator[list[Container]]:
    containers: list[Container] = []
    yield containers
    for container in containers:
        container.end()


@pytest.mark.parametrize("target", BROWSERS)
def test_an_image_is_built_and_its_worker_runs_a_test(
    target: str, builder: Builder, started: Any, redis_server: Any, redis_client: Any, tmp_path: Path
) -> None:
    builder.build(target)
    container = Container(builder, target, tmp_path, {"BREAKWATER_REDIS_URL": redis_server.url})
    started.append(container)
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

    container.init.terminate()
    assert container.process.wait(30) == 0, container.output[-3000:]
    assert "Traceback" not in container.output


def test_flowers_image_shows_its_health(builder: Builder, started: Any, redis_server: Any, tmp_path: Path) -> None:
    builder.build("flower")
    container = Container(builder, "flower", tmp_path, {"BREAKWATER_REDIS_URL": redis_server.url})
    started.append(container)
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
