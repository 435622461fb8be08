"""Tests that must fail, some of them on broken browsers: ``python -m tests.browser.planted 200`` runs so many of them.

Whatever the infrastructure suffers meanwhile, each must end as ``failed``, and no circuit may count it.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from rich.console import Console

from breakers import CircuitMetrics
from jobs.batches import BatchHeader
from jobs.cli.views import view_for
from jobs.farm import Farm
from jobs.models import catalogue
from jobs.settings import settings
from jobs.specs import FaultKind, FaultSpec, ModelSource, Platform, TestSpec, Verdict
from jobs.waiting import Waiting
from jobs.worker import Backend
from recovery import BrowserType, ModelType

RIGHT = "bert-base-uncased"
BROWSERS = (BrowserType.CHROME, BrowserType.FIREFOX)
# Three tests of ten suffer a fault on their first attempt.
BROKEN = (1, 4, 8)
FAULTS = (
    *(FaultKind.BROWSER_KILLED, FaultKind.PAGE_HUNG, FaultKind.DRIVER_KILLED, FaultKind.BINARY_MISSING),
    *(FaultKind.RENDERER_KILLED, FaultKind.WASM_MEMORY, FaultKind.WINDOW_CLOSED, FaultKind.SOCKET_DROPPED),
)


def sources(folder: Path) -> list[ModelSource]:
    """Wrong numbers, a corrupt file, a file that isn't there, and an operator that no runtime has."""
    right = catalogue()[RIGHT].parts[0].path
    corrupt, foreign = folder / "corrupt.onnx", folder / "foreign.onnx"
    corrupt.write_bytes(right.read_bytes()[: right.stat().st_size // 2])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Nonesuch", ["x"], ["y"], domain="no.such")], "g", values[:1], values[1:]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("no.such", 1)]), foreign)
    return [
        ModelSource(name="wrong-numbers", type=ModelType.TEXT, path=right, tolerance=1e-30),
        ModelSource(name="corrupt", type=ModelType.TEXT, path=corrupt, reference=right),
        ModelSource(name="missing", type=ModelType.TEXT, path=folder / "missing.onnx", reference=right),
        ModelSource(name="foreign-operator", type=ModelType.TEXT, path=foreign, reference=right),
    ]


def planted(count: int, folder: Path) -> Iterator[TestSpec]:
    """So many tests that must fail."""
    faults = itertools.cycle(FAULTS)
    for number, (source, browser) in enumerate(
        itertools.islice(itertools.cycle(itertools.product(sources(folder), BROWSERS)), count)
    ):
        yield TestSpec(
            id=f"{browser.value}/{source.name}#{number}",
            browser=browser,
            model=source.name,
            model_type=source.type,
            platform=Platform.WASM,
            own_model=source,
            faults=(FaultSpec(kind=next(faults)),) if number % 10 in BROKEN else (),
        )


def run(count: int) -> tuple[list[Verdict], dict[str, CircuitMetrics]]:
    """Run them on a farm of their own; the verdicts, and the circuits as they stand then."""
    with tempfile.TemporaryDirectory(prefix="bw") as folder, Farm(BROWSERS) as farm:
        backend = Backend(settings().model_copy(update={"redis_url": farm.url}))
        header = BatchHeader(id="planted", name="planted", created_at=time.time(), allow=frozenset({"degraded"}))
        backend.store.publish(header, planted(count, Path(folder)))
        view = view_for(Console(stderr=True), "quiet")
        Waiting(backend, header.id, view, tend=farm.tend).until_finished(None)
        view.close()
        return list(backend.store.verdicts(header.id)), backend.registry.get_metrics()["circuits"]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("count", type=int)
    verdicts, circuits = run(arguments.parse_args().count)
    print(Counter(verdict.outcome.value for verdict in verdicts))
    for verdict in verdicts:
        if verdict.outcome != "failed":
            print(verdict.test, verdict.reason)
    print({name: (one["failures"], one["circuit_open_count"]) for name, one in circuits.items()})
