"""Puts our pages into Flower: its process, its login, its base path, its look. Called by flowerconfig.py."""

from __future__ import annotations

import logging
import re
from functools import cache
from pathlib import Path

import flower.urls
from prometheus_client import REGISTRY
from tornado.ioloop import IOLoop
from tornado.template import Loader, Template
from tornado.web import StaticFileHandler, url

from jobs.dashboard.alerts import Alerts
from jobs.dashboard.downloads import ArtefactFile, ReportFile
from jobs.dashboard.live import Live
from jobs.dashboard.metrics import FarmCollector
from jobs.dashboard.orders import Orders
from jobs.dashboard.pages import DIST, Page, Stream
from jobs.settings import settings

log = logging.getLogger("breakwater.dashboard")

TEMPLATES = Path(__file__).parent / "templates"
TABS = ("circuits", "recovery", "batches")

# Where Flower's navigation bar ends its list of tabs.
_END_OF_TABS = re.compile(rb"(</ul>\s*<ul class=\"app-nav app-nav-secondary)")


class TabsLoader(Loader):
    """Flower's templates, its navigation bar with our tabs in it; and our own."""

    def _create_template(self, name: str) -> Template:
        ours = TEMPLATES / name
        if ours.exists():
            return self._made(name, ours.read_bytes())
        text = (Path(self.root) / name).read_bytes()
        return self._made(name, with_tabs(text) if name == "navbar.html" else text)

    def _made(self, name: str, text: bytes) -> Template:
        return Template(text, name=name, loader=self)


def with_tabs(navbar: bytes) -> bytes:
    """Flower's navigation bar with our tabs behind its own."""
    tabs = (TEMPLATES / "tabs.html").read_bytes()
    text, found = _END_OF_TABS.subn(lambda end: tabs + end.group(1), navbar, count=1)
    if not found:
        log.warning("this Flower's navigation bar is of another kind: the pages are at /%s", ", /".join(TABS))
    return text


@cache
def install() -> Live:
    """Add the pages to the Flower that starts in this process, and read the farm while it runs."""
    live = Live(settings())
    pages = [
        *(url(f"/{tab}", Page, {"page": tab, "title": tab.title()}, name=tab) for tab in TABS),
        url(r"/batch/([^/]+)", Page, {"page": "batch", "title": "Batch"}, name="batch"),
        url(r"/batch/([^/]+)/test/(.+)", Page, {"page": "test", "title": "Test"}, name="test"),
        url(r"/batch/([^/]+)/report.html", ReportFile, {"live": live}, name="report"),
        url(r"/batch/([^/]+)/artefact/(\d+)/([^/]+)/(.+)", ArtefactFile, {"live": live}, name="artefact"),
        *(url(f"/live/{tab}", Stream, {"live": live, "subject": tab}, name=f"live-{tab}") for tab in TABS),
        url(r"/live/batch/([^/]+)", Stream, {"live": live, "subject": "batch"}, name="live-batch"),
        url(r"/live/batch/([^/]+)/test/(.+)", Stream, {"live": live, "subject": "test"}, name="live-test"),
        url(r"/orders", Orders, {"live": live}, name="orders"),
        url(r"/breakwater/(.*)", StaticFileHandler, {"path": str(DIST)}, name="breakwater-asset"),
    ]
    flower.urls.handlers[:0] = pages
    flower.urls.settings["template_loader"] = TabsLoader(flower.urls.settings["template_path"])
    FarmCollector(live, REGISTRY)
    IOLoop.current().add_callback(live.start)
    if (webhook := settings().alert_webhook) is not None:
        IOLoop.current().add_callback(Alerts(live, webhook.get_secret_value()).run)
    return live
