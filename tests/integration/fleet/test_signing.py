"""A farm that signs: workers run what a known publisher signed, and nothing else, whoever can write to Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs.specs import TestSpec
from tests.farms import ROOT, FarmClient, Worker, until

PUBLISH = "import sys; from tests.farms import FarmClient; print(FarmClient(sys.argv[1]).publish(int(sys.argv[2])))"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """Environments of a worker and a publisher that know each other, and of a stranger."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "known").mkdir()
    found = {}
    for number, who in enumerate(("worker", "publisher", "stranger"), start=1):
        place = folder if who == "stranger" else folder / "known"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", f"/CN={who}",
                "-set_serial", str(number), "-keyout", folder / f"{who}.key", "-out", place / f"{who}.pem",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        found[who] = {
            "BREAKWATER_SIGNING_KEY": str(folder / f"{who}.key"),
            "BREAKWATER_SIGNING_CERTIFICATE": str(place / f"{who}.pem"),
            "BREAKWATER_SIGNING_STORE": str(place / "*.pem"),
        }
    return found


def publish(url: str, tests: int, env: Mapping[str, str]) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PUBLISH, url, str(tests)],
        env={"PATH": "/usr/bin:/bin", **env}, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return ended.stdout.strip()


def test_only_what_a_known_publisher_signed_is_run(
    tmp_path: Path, redis_server: Any, redis_client: Any, ending: Any, keys: Any
) -> None:
    worker = ending(Worker(tmp_path / "worker", redis_server.url, env=keys["worker"]))
    client = FarmClient(redis_server.url)
    client.at_work(worker)

    def outcomes(batch: str) -> Mapping[str, int]:
        until(lambda: client.is_finished(batch), 120, lambda: worker.output[-3000:])
        return client.outcomes(batch)

    known = publish(redis_server.url, 2, keys["publisher"])
    assert outcomes(known) == {"passed": 2}

    # Unsigned messages are thrown away. The reaper writes others and signs them: so the tests themselves are looked at.
    unsigned = client.publish(1)
    strange = publish(redis_server.url, 1, keys["stranger"])
    copied = client.backend.client.hget(client.backend.store.key(known, ":specs"), "t0")
    stolen = client.publish_specs([TestSpec.model_validate_json(copied)], ())
    ((reason, number),) = outcomes(strange).items()
    assert number == 1
    assert "no worker may run this test: its signature is not good" in reason
    assert outcomes(unsigned) == {"error: no worker may run this test: it carries no signature": 1}
    assert outcomes(stolen) == {"error: no worker may run this test: its signature belongs to another test": 1}
    assert "ContentDisallowed" in worker.output
    assert "Unknown certificate" in worker.output


def test_a_signed_message_is_still_one_of_celerys(keys: Any) -> None:
    script = (
        "import base64, json; from kombu.serialization import loads\n"
        "from jobs.celery import app; from jobs.batches import MessageTemplate\n"
        "message = json.loads(MessageTemplate(app).write('simulation', 'b', 't', 1))\n"
        "body = base64.b64decode(message['body']).decode()\n"
        "print(message['content-type'], loads(body, message['content-type'], message['content-encoding'])[0])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": "/usr/bin:/bin", **keys["publisher"]}, cwd=ROOT,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert ended.stdout == "application/data ['b', 't', 1]\n"
