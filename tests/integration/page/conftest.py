"""A page server for a module's tests, and a link of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer() as started:
        yield started


@pytest.fixture
def link(server: PageServer) -> Iterator[PageLink]:
    opened = server.open_link()
    yield opened
    opened.close()
