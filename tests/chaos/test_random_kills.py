"""kill -9 at random moments of a session's life, of random parts, some stopped before: nothing is left, ever.

``BREAKWATER_TEST_KILLS`` sets how many; the nightly run asks for 200. A seed that failed is in the test's output.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests import confined
from tests.browser.owners import assert_gone, kill_owner, owner, scratch_root, started_by, wait_until
from tests.farms import ROOT

KILLS = int(os.environ.get("BREAKWATER_TEST_KILLS", "6"))
# Seconds: from before the driver is there to well into the life of a loaded page.
LONGEST_LIFE = 4.0
# Tells that it is ready before anything is started, so that the start is struck too.
SESSION = """
from jobs.browsers.pool import SessionPool
from jobs.settings import Settings
from recovery import Adjustments, BrowserType
print("ready", flush=True)
pool = SessionPool(Settings())
pool.session_for(BrowserType("BROWSER"), Adjustments())
"""


# As a container's entry point does it: the worker's main process, which reaps its own child, and nobody else's.
UNDER_TINI = (
    *("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
    *("tini", "--", "sh", "-c", '"$@" & wait $!; exec sleep 1000', "sh"),
)


@pytest.mark.parametrize(
    "where",
    [
        "here",
        pytest.param("under tini", marks=pytest.mark.night),
        pytest.param("without rights", marks=pytest.mark.night),
    ],
)
@pytest.mark.timeout(300 + 60 * KILLS)
def test_random_kills_leave_nothing(where: str) -> None:
    within: Sequence[str] = ()
    if where == "under tini":
        within = UNDER_TINI
    elif where == "without rights":  # … the browsers' own sandboxes are on
        if reason := confined.why_not():
            pytest.skip(reason)
        within = confined.within(ROOT / "docker/seccomp.json")
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice, struck = random.Random(seed), 0
    for number in range(KILLS):
        browser = dice.choice(["chrome", "firefox", "webkit"])
        with scratch_root() as root, owner(SESSION.replace("BROWSER", browser), as_for(where, root), within) as process:
            if number % 2:  # however long a busy machine takes to start anything
                wait_until(lambda one=process: started_by(one), "something is started")
            time.sleep(dice.uniform(0.2, LONGEST_LIFE))  # the moment itself is what is tested
            members = started_by(process)
            victims = [member for member in members if is_victim(member)]
            for victim in dice.sample(victims, k=min(len(victims), dice.randrange(4))):
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(dice.choice([signal.SIGSTOP, signal.SIGKILL]))
            latest = started_by(process)
            struck += bool(latest)
            kill_owner(process)
            assert_gone([*{*members, *latest}], without_session_file(root))
        print(f"{number}: {browser}, {len(latest)} processes")
    assert struck >= KILLS // 2, "most kills came before anything was started"


def as_for(where: str, root: Path) -> Path:
    """The folder, given to whoever is to use it."""
    if where == "without rights":
        os.chown(root, confined.USER, confined.USER)
    return root


def is_victim(process: psutil.Process) -> bool:
    """Driver, browser and all of theirs; not the warden, without which only the next start's sweep removes folders."""
    with suppress(psutil.NoSuchProcess):
        return process.name() not in {"unshare", "sh"}
    return False


def without_session_file(root: Path) -> Path:
    """onnxruntime leaves a file of its own in the temporary folder; it is no profile of ours."""
    with suppress(FileNotFoundError):
        (root / ".ses").unlink()
    return root
