"""A real Flower of a test's own, started as a user starts it, and its streams of events."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.ports import free_port

ROOT = Path(__file__).parents[1]


class Flower:
    """``celery -A jobs flower``; ``folder`` is where it is started: without a flowerconfig.py it gets the package's."""

    def __init__(
        self,
        redis_url: str,
        folder: Path,
        *options: str,
        prefix: str = "",
        login: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.prefix = prefix
        self.login = login
        if login:
            options = (*options, f"--basic-auth={login}")
        if prefix:
            options = (*options, f"--url-prefix={prefix}")
        self.log = folder / f"flower-{self.port}.log"
        plain = {key: value for key, value in os.environ.items() if not key.startswith(("BREAKWATER_", "FLOWER_"))}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "celery", "-A", "jobs", "flower", f"--port={self.port}", *options],
                stdout=log, stderr=subprocess.STDOUT, cwd=folder,
                env={**plain, "BREAKWATER_REDIS_URL": redis_url, **(environment or {})},
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.port}" + (f"/{prefix}" if prefix else "")
        deadline = time.monotonic() + 120
        while True:
            try:
                self.get("/healthcheck")
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            else:
                return

    def get(self, path: str, *, login: bool = True, host: str | None = None) -> str:
        request = urllib.request.Request(self.url + path, headers=self._headers(login, host))
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def status(self, path: str, *, login: bool = True) -> int:
        try:
            self.get(path, login=login)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    def order(
        self, order: str, name: str, *, token: bool = True, host: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Give an order as the page does; the status and what was said."""
        page = urllib.request.Request(self.url + "/circuits", headers=self._headers(True, host))
        with urllib.request.urlopen(page, timeout=60) as answer:
            cookie = re.search(r"_xsrf=([^;]+)", str(answer.headers["Set-Cookie"]))
            frame = frame_of(answer.read().decode())
        assert cookie is not None
        headers = {**self._headers(True, host), "Content-Type": "application/json", "Cookie": f"_xsrf={cookie[1]}"}
        if token:
            headers["X-Xsrftoken"] = frame["xsrf"]
        body = json.dumps({"order": order, "name": name}).encode()
        request = urllib.request.Request(self.url + "/orders", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status), json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    @contextmanager
    def listen(self, path: str, after: str = "") -> Iterator[Iterator[tuple[str, str, Any]]]:
        """The events of a stream: kind, id and what is told. Nothing heard for a minute is an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = self._headers(True, None) | ({"Last-Event-ID": after} if after else {})
        connection.request("GET", (f"/{self.prefix}" if self.prefix else "") + path, headers=headers)
        try:
            yield _events(connection.getresponse())
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def _headers(self, login: bool, host: str | None) -> dict[str, str]:
        headers = {"Authorization": f"Basic {b64encode(self.login.encode()).decode()}"} if self.login and login else {}
        return headers | ({"Host": host} if host else {})


def frame_of(page: str) -> dict[str, Any]:
    """What a page's frame tells its script."""
    found = re.search(r'data-frame="([^"]*)"', page)
    assert found is not None, page
    frame: dict[str, Any] = json.loads(found[1].replace("&quot;", '"').replace("&#x27;", "'").replace("&amp;", "&"))
    return frame


def heard(events: Iterator[tuple[str, str, Any]], kind: str) -> tuple[str, Any]:
    """The next event of a kind: its id, and what it tells."""
    for one, event_id, told in events:
        if one == kind:
            return event_id, told
    raise AssertionError(f"the stream ended without {kind!r}")


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str, Any]]:
    assert answer.status == 200, answer.read()
    kind, event_id, told = "", "", ""
    for raw in answer:
        line = raw.decode().rstrip("\n")
        field, _, value = line.partition(": ")
        if field == "event":
            kind = value
        elif field == "id":
            event_id = value
        elif field == "data":
            told = value
        elif not line and told:
            yield kind, event_id, json.loads(told)
            kind, event_id, told = "", "", ""
