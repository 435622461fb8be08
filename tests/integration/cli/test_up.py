"""``breakwater up``: Redis, workers and Flower on this machine, all gone with it."""

from __future__ import annotations

import re
import time
import urllib.request
from pathlib import Path

from jobs.batches import Presence
from jobs.connections import connect
from jobs.ports import free_port
from tests.commands import Command


def test_it_brings_a_farm_up_and_takes_all_of_it_down(tmp_path: Path) -> None:
    port = free_port()
    command = Command(["up", "--browser", "edge", "--port", str(port)], tmp_path)
    try:
        deadline = time.monotonic() + 180
        while "Ctrl-C" not in command.output:
            assert command.process.poll() is None, command.output
            assert time.monotonic() < deadline, command.output
            time.sleep(0.05)
        url = re.search(r"export BREAKWATER_REDIS_URL=(\S+)", command.output)
        assert url is not None
        presence = Presence(connect(url[1]))
        while set(presence.live_queues()) != {"browser.edge", "simulation"}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/circuits", timeout=60) as page:
            assert b"breakwater" in page.read()
        command.interrupt()
        assert command.wait(180) == 130
        command.assert_nothing_left()
    finally:
        command.kill()


def test_it_says_what_is_in_its_way(tmp_path: Path) -> None:
    with Command(["up"], tmp_path, {"BREAKWATER_REDIS_URL": "redis://127.0.0.1:1/0"}) as named:
        assert named.wait(120) == 2
    assert "unset it" in named.output
    assert named.output.count("\n") == 1
