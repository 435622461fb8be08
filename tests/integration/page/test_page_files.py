"""What the page server serves, and to whom: the harness, and the files that a link offers."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer
from tests.integration.page.sockets import BOUND, get


def test_the_harness_is_served_isolated_and_with_exact_types(link: PageLink) -> None:
    kinds = {
        "": "text/html; charset=utf-8",
        "harness.js": "text/javascript; charset=utf-8",
        "ort-wasm-simd-threaded.mjs": "text/javascript; charset=utf-8",
        "ort-wasm-simd-threaded.wasm": "application/wasm",
    }
    for name, kind in kinds.items():
        response, body = get(link.page_url + name)
        assert (response.status, response.headers["Content-Type"]) == (200, kind)
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert len(body) == int(response.headers["Content-Length"])
        again, body = get(link.page_url + name, **{"If-None-Match": response.headers["ETag"]})
        assert (again.status, body) == (304, b"")


def test_onnxruntime_is_at_one_address_for_all_pages_of_a_server(server: PageServer, link: PageLink) -> None:
    above = link.page_url.rstrip("/").rpartition("/")[0] + "/"
    assert server.open_link().page_url.startswith(above)
    for name, kind in {"mjs": "text/javascript; charset=utf-8", "wasm": "application/wasm"}.items():
        response, body = get(f"{above}ort-wasm-simd-threaded.{name}")
        assert (response.status, response.headers["Content-Type"]) == (200, kind)
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert len(body) == int(response.headers["Content-Length"])
        assert get(f"{server.origin}/ort-wasm-simd-threaded.{name}")[0].status == 404
    for name in ("harness.js", "ort-wasm-gone.wasm", "index.html", ""):
        assert get(above + name)[0].status == 404, name


def test_an_offered_file_is_served_to_its_own_link_only(server: PageServer, link: PageLink, tmp_path: Path) -> None:
    model = tmp_path / "a model.onnx"
    model.write_bytes(os.urandom(3_000_000))
    address = link.offer(model)
    assert link.offer(model) == address
    response, body = get(address)
    assert (response.status, body) == (200, model.read_bytes())
    other = server.open_link()
    assert get(address.replace(link.page_url, other.page_url))[0].status == 404
    other.close()


def test_a_changed_file_is_never_taken_from_a_cache(link: PageLink, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"one")
    address = link.offer(model)
    tag = get(address)[0].headers["ETag"]
    model.write_bytes(b"two")
    response, body = get(address, **{"If-None-Match": tag})
    assert (response.status, body) == (200, b"two")


def test_a_link_to_a_file_elsewhere_is_followed_when_offered(link: PageLink, tmp_path: Path) -> None:
    """As the model hub's cache keeps its files."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "abc").write_bytes(b"model")
    (tmp_path / "m.onnx").symlink_to(tmp_path / "blobs" / "abc")
    assert get(link.offer(tmp_path / "m.onnx"))[1] == b"model"


def test_withdrawn_files_are_not_found_and_their_addresses_not_used_again(link: PageLink, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"model")
    first = link.offer(model)
    link.withdraw_all()
    assert get(first)[0].status == 404
    assert link.offer(model) != first


def test_what_can_not_be_served_can_not_be_offered(link: PageLink, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link.offer(tmp_path / "missing.onnx")
    with pytest.raises(ValueError, match="not a regular file"):
        link.offer(tmp_path)


@pytest.mark.parametrize("path", ["", "x", "{token}x/", "{token}/../../etc/passwd", "{token}/..%2f..%2fpyproject.toml",
                                  "{token}/files/1/m", "{token}/files/1/..%2fm", "favicon.ico"])  # fmt: skip
def test_nothing_else_is_served(server: PageServer, link: PageLink, path: str) -> None:
    token = link.page_url.rstrip("/").rsplit("/", 1)[1]
    response, body = get(f"{server.origin}/{path.format(token=token)}")
    assert response.status in (403, 404)
    assert len(body) < 10


def test_a_stall_leaves_requests_unanswered_and_ends(link: PageLink) -> None:
    link.faults.stall(0.6)
    started = time.monotonic()
    assert get(link.page_url)[0].status == 200
    assert 0.5 < time.monotonic() - started < BOUND / 2


def test_other_links_are_served_during_a_stall(server: PageServer, link: PageLink) -> None:
    link.faults.stall(60)
    other = server.open_link()
    with ThreadPoolExecutor(1) as pool:
        stalled = pool.submit(get, link.page_url)
        assert get(other.page_url)[0].status == 200
        assert not stalled.done()
        link.faults.stall(0)
        assert stalled.result(BOUND)[0].status == 200
    other.close()
