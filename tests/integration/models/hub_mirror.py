"""A mirror of the hub: the part of its protocol by which models are found and fetched, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = hashlib.sha1(b"the only commit", usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """A repository's files, its task, and how the mirror is to misbehave with it."""

    files: dict[str, bytes]
    task: str | None = None
    status: int = 200
    error_code: str = ""
    cut: set[str] = field(default_factory=set)
    """Files whose next answer breaks off in the middle."""


@dataclass
class Mirror:
    """The running mirror."""

    url: str
    repositories: dict[str, Repository]
    asked: list[str] = field(default_factory=list)


@contextmanager
def mirror(repositories: dict[str, Repository]) -> Iterator[Mirror]:
    """Serve the repositories on a free loopback port."""
    running = Mirror("", repositories)

    class Handler(_Handler):
        mirror = running

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join(60)


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.mirror.asked.append(f"{self.command} {path}")
        words = path.strip("/").split("/")
        if words[:2] == ["api", "models"]:
            self.describe("/".join(words[2:4]), words[4:], body=body)
        elif len(words) > 4 and words[2] == "resolve":
            self.give("/".join(words[:2]), "/".join(words[4:]), body=body)
        else:
            self.refuse(404, "EntryNotFound")

    def found(self, name: str) -> Repository | None:
        repository = self.mirror.repositories.get(name)
        if repository is None:
            self.refuse(404, "RepoNotFound")
        elif repository.status != 200:
            self.refuse(repository.status, repository.error_code)
            return None
        return repository

    def describe(self, name: str, rest: list[str], *, body: bool) -> None:
        repository = self.found(name)
        if repository is None:
            return
        if rest[:1] == ["tree"]:
            told: object = [_entry(file, content) for file, content in repository.files.items()]
        elif rest[:1] == ["revision"] and rest[1:] not in (["main"], [COMMIT]):
            self.refuse(404, "RevisionNotFound")
            return
        else:
            told = {
                "id": name, "modelId": name, "sha": COMMIT, "pipeline_tag": repository.task, "tags": [],
                "siblings": [{"rfilename": file} for file in repository.files],
            }  # fmt: skip
        self.send(200, json.dumps(told).encode(), {"Content-Type": "application/json"}, body=body)

    def give(self, name: str, file: str, *, body: bool) -> None:
        repository = self.found(name)
        if repository is None:
            return
        content = repository.files.get(file)
        if content is None:
            self.refuse(404, "EntryNotFound")
            return
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{_etag(file, content)}"',
            "X-Linked-Etag": f'"{_etag(file, content)}"',
            "X-Linked-Size": str(len(content)),
        }
        cut = body and file in repository.cut
        if cut:
            repository.cut.discard(file)
        self.send(200, content, headers, body=body, cut=cut)

    def send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool, cut: bool = False) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def refuse(self, status: int, code: str) -> None:
        self.send(status, b"", {"X-Error-Code": code} if code else {}, body=False)


def _is_large(file: str) -> bool:
    return ".onnx" in file


def _etag(file: str, content: bytes) -> str:
    """As on the hub: of a large file its SHA-256, of a small one the name that git gives it."""
    if _is_large(file):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _entry(file: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": file, "size": len(content), "oid": _etag(file, content)}
    if _is_large(file):
        entry["lfs"] = {"oid": _etag(file, content), "size": len(content), "pointerSize": 130}
    return entry
