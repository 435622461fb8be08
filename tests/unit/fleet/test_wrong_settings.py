"""A wrong setting is one line that says which and why, whoever meets it, and carries no password."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs.settings import Settings, wrong_setting
from tests.farms import ROOT


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two keys, each with a certificate."""
    folder = tmp_path_factory.mktemp("keys")
    for number, name in enumerate(("ours", "other"), start=1):
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", f"/CN={name}",
                "-set_serial", str(number), "-keyout", f"{name}.key", "-out", f"{name}.pem",
            ],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
    (folder / "empty.pem").touch()
    return folder


def complaint(keys: Path, key: str, certificate: str, store: str) -> str:
    with pytest.raises(ValidationError) as raised:
        Settings(
            redis_url="redis://:hidden@redis/0",
            signing_key=keys / key, signing_certificate=keys / certificate, signing_store=str(keys / store),
        )  # fmt: skip
    return wrong_setting(raised.value)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (("none.key", "ours.pem", "o*.pem"), "SIGNING_KEY {}/none.key: No such file"),
        (("ours.pem", "ours.pem", "o*.pem"), "SIGNING_KEY {}/ours.pem: Invalid private key"),
        (("ours.key", "empty.pem", "o*.pem"), "SIGNING_CERTIFICATE {}/empty.pem: Invalid certificate"),
        (
            ("ours.key", "other.pem", "o*.pem"),
            "SIGNING_CERTIFICATE {0}/other.pem is not that of BREAKWATER_SIGNING_KEY",
        ),
        (("ours.key", "ours.pem", "*.pem"), "SIGNING_STORE {}/*.pem: Invalid certificate"),
        (("ours.key", "ours.pem", "x/*.pem"), "SIGNING_STORE {}/x/*.pem: no certificate is there"),
    ],
    ids=["no key", "no real key", "no certificate", "another's", "bad store", "empty store"],
)
def test_files_to_sign_with_are_looked_at_first(keys: Path, files: tuple[str, str, str], named: str) -> None:
    said = complaint(keys, *files)
    assert f"BREAKWATER_{named.format(keys)}" in said
    assert "\n" not in said
    assert "hidden" not in said


def test_good_files_are_taken(keys: Path) -> None:
    signing = {"key": keys / "ours.key", "certificate": keys / "ours.pem", "store": str(keys / "o*.pem")}
    assert Settings(**{f"signing_{name}": value for name, value in signing.items()}).signing_key == keys / "ours.key"


@pytest.mark.parametrize(
    "wrong",
    [
        {"BREAKWATER_SIGNING_KEY": "/etc/key"},
        {"BREAKWATER_REDIS_URL": "redis://:hidden@redis/0?password_file=/nowhere"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_celerys_commands_say_it_in_one_line_too(wrong: Mapping[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "jobs", "worker", "--queues", "simulation"],
        env={"PATH": "/usr/bin:/bin", "BREAKWATER_REDIS_URL": "redis://:hidden@redis/0", **wrong},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert next(iter(wrong)) in ended.stderr
    assert "hidden" not in ended.stderr
