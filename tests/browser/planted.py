"""Tests that must fail, three of ten on broken browsers: ``python -m tests.browser.planted 200`` runs so many of them.

Whatever the infrastructure suffers meanwhile, each must end as ``failed``, and no circuit may open.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from breakers import CircuitMetrics
from jobs.backend import Backend
from jobs.batches import BatchHeader
from jobs.cli.views import view_for
from jobs.farm import Farm
from jobs.models.catalogue import catalogue
from jobs.settings import settings
from jobs.specs import FaultKind, FaultSpec, Isolation, ModelSource, Platform, PythonTest, TestKind, TestSpec, Verdict
from jobs.waiting import Waiting
from recovery import BrowserType, ModelType

RIGHT = "bert-base-uncased"
BROWSERS = (BrowserType.CHROME, BrowserType.FIREFOX)
# Models that can't be read are refused before a browser is asked for, and no fault could strike. So of the other three
# kinds every second test suffers one on its first attempt: three of ten in all.
OF_MODELS = (
    *(FaultKind.BROWSER_KILLED, FaultKind.PAGE_HUNG, FaultKind.DRIVER_KILLED, FaultKind.BINARY_MISSING),
    *(FaultKind.RENDERER_KILLED, FaultKind.WASM_MEMORY, FaultKind.WINDOW_CLOSED, FaultKind.SOCKET_DROPPED),
)
OF_OWN_TESTS = (
    *(FaultKind.BROWSER_KILLED, FaultKind.DRIVER_STOPPED, FaultKind.RENDERER_KILLED, FaultKind.BINARY_MISSING),
    *(FaultKind.DRIVER_KILLED, FaultKind.BROWSER_STOPPED),
)


class Planted(NamedTuple):
    """One kind of mistake: what the test runs."""

    name: str
    model: ModelSource | None = None
    function: str | None = None

    @property
    def needs_a_browser(self) -> bool:
        return self.function is not None or self.name == "wrong-numbers"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Not a word."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server for the folder, at this address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def mistakes(folder: Path, address: str) -> list[Planted]:
    """Wrong numbers, an assertion, a page's error, a model that the server doesn't have, and a damaged one."""
    right = catalogue()[RIGHT].parts[0].path
    corrupt = folder / "corrupt.onnx"
    corrupt.write_bytes(right.read_bytes()[: right.stat().st_size // 2])
    text = partial(ModelSource, type=ModelType.TEXT)
    return [
        Planted("wrong-numbers", text(name="wrong-numbers", path=right, tolerance=1e-30)),
        Planted("assertion", function="planted_checks:wrong_count"),
        Planted("script-error", function="planted_checks:broken_script"),
        Planted("not-found", text(name="not-found", url=f"{address}/missing.onnx", sha256="0" * 64)),
        Planted("corrupt", text(name="corrupt", path=corrupt, reference=right)),
    ]


def planted(count: int, kinds: list[Planted]) -> Iterator[TestSpec]:
    """So many tests that must fail."""
    faults = {TestKind.MODEL: itertools.cycle(OF_MODELS), TestKind.PYTHON: itertools.cycle(OF_OWN_TESTS)}
    turns = itertools.islice(itertools.cycle(itertools.product(kinds, BROWSERS)), count)
    spared = itertools.cycle((False, False, True, True))
    for number, (mistake, browser) in enumerate(turns):
        kind = TestKind.PYTHON if mistake.function else TestKind.MODEL
        broken = mistake.needs_a_browser and not next(spared)
        yield TestSpec(
            id=f"{browser.value}/{mistake.name}#{number}",
            browser=browser,
            kind=kind,
            model=mistake.model.name if mistake.model else None,
            model_type=mistake.model.type if mistake.model else None,
            platform=Platform.WASM if mistake.model else None,
            own_model=mistake.model,
            python=PythonTest(function=mistake.function) if mistake.function else None,
            isolation=Isolation.CONTEXT if mistake.function else Isolation.SESSION,
            faults=(FaultSpec(kind=next(faults[kind])),) if broken else (),
        )


def run(count: int) -> tuple[list[Verdict], dict[str, CircuitMetrics]]:
    """Run them on a farm of their own; the verdicts, and the circuits as they stand then."""
    own = {"BREAKWATER_TEST_MODULES": "planted_checks", "BREAKWATER_TEST_PATH": str(Path(__file__).parent)}
    with (
        tempfile.TemporaryDirectory(prefix="bw") as folder,
        served(Path(folder)) as address,
        Farm(BROWSERS, env=os.environ | own) as farm,
    ):
        backend = Backend(settings().model_copy(update={"redis_url": farm.url}))
        header = BatchHeader(id="planted", name="planted", created_at=time.time(), allow=frozenset({"degraded"}))
        backend.store.publish(header, planted(count, mistakes(Path(folder), address)))
        view = view_for(Console(stderr=True), "quiet")
        Waiting(backend, header.id, view, tend=farm.tend).until_finished(None)
        view.close()
        return list(backend.store.verdicts(header.id)), backend.registry.get_metrics()["circuits"]


def main() -> None:
    """Run them and tell."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("count", type=int)
    verdicts, circuits = run(arguments.parse_args().count)
    print(Counter(verdict.outcome.value for verdict in verdicts))
    print("faults that struck:", Counter(v.attempts[0].failure_type for v in verdicts if v.attempts[0].failure_type))
    for verdict in verdicts:
        if verdict.outcome != "failed":
            print(verdict.test, verdict.reason)
    print({name: (one["failures"], one["circuit_open_count"]) for name, one in circuits.items()})


if __name__ == "__main__":
    main()
