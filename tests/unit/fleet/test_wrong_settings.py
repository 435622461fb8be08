"""A wrong setting is one line that says which and why, whoever meets it, and carries no password."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs.settings import Settings, WrongSettings, settings, wrong_setting
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


def told(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of the environment with this variable in it."""
    monkeypatch.setenv(f"BREAKWATER_{variable}", value)
    settings.cache_clear()
    with pytest.raises(WrongSettings) as raised:
        settings()
    said = str(raised.value)
    assert said.startswith(f"environment: BREAKWATER_{variable}: ")
    assert said.isprintable()
    return said


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    """This process's own settings are read again afterwards."""
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("REMOTE_CAPABILITIES", "{", "must be JSON: Expecting property name enclosed in double quotes"),
        ("REMOTE_CAPABILITIES", "", "must be JSON"),
        ("REMOTE_CAPABILITIES", "[1]", 'must be an object in JSON, such as {"se:name": "nightly"}'),
        ("REMOTE_CAPABILITIES", '{"a": NaN}', "NaN is no number"),
        ("KEY_PREFIX", "", "must be 1 to 100 letters, digits and . _ : / -; it is ''"),
        ("KEY_PREFIX", "{a}", "it is '{a}'"),
        ("KEY_PREFIX", "a b", "it is 'a b'"),
        ("KEY_PREFIX", "a*", "it is 'a*'"),
        ("KEY_PREFIX", "a\n", r"it is 'a\n'"),
        ("KEY_PREFIX", "a" * 101, "must be 1 to 100"),
        ("LEASE_SECONDS", "soon", "must be a number from 1 to 3600; it is 'soon'"),
        ("LEASE_SECONDS", "inf", "must be a number from 1 to 3600; it is 'inf'"),
        ("LEASE_SECONDS", "0.001", "must be a number from 1 to 3600"),
        ("RECYCLE_AFTER_SECONDS", "nan", "must be a number above 0; it is 'nan'"),
        ("METRICS_PORT", "70000", "must be a whole number from 1 to 65535"),
        ("HEADLESS", "perhaps", "must be true or false; it is 'perhaps'"),
        ("GPU", "fast", "must be 'auto', 'software' or 'hardware'; it is 'fast'"),
        ("PAGE_URL", "worker1:80", "must be http:// or https:// and a host"),
        ("REDIS_URL", "redis://[x", "Invalid IPv6 URL"),
    ],
)
def test_it_says_which_and_what_is_allowed(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert words in told(variable, value, monkeypatch)


@pytest.mark.parametrize(
    "variable", [name.upper() for name, field in Settings.model_fields.items() if field.annotation is float]
)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_no_time_is_endless(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "must be a number" in told(variable, value, monkeypatch)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REMOTE_CAPABILITIES", '{"accessKey": "hidden"'),
        ("REMOTE_CAPABILITIES", '["hidden"]'),
        ("ALERT_WEBHOOK", "hooks.example/hidden"),
        ("REMOTE_URL_CHROME", "user:hidden@grid"),
        ("REMOTE_URL_CHROME", "ftp://user:hidden@grid"),
        ("PAGE_URL", "user:hidden@worker1"),
        ("REDIS_URL", "http://:hidden@redis"),
        ("REDIS_URL", "redis://:hidden/hidden@redis/0"),
        ("REDIS_URL", "redis://:hidden?hidden@redis/0"),
        ("REDIS_URL", "redis://:hidden#hidden@redis/0"),
    ],
)
def test_it_shows_no_secret(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hidden" not in told(variable, value, monkeypatch)


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("KEY_PREFIX", "team-1/breakwater:ci_2.0", "team-1/breakwater:ci_2.0"),
        ("REMOTE_CAPABILITIES", '{"se:name": "nightly", "n": 1.5}', {"se:name": "nightly", "n": 1.5}),
        ("REDIS_URL", "unix:///run/a@b.sock", "unix:///run/a@b.sock"),
        ("REDIS_URL", "redis://me:p%40ss@redis/0", "redis://me:p%40ss@redis/0"),
        ("PAGE_URL", "http://worker1.example:{port}", "http://worker1.example:{port}"),
    ],
)
def test_good_ones_are_read(variable: str, value: str, read: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BREAKWATER_{variable}", value)
    assert getattr(Settings(), variable.lower()) == read


@pytest.mark.parametrize(
    "wrong",
    [
        {"BREAKWATER_SIGNING_KEY": "/etc/key"},
        {"BREAKWATER_REDIS_URL": "redis://:hidden@redis/0?password_file=/nowhere"},
        {"BREAKWATER_REMOTE_CAPABILITIES": '{"accessKey": "hidden"'},
        {"BREAKWATER_KEY_PREFIX": "{a}"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
@pytest.mark.parametrize("command", [("worker", "--queues", "simulation"), ("flower",)], ids=["worker", "flower"])
def test_celerys_commands_say_it_in_one_line_too(command: Sequence[str], wrong: Mapping[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "jobs", *command],
        env={"PATH": "/usr/bin:/bin", "BREAKWATER_REDIS_URL": "redis://:hidden@redis/0", **wrong},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert next(iter(wrong)) in ended.stderr
    assert "hidden" not in ended.stderr
