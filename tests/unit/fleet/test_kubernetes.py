"""docker/kubernetes: every object valid by Kubernetes' and KEDA's own schemas, and all that is named is there."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject

from jobs.routing import QUEUE_NAMES
from tests.farms import ROOT
from tests.unit.fleet.images import targets

FOLDER = ROOT / "docker/kubernetes"
# The releases that get fixes: the newest that the package knows, and the two before it.
MAJOR, NEWEST, *_ = map(int, kubernetes_validate.latest_version().split("."))
RELEASES = tuple(f"{MAJOR}.{minor}" for minor in range(NEWEST - 2, NEWEST + 1))


def load(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def merged(base: Any, patch: Any) -> Any:
    """As a strategic merge: maps by key, containers by name, other lists replaced."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(base)
    for key, value in patch.items():
        if key == "containers":
            by_name = {container["name"]: container for container in value}
            result[key] = [merged(container, by_name.get(container["name"], {})) for container in base[key]]
        else:
            result[key] = merged(base.get(key), value)
    return result


def rendered() -> dict[str, dict[str, Any]]:
    """All objects of the base, ``Kind/name``, with the workers' patch in them."""
    (kustomization,) = load(FOLDER / "kustomization.yaml")
    (patch,) = load(FOLDER / "worker-patch.yaml")
    patch.pop("metadata")
    found: dict[str, dict[str, Any]] = {}
    for name in kustomization["resources"]:
        for one in load(FOLDER / name):
            is_worker = one["metadata"].get("labels", {}).get("breakwater.dev/role") == "worker"
            found[f"{one['kind']}/{one['metadata']['name']}"] = merged(one, patch) if is_worker else one
    return found


OBJECTS = rendered()
WORKERS = [name for name in OBJECTS if name.startswith("Deployment/worker-")]


@pytest.mark.parametrize("name", OBJECTS)
def test_it_is_valid(name: str) -> None:
    one = OBJECTS[name]
    if one["apiVersion"].startswith("keda.sh/"):
        told = ScaledObject.model_validate(one).model_dump(by_alias=True, exclude_unset=True, mode="json")
        assert told["spec"] == one["spec"]  # what the schema doesn't know would be missing
        return
    for release in RELEASES:
        kubernetes_validate.validate(one, release, strict=True)


def test_every_file_is_a_part_of_the_base() -> None:
    (kustomization,) = load(FOLDER / "kustomization.yaml")
    used = {*kustomization["resources"], *(patch["path"] for patch in kustomization["patches"]), "kustomization.yaml"}
    assert {path.name for path in FOLDER.iterdir()} == used
    images = {image["name"].removeprefix("breakwater-") for image in kustomization["images"]}
    assert images <= targets().keys()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_makes_the_same_of_it() -> None:
    ended = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=True, timeout=120)
    made = {f"{one['kind']}/{one['metadata']['name']}": one for one in yaml.safe_load_all(ended.stdout)}
    for name, one in made.items():
        if one["kind"] != "Namespace":
            assert one["metadata"].pop("namespace") == "breakwater", name
        for container in one["spec"]["template"]["spec"]["containers"] if one["kind"] == "Deployment" else ():
            container["image"] = container["image"].removesuffix(":0.1.0")
    assert made == OBJECTS


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_patched_safe_scaled_and_spared(name: str) -> None:
    spec = OBJECTS[name]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"]["localhostProfile"] == "breakwater/seccomp.json"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["livenessProbe"]["exec"]["command"] == ["/usr/local/lib/breakwater/health.sh"]
    worker = name.removeprefix("Deployment/")
    scaling = OBJECTS[f"ScaledObject/{worker}"]["spec"]
    assert scaling["scaleTargetRef"]["name"] == worker
    (trigger,) = scaling["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    (metric,) = re.findall(r"breakwater_\w+", trigger["metadata"]["query"])
    assert f'"{metric}"' in (ROOT / "jobs/dashboard/metrics.py").read_text(encoding="utf-8")
    queues = [queue for queue in QUEUE_NAMES if f'queue="{queue}"' in trigger["metadata"]["query"]]
    assert [queue.removeprefix("browser.") for queue in queues] == [worker.removeprefix("worker-")]
    spared = OBJECTS[f"PodDisruptionBudget/{worker}"]["spec"]["selector"]["matchLabels"]
    assert spared.items() <= OBJECTS[name]["spec"]["template"]["metadata"]["labels"].items()


def test_redis_is_reached_by_the_farm_only() -> None:
    assert OBJECTS["NetworkPolicy/nothing-comes-in"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    policy = OBJECTS["NetworkPolicy/redis"]["spec"]
    allowed = [source["podSelector"]["matchLabels"] for source in policy["ingress"][0]["from"]]
    for name in (*WORKERS, "Deployment/flower"):
        labels = OBJECTS[name]["spec"]["template"]["metadata"]["labels"]
        assert any(source.items() <= labels.items() for source in allowed), name
    assert policy["egress"] == []


def test_redis_keeps_what_it_is_given() -> None:
    config = OBJECTS["ConfigMap/redis"]["data"]["redis.conf"]
    assert "appendonly yes" in config
    assert "maxmemory-policy noeviction" in config
