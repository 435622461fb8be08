"""Models at an address, from a real server: pinned by checksum, fetched once, refused when they change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.models import downloads
from jobs.models.unavailable import ModelUnavailable, ModelUnknown
from tests.integration.models.hub_mirror import Mirror, Repository, mirror

FIRST, SECOND = b"the first model" * 1000, b"another model" * 1000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr(downloads, "FOLDER", tmp_path / "cache")
    with mirror({"a/b": Repository({"m.onnx": FIRST})}) as running:
        yield running


def address(server: Mirror, file: str = "m.onnx") -> str:
    return f"{server.url.replace('//', '//user:password@')}/a/b/resolve/main/{file}?token=secret"


def test_what_was_pinned_is_fetched_once(server: Mirror) -> None:
    digest = downloads.pin(address(server))
    asked = len(server.asked)
    assert downloads.fetch_url(address(server), digest).read_bytes() == FIRST
    assert len(server.asked) == asked


def test_an_address_that_gives_something_else_later_is_refused(server: Mirror, tmp_path: Path) -> None:
    digest = downloads.pin(address(server))
    for kept in (tmp_path / "cache").iterdir():
        kept.unlink()
    server.repositories["a/b"].files["m.onnx"] = SECOND
    with pytest.raises(ModelUnknown, match="another file") as told:
        downloads.fetch_url(address(server), digest)
    assert "secret" not in str(told.value)
    assert downloads.pin(address(server)) != digest


def test_a_download_that_breaks_off_leaves_no_file(server: Mirror, tmp_path: Path) -> None:
    server.repositories["a/b"].cut = {"m.onnx"}
    with pytest.raises(ModelUnavailable):
        downloads.pin(address(server))
    assert list((tmp_path / "cache").iterdir()) == []
    downloads.pin(address(server))


def test_whose_fault_it_is_is_told_without_what_is_secret(server: Mirror) -> None:
    with pytest.raises(ModelUnknown, match="404") as told:
        downloads.pin(address(server, "gone.onnx"))
    assert "secret" not in str(told.value)
    assert "password" not in str(told.value)
    with pytest.raises(ModelUnavailable, match="can't be fetched"):
        downloads.pin("http://127.0.0.1:9/m.onnx")
