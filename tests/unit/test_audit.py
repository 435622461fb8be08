"""An audit that couldn't be made never looks like one that found nothing."""

from __future__ import annotations

import pytest

from tests.audit import NotAsked, node_holes, python_holes


def test_a_hole_is_told_even_when_other_packages_are_unknown() -> None:
    told = {
        "dependencies": [
            {"name": "amqp", "skip_reason": "not found"},
            {"name": "celery", "version": "5.0", "vulns": [{"id": "PYSEC-2021-858"}]},
        ]
    }
    assert python_holes(told) == ["celery 5.0: PYSEC-2021-858"]


def test_unknown_packages_are_no_clean_audit() -> None:
    told = {"dependencies": [{"name": "amqp", "skip_reason": "not found"}, {"name": "x", "version": "1", "vulns": []}]}
    with pytest.raises(NotAsked, match="1 of 2 packages: not found"):
        python_holes(told)
    with pytest.raises(NotAsked, match="405"):
        node_holes({"message": "405 Method Not Allowed", "error": {}})


def test_only_grave_holes_in_what_builds_pages_stop_a_check() -> None:
    assert node_holes({"vulnerabilities": {"a": {"severity": "low"}, "b": {"severity": "critical"}}}) == ["b: critical"]
    assert node_holes({"vulnerabilities": {}}) == []
    assert python_holes({"dependencies": [{"name": "x", "version": "1", "vulns": []}]}) == []
