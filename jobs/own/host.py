"""The process that runs users' code: ``python -m jobs.own.host SOCKET TRACES``. A worker starts it and may kill it.

It holds no secret of the farm's and no connection but the driver's. One test at a time, one JSON line an order.
"""

from __future__ import annotations

import faulthandler
import inspect
import logging
import signal
import socket
import sys
import threading
from pathlib import Path

import psutil

from jobs.own.attached_driver import AttachedDriver
from jobs.own.context import Context
from jobs.own.functions import GIVEN, checked_parameters, find_function
from jobs.own.messages import Ended, Order, Raised
from jobs.own.raised import tell
from jobs.settings import settings

# Seconds that a thread of the test's own, which goes on after it, is given to end.
_THREADS_GRACE = 0.2


def main(socket_path: str, traces: str) -> None:
    """Take orders until the worker closes the line."""
    # The worker's last question to code that hangs: where are you? It is answered without the interpreter's help.
    faulthandler.register(signal.SIGUSR1, file=Path(traces).open("w", encoding="utf-8"), all_threads=False)  # noqa: SIM115 - open for life
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    sys.path[:0] = map(str, settings().test_path_folders)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(socket_path)
        with line.makefile("r", encoding="utf-8") as orders:
            for order in orders:
                ended = run(Order.model_validate_json(order))
                sys.stdout.flush()
                sys.stderr.flush()
                line.sendall(ended.model_dump_json().encode() + b"\n")


def run(order: Order) -> Ended:
    """Run one test. Whatever it raises is its result."""
    driver = AttachedDriver(order.driver_address, order.session_id, order.capabilities, order.command_seconds)
    before = set(threading.enumerate())
    raised: Raised | None = None
    try:
        _call(order, driver)
    except BaseException as error:  # noqa: BLE001 - SystemExit and pytest's outcomes included
        raised = tell(error)
    finally:
        driver.let_go()
    return Ended(raised=raised, reusable=not _goes_on(before))


def _call(order: Order, driver: AttachedDriver) -> None:
    function = find_function(order.function, settings().test_modules)
    parameters, arguments = checked_parameters(order.function, function, order.parameters)
    context = Context(
        driver,
        test=order.test,
        browser=order.browser,
        attempt=order.attempt,
        parameters=parameters,
        base_url=order.base_url,
        seconds=order.seconds,
        folder=Path(order.folder),
    )
    given = dict(zip(GIVEN, (driver, context), strict=True))
    taken = inspect.signature(function).parameters
    function(**{name: one for name, one in given.items() if name in taken}, **arguments)


def _goes_on(before: set[threading.Thread]) -> bool:
    """Whether a thread or a process of the test's own is left: it could reach into the next test."""
    for thread in set(threading.enumerate()) - before:
        thread.join(_THREADS_GRACE)
        if thread.is_alive():
            return True
    return bool(psutil.Process().children())


if __name__ == "__main__":
    main(*sys.argv[1:])
