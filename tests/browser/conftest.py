"""A page server and, in each browser, a page of the harness: one a test file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.browsers.page_server import PageServer
from tests.browser.pages import BROWSERS, Page
from tests.browser.plain_browsers import plain_browser


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer() as started:
        yield started


@pytest.fixture(scope="module", params=BROWSERS)
def page(request: pytest.FixtureRequest, server: PageServer) -> Iterator[Page]:
    link = server.open_link()
    with plain_browser(request.param) as (driver, process):
        loaded = Page(link, driver, process)
        loaded.load()
        yield loaded
    link.close()
