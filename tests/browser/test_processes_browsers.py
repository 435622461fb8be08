"""kill -9 of the process that owns a session, browser and driver stopped before: nothing of them is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from recovery import BrowserType
from tests.browser.owners import assert_gone, kill_owner, owner, scratch_root, started_by

SESSION = """
import jobs.processes
if not NAMESPACE:
    jobs.processes.namespace_command = lambda: ()
from jobs.browsers.pool import SessionPool
from jobs.settings import Settings
from recovery import Adjustments, BrowserType
pool = SessionPool(Settings())
pool.session_for(BrowserType("BROWSER"), Adjustments())
"""
PROGRAMS = {
    "chromium",
    "chrome",
    "chromedriver",
    "firefox",
    "firefox-esr",
    "geckodriver",
    "WebKitWebDriver",
    "MiniBrowser",
    "Xvfb",
}


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch_root() as folder:
        yield folder


@pytest.mark.parametrize("namespace", [True, False], ids=["namespace", "no namespace"])
@pytest.mark.parametrize("browser", [BrowserType.CHROME, BrowserType.FIREFOX, BrowserType.WEBKIT])
def test_a_killed_owner_leaves_no_browser(browser: BrowserType, namespace: bool, root: Path) -> None:
    with owner(SESSION.replace("NAMESPACE", str(namespace)).replace("BROWSER", browser.value), root) as process:
        members = started_by(process)
        stopped = [member for member in members if is_main_program(member)]
        assert len(stopped) >= 2, [member.name() for member in members]
        for member in stopped:
            member.suspend()
        kill_owner(process)
        assert_gone(members, root)


def is_main_program(process: psutil.Process) -> bool:
    """A driver or a browser's main process; not a renderer and the like."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(process.name().startswith(name) for name in PROGRAMS) and "--type=" not in str(process.cmdline())
    return False
