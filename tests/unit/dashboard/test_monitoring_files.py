"""What Prometheus and Grafana are given: well-formed, about metrics that there are, with a page for every alert."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "docker" / "prometheus"
DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "breakwater.json"
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def documented() -> set[str]:
    """The metrics of docs/metrics.md."""
    return set(re.findall(r"^\| `(breakwater_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))


def asked_for(expression: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"breakwater_\w+", expression)}


def test_the_documented_metrics_are_those_of_the_collector() -> None:
    source = (ROOT / "jobs" / "dashboard" / "metrics.py").read_text()
    made = set(re.findall(r'"(breakwater_\w+)"', source))
    counters = set(re.findall(r'(?:CounterMetricFamily|counter)\(\s*"(breakwater_\w+)"', source))
    assert documented() == {f"{name}_total" if name in counters else name for name in made}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_page_and_asks_for_metrics_that_there_are(rule: dict[str, object]) -> None:
    annotations = rule["annotations"]
    assert isinstance(annotations, dict)
    assert (ROOT / annotations["runbook"]).is_file()
    assert str(rule["alert"]) in (ROOT / annotations["runbook"]).read_text()
    assert asked_for(str(rule["expr"])) <= documented()


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    expressions = [
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]
    ]
    assert len(expressions) >= 10
    for expression in expressions:
        assert asked_for(expression) <= documented(), expression


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_accepts_the_configuration_and_the_rules_pass_their_tests() -> None:
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        command = ["promtool", *arguments]
        done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
