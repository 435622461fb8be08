"""How models of each family are run, unless a recovery adjusts it: how many inputs at a time, loaded how, kept where.

What suits which family is the original description's; what it gains is measured by tests/benchmarks/levers.py. (The
workgroups of audio's own kernel are in page_features.py.)
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from jobs.browsers.protocol import RunOptions
from jobs.models.catalogue import ModelEntry
from jobs.models.reference import model_inputs
from jobs.specs import Platform
from recovery import Adjustments
from recovery.kinds import ModelType


class Family(NamedTuple):
    """``batch``: inputs of one run, where the model takes several. ``tensors``: where they are kept on WebGPU."""

    batch: int
    tensors: Literal["cpu", "gpu"]


FAMILIES: Final = {
    # Latency first: one input at a time, and its answer straight back.
    ModelType.TEXT: Family(batch=1, tensors="cpu"),
    # Throughput: four images at a time, uploaded once, no copies between runs.
    ModelType.VISION: Family(batch=4, tensors="gpu"),
    ModelType.AUDIO: Family(batch=1, tensors="cpu"),
    # What a part hands on stays in GPU buffers, for the next one to read.
    ModelType.MULTIMODAL: Family(batch=1, tensors="gpu"),
}


# Bytes of all its files from which on a model's parts are fetched one after another: in parallel the page would hold
# them all at once, beside the sessions that are built of them.
LARGE: Final = 256 << 20


def open_batch(entry: ModelEntry) -> str | None:
    """The name of the dimension by which the model takes several inputs at a time; None: it takes one.

    Raises:
        ModelInvalid: the model can't be loaded.
    """
    if len(entry.parts) > 1:
        return None
    [part] = entry.parts
    names = {
        declared.shape[0] if declared.shape else None
        for path in (part.path, part.reference)
        for declared in model_inputs(path)
    }
    [name] = names if len(names) == 1 else {None}
    return name if isinstance(name, str) else None


def batch_for(entry: ModelEntry, adjustments: Adjustments) -> int:
    """How many inputs a run of this model gets.

    Raises:
        ModelInvalid: the model can't be loaded.
    """
    wanted = 1 if adjustments.small_batch else FAMILIES[entry.type].batch
    return wanted if wanted > 1 and open_batch(entry) else 1


def options_for(entry: ModelEntry, batch: int, platform: Platform) -> RunOptions:
    """How the page is to build the model's sessions and keep its tensors.

    Raises:
        ModelInvalid: the model can't be loaded.
        OSError: a file of it can't be read.
    """
    name = open_batch(entry)
    size = sum(file.stat().st_size for part in entry.parts for file in (part.path, *part.weights))
    return RunOptions(
        loading="progressive" if size > LARGE else "parallel",
        tensors=FAMILIES[entry.type].tensors if platform is Platform.WEBGPU else "cpu",
        # A size that is known spares the runtime to work it out in every run; WebNN knows no other.
        dimensions={} if name is None else {name: batch},
    )
