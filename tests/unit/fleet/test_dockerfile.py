"""The images: each has its own browser and nobody's rights. tests/browser/test_images.py builds them, by night."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import celeryconfig
from jobs.routing import SIMULATION_QUEUE, browser_queue
from recovery import BrowserType
from tests.farms import ROOT
from tests.unit.fleet.images import command, environment, last, targets

WORKERS = ("chrome", "firefox", "edge", "webkit", "simulation")


@pytest.mark.parametrize("name", [*WORKERS, "flower", "client"])
def test_it_runs_without_root_and_with_an_init(name: str) -> None:
    assert last(name, "USER") == "10001:10001"
    assert json.loads(last(name, "ENTRYPOINT") or "") == ["/usr/bin/tini", "--"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_serves_its_own_queue_and_shows_its_health(name: str) -> None:
    arguments = command(name)
    queue = arguments[arguments.index("--queues") + 1]
    assert queue == (SIMULATION_QUEUE if name == "simulation" else browser_queue(BrowserType(name)))
    assert "health.sh" in (last(name, "HEALTHCHECK") or "")
    assert environment(name)["BREAKWATER_HEALTH_FILE"]
    # Else SIGTERM waits for the running test however long it takes, and the container is killed over it.
    assert environment(name)["REMAP_SIGTERM"] == "SIGQUIT"


@pytest.mark.parametrize("name", ["chrome", "firefox", "webkit"])
def test_an_image_has_its_own_browser_only(name: str) -> None:
    installed = re.findall(
        r"install-browsers\.sh ([a-z ]+);", " ".join(rest for _, rest in targets()[name].instructions)
    )
    assert installed == [name]


@pytest.mark.parametrize("name", ["simulation", "flower", "client"])
def test_an_image_without_a_browser_has_none(name: str) -> None:
    assert not any("install-browsers" in rest for _, rest in targets()[name].instructions)
    assert targets()[name].parent in {"base", "worker"}


def test_what_runs_is_locked_to_what_was_tested() -> None:
    def packages(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    tested, shipped = packages(ROOT / "requirements.lock"), packages(ROOT / "docker/requirements.lock")
    assert {"celery", "flower", "redis", "selenium", "onnxruntime"} <= shipped.keys()
    assert shipped.items() <= tested.items()
    assert not {"pytest", "mypy", "ruff", "onnx"} & shipped.keys()


def test_the_build_sees_what_it_needs() -> None:
    """COPY takes nothing that .dockerignore leaves out."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "**"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert [name for name in let_in if not (ROOT / name).exists()] == []
    copied = [rest.split()[0] for target in targets().values() for word, rest in target.instructions if word == "COPY"]
    for source in copied:
        assert source.startswith("--from") or source == "." or source in let_in, source


def test_the_seccomp_profile_denies_by_name_and_keeps_namespaces() -> None:
    profile: dict[str, Any] = json.loads((ROOT / "docker/seccomp.json").read_text(encoding="utf-8"))
    denied = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert {rule["action"] for rule in profile["syscalls"]} == {"SCMP_ACT_ERRNO"}
    assert {"mount", "bpf", "keyctl", "kexec_load", "setns"} <= denied
    assert not {"clone", "clone3", "unshare", "chroot"} & denied  # what a browser's sandbox is made of


def test_a_container_has_time_for_the_soft_shutdown() -> None:
    compose = (ROOT / "docker/compose.yaml").read_text(encoding="utf-8")
    patch = (ROOT / "docker/kubernetes/worker-patch.yaml").read_text(encoding="utf-8")
    given = [*re.findall(r"stop_grace_period: (\d+)s", compose)[:1], *re.findall(r"GracePeriodSeconds: (\d+)", patch)]
    assert len(given) == 2
    assert min(map(int, given)) >= celeryconfig.worker_soft_shutdown_timeout + 15
