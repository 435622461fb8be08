"""docker/compose.yaml: valid by the Compose Specification's own schema, and safe as it stands."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from breakers.redis_url import BadRedisUrl, RedisUrl
from tests.farms import ROOT
from tests.unit.fleet.images import targets


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_it_is_valid(compose: dict[str, Any]) -> None:
    schema = resources.files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    jsonschema.validate(compose, json.loads(schema.read_text("utf-8")))


def test_only_flower_is_published_and_on_loopback(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert {name for name in published if "profiles" not in services[name]} == {"flower"}
    for (port,) in published.values():
        assert port.startswith(("127.0.0.1:", "${FLOWER_BIND:-127.0.0.1}:"))


def test_redis_is_out_of_reach_and_keeps_what_it_is_given(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert services["redis"]["networks"] == ["farm"]
    assert compose["networks"]["farm"] == {"internal": True}
    script = services["redis"]["command"][-1]
    assert "requirepass" in script
    assert "appendonly yes" in script
    assert "maxmemory-policy noeviction" in script


def test_secrets_are_files_and_appear_nowhere_else(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    for service in services.values():
        assert not any("PASSWORD" in name and not name.endswith("__FILE") for name in service.get("environment", {}))
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
    url = services["worker-chrome"]["environment"]["BREAKWATER_REDIS_URL"]
    with pytest.raises(BadRedisUrl, match="password_file, which can't be read"):  # here; in the container it is there
        RedisUrl.parse(url)


def test_every_built_service_has_its_target_and_few_rights(services: dict[str, dict[str, Any]]) -> None:
    known = targets()
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        if "build" in service:
            assert service["build"]["target"] in known, name
    assert {services[name]["build"]["target"] for name in services if name.startswith("worker-")} == {
        "chrome", "firefox", "webkit", "edge", "simulation",
    }  # fmt: skip
    for name in ("worker-chrome", "worker-firefox", "worker-webkit", "worker-edge"):
        assert "seccomp=./seccomp.json" in services[name]["security_opt"]
        assert services[name]["shm_size"] == "1gb"
    assert not any("container_name" in service for service in services.values())  # or --scale could not be


def test_what_is_mounted_exists(services: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    sources = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert [source for source in sources if source.startswith(".") and not (ROOT / "docker" / source).is_dir()] == []
    assert (ROOT / "docker/prometheus/prometheus.yml").is_file()  # the name that the image looks for
    named = {source for source in sources if not source.startswith(".")}
    assert named == set(compose["volumes"])


def test_the_smoke_service_is_a_run_of_everything(services: dict[str, dict[str, Any]]) -> None:
    smoke = services["smoke"]
    assert smoke["command"] == ["breakwater", "run", "--quick"]
    assert smoke["restart"] == "no"
    assert {"redis", "worker-chrome", "worker-firefox"} <= smoke["depends_on"].keys()
