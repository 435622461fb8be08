"""Three hosts, as network namespaces: a Redis, two workers. One worker is cut off for a while, and comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.farms import FarmClient, Program, RedisServer, Worker, answers, until

# A range for documentation: it leads nowhere, and these hosts have no way out anyway.
ADDRESSES = {"redis": "192.0.2.1", "east": "192.0.2.2", "west": "192.0.2.3"}


def why_not() -> str | None:
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if shutil.which("ip") is None:
        return "no `ip` here (package iproute2)"
    probe = f"bwprobe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], check=False, capture_output=True, text=True)
    if made.returncode:
        return f"no network namespaces here: {made.stderr.strip()}"
    made = subprocess.run(
        ["ip", "-n", probe, "link", "add", "v0", "type", "veth", "peer", "name", "v1"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    subprocess.run(["ip", "netns", "delete", probe], check=True)
    return f"no virtual network cards here: {made.stderr.strip()}" if made.returncode else None


class Network:
    """Hosts on one switch, which is a namespace too: nothing of it is seen on this machine's own network."""

    def __init__(self) -> None:
        self._prefix = f"bw{os.getpid()}"

    def make(self) -> None:
        self._ip("netns", "add", self._name("switch"))
        self._on("switch", "link", "add", "bridge", "type", "bridge")
        self._on("switch", "link", "set", "bridge", "up")
        for host, address in ADDRESSES.items():
            self._ip("netns", "add", self._name(host))
            self._on(
                "switch", "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", self._name(host)
            )  # fmt: skip
            self._on("switch", "link", "set", host, "master", "bridge", "up")
            self._on(host, "address", "add", f"{address}/24", "dev", "eth0")
            self._on(host, "link", "set", "eth0", "up")
            self._on(host, "link", "set", "lo", "up")

    def within(self, host: str) -> list[str]:
        """What to put before a command that is to run on a host."""
        return ["ip", "netns", "exec", self._name(host)]

    def cut(self, host: str) -> None:
        """Nothing goes to or from the host any more, and nobody is told."""
        self._on("switch", "link", "set", host, "down")

    def heal(self, host: str) -> None:
        self._on("switch", "link", "set", host, "up")

    def remove(self) -> None:
        for host in (*ADDRESSES, "switch"):
            subprocess.run(["ip", "netns", "delete", self._name(host)], check=False, capture_output=True)

    def _name(self, host: str) -> str:
        return f"{self._prefix}-{host}"

    def _on(self, host: str, *arguments: str) -> None:
        self._ip("-n", self._name(host), *arguments)

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := why_not():
        pytest.skip(reason)
    made = Network()
    try:
        made.make()
        yield made
    finally:
        made.remove()


@pytest.fixture
def parts() -> Iterator[list[Program]]:
    """Programs that end before their hosts go."""
    programs: list[Program] = []
    yield programs
    for program in reversed(programs):
        program.end()


def ran_by(client: FarmClient, batch: str, worker: Worker) -> int:
    return sum(verdict.attempts[-1].worker == worker.name for verdict in client.verdicts(batch))


def test_a_partition_loses_no_verdict_and_doubles_none(network: Network, parts: list[Any], tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"  # files are shared by all hosts: so the client needs no network
    server = RedisServer(
        tmp_path / "redis", f"unixsocket {socket}", "appendonly yes",
        host=ADDRESSES["redis"], within=network.within("redis"),
    )  # fmt: skip
    parts.append(server)
    until(lambda: answers(redis.Redis(unix_socket_path=str(socket))), why=lambda: server.output)
    east, west = (Worker(tmp_path / host, server.url, host, within=network.within(host)) for host in ("east", "west"))
    parts += [east, west]
    client = FarmClient(f"unix://{socket}")
    client.at_work(east, west)

    batch = client.publish(800)
    until(lambda: ran_by(client, batch, west) > 20)
    network.cut("west")
    before = ran_by(client, batch, west)
    until(lambda: client.is_finished(batch), 180, lambda: east.output[-2000:])
    assert client.outcomes(batch) == {"passed": 800}
    assert ran_by(client, batch, west) <= before + 2  # what was on its way
    assert "west@test" not in {node.node for node in client.backend.presence.nodes()}

    network.heal("west")
    client.at_work(east, west, seconds=180)
    again = client.publish(200)
    until(lambda: client.is_finished(again), 180, lambda: west.output[-2000:])
    assert client.outcomes(again) == {"passed": 200}
    assert ran_by(client, again, west) > 0
    # What it brought along from before the cut changed nothing.
    assert client.outcomes(batch) == {"passed": 800}
