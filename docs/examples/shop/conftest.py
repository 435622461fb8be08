"""Serves the shop while pytest runs, and tells the tests where."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class _Site(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def pytest_configure(config: pytest.Config) -> None:
    """Serve on a free port, unless the command line says where the shop is."""
    if not config.option.breakwater_base_url:
        site = partial(_Site, directory=str(Path(__file__).parent / "site"))
        server = ThreadingHTTPServer(("127.0.0.1", 0), site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config.option.breakwater_base_url = f"http://127.0.0.1:{server.server_address[1]}"
