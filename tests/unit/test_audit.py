"""An audit that couldn't be made never looks like one that found nothing."""

from __future__ import annotations

import os
import socket
import time

import psutil
import pytest

from tests.audit import NotAsked, main, node_holes, python_holes


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


def test_services_that_never_answer_are_named_in_time_and_nothing_goes_on_asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{silent.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("BREAKWATER_TEST_MARK", mark := os.urandom(8).hex())
        began = time.monotonic()
        assert [main(strict, seconds=1.0) for strict in (False, True)] == [0, 1]
        assert time.monotonic() - began < 60
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["audit: Python: NOT CHECKED", "audit: Node: NOT CHECKED"] * 2
    assert all(line.endswith("no answer in time") for line in lines)
    assert not [one for one in psutil.process_iter() if mark_of(one) == mark and one.pid != os.getpid()]


def mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("BREAKWATER_TEST_MARK")
    except psutil.Error:
        return None
