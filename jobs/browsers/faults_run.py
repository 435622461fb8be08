"""Faults in a run: each strikes while the page waits for its model, which the server holds back until then.

So the strike always comes in the middle of the run, with browser, page and device at work, however fast the test is.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from jobs.browsers.failures import TestFailure
from jobs.browsers.parts import Part, hung_pages, pages_of, parts_of
from jobs.browsers.protocol import Fault
from jobs.browsers.session import BrowserSession
from jobs.specs import FAULTS_OF_MODELS, FaultKind

# Seconds for which a stalled server answers nothing: longer than any attempt.
STALL_SECONDS = 7200.0
# A slow server needs so many times the attempt's time: within the double.
SLOWNESS = 1.25
# Seconds that the model is held on after the strike: what the page is told must reach it before the model does.
SINKING_IN = 0.5
# Bytes that a page may still get before the system gives it no more.
SPARE_MEMORY = 64 << 20
# Seconds within which a page that was told to hang is to be known by it; without its process stopped, it hangs still.
_TOLD_WITHIN = 2.0


class RunFaults:
    """The faults of one attempt. ``look`` is to be asked often while the page works."""

    def __init__(self, faults: frozenset[FaultKind], session: BrowserSession, timeout: float) -> None:
        """``timeout``: seconds that the attempt has, unless a recovery gave it more."""
        if session.remote and (struck := sorted(faults & _OF_PROCESSES)):
            raise TestFailure(f"the fault {struck[0].value} can't be injected: {session.browser.value} is remote")
        self._strikes = [_STRIKES[fault] for fault in sorted(faults & _STRIKES.keys())]
        self._session = session
        self.struck_at: float | None = None
        """When they struck, on the monotonic clock."""
        # This also ends what an earlier attempt did to the same link.
        session.link.faults.stall(STALL_SECONDS if FaultKind.ASSET_STALLED in faults else 0.0)
        session.link.faults.slow(SLOWNESS * timeout if FaultKind.ASSET_SLOW in faults else 0.0)
        session.link.faults.hold_offers(held=bool(self._strikes))
        if faults & {FaultKind.ASSET_STALLED, FaultKind.ASSET_SLOW}:
            self.struck_at = time.monotonic()

    def look(self) -> None:
        """Strike, if it is time."""
        if self._strikes and self._session.link.faults.offer_waits:
            strikes, self._strikes = self._strikes, []
            self.struck_at = time.monotonic()
            for strike in strikes:
                strike(self._session)
        elif self.struck_at is not None and time.monotonic() - self.struck_at > SINKING_IN:
            self._session.link.faults.hold_offers(held=False)


def _signal(which: Callable[[BrowserSession], Iterator[psutil.Process]], signum: signal.Signals) -> Callable[..., None]:
    def strike(session: BrowserSession) -> None:
        for process in list(which(session)):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signum)

    return strike


def limit_memory(session: BrowserSession) -> None:
    """The system gives the page's process little more memory."""
    for process in list(_renderers(session)):
        with contextlib.suppress(psutil.Error, OSError):
            most = _data_of(process) + SPARE_MEMORY
            process.rlimit(psutil.RLIMIT_DATA, (most, most))


def _starve(session: BrowserSession) -> None:
    """Memory becomes scarce; then the page hoards objects."""
    limit_memory(session)
    session.link.send(Fault(kind="exhaust_heap"))


def _data_of(process: psutil.Process) -> int:
    """Bytes that the limit of a process's data counts."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmData:")[2].split()[0]) * 1024


def _tell(fault: Fault) -> Callable[[BrowserSession], None]:
    return lambda session: session.link.send(fault)


def _main(session: BrowserSession) -> Iterator[psutil.Process]:
    if session.main_process is not None:
        yield session.main_process


def _driver(session: BrowserSession) -> Iterator[psutil.Process]:
    if session.driver_pid is not None:
        yield psutil.Process(session.driver_pid)


def _renderers(session: BrowserSession) -> Iterator[psutil.Process]:
    yield from pages_of(session.main_process)


def _page_at_work(session: BrowserSession) -> Iterator[psutil.Process]:
    """Its process alone. The browser has others, of a page that stands by and of its own: so it is made to hang."""
    session.link.send(Fault(kind="hang"))
    deadline = time.monotonic() + _TOLD_WITHIN
    hung = hung_pages(session.main_process)
    while not hung and time.monotonic() < deadline:
        hung = hung_pages(session.main_process)
    yield from hung


def _gpu_process(session: BrowserSession) -> Iterator[psutil.Process]:
    return (process for process, part in parts_of(session.main_process) if part is Part.GPU)


def _close_window(session: BrowserSession) -> None:
    session.close_window()


def _cut_link(session: BrowserSession) -> None:
    session.link.cut()


def strike_own_test(faults: frozenset[FaultKind], session: BrowserSession) -> None:
    """Break the browser or the driver, right after a user's own test was begun."""
    # A page of the user's listens to nobody, so all pages are stopped.
    strikes = _STRIKES | {FaultKind.RENDERER_STOPPED: _signal(_renderers, signal.SIGSTOP)}
    for fault in sorted((faults & _STRIKES.keys()) - FAULTS_OF_MODELS):
        strikes[fault](session)


_STRIKES: dict[FaultKind, Callable[[BrowserSession], None]] = {
    FaultKind.BROWSER_KILLED: _signal(_main, signal.SIGKILL),
    FaultKind.RENDERER_KILLED: _signal(_renderers, signal.SIGKILL),
    FaultKind.GPU_PROCESS_KILLED: _signal(_gpu_process, signal.SIGKILL),
    FaultKind.DRIVER_KILLED: _signal(_driver, signal.SIGKILL),
    FaultKind.BROWSER_STOPPED: _signal(_main, signal.SIGSTOP),
    FaultKind.RENDERER_STOPPED: _signal(_page_at_work, signal.SIGSTOP),
    FaultKind.GPU_PROCESS_STOPPED: _signal(_gpu_process, signal.SIGSTOP),
    FaultKind.DRIVER_STOPPED: _signal(_driver, signal.SIGSTOP),
    FaultKind.WINDOW_CLOSED: _close_window,
    FaultKind.SOCKET_DROPPED: _cut_link,
    FaultKind.PAGE_HUNG: _tell(Fault(kind="hang")),
    FaultKind.PAGE_GARBLED: _tell(Fault(kind="garble")),
    FaultKind.PAGE_MEMORY: _starve,
    FaultKind.WASM_MEMORY: _tell(Fault(kind="exhaust_wasm")),
    FaultKind.DEVICE_LOST: _tell(Fault(kind="lose_device")),
    FaultKind.WEBNN_OPERATORS: _tell(Fault(kind="lose_webnn_operators")),
}

# What is done to processes, which must be on this machine.
_OF_PROCESSES = {
    *(FaultKind.BROWSER_KILLED, FaultKind.RENDERER_KILLED, FaultKind.GPU_PROCESS_KILLED, FaultKind.DRIVER_KILLED),
    *(FaultKind.BROWSER_STOPPED, FaultKind.RENDERER_STOPPED, FaultKind.GPU_PROCESS_STOPPED, FaultKind.DRIVER_STOPPED),
    FaultKind.PAGE_MEMORY,
}
