"""What a model should give: native onnxruntime on CPU, one thread. Also what a model file says of its own inputs."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from jobs.models.catalogue import ModelEntry, ModelPart
from jobs.models.digests import file_digest
from jobs.models.input_values import Tensor

# Results kept: so many, and so many bytes of outputs; a result beyond the bytes alone is not kept.
KEPT_RESULTS = 32
KEPT_BYTES = 64 * 1024 * 1024

_ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotFound,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)


class ModelInvalid(ValueError):
    """A file that native onnxruntime can't load, feed or run: the test's own failure, never the infrastructure's."""


@dataclass(frozen=True)
class ModelInput:
    """An input as the model file declares it."""

    name: str
    dtype: str
    """onnxruntime's word for it, such as ``tensor(float)``."""
    shape: tuple[int | str | None, ...]
    """A dimension is a number, a name, or unknown."""


@dataclass(frozen=True)
class NativeRun:
    """Native onnxruntime's outputs and times. The outputs are shared: they can't be written to."""

    outputs: Mapping[str, Tensor]
    load_ms: float
    compile_ms: float
    """The first run."""
    run_ms: tuple[float, ...]
    """The runs after the first."""


def native_run(model: ModelEntry | Path, inputs: Mapping[str, Tensor]) -> NativeRun:
    """The model's expected outputs: of an entry its references'. Kept, so that equal runs of this process are one.

    Raises:
        ModelInvalid: onnxruntime can't load a file, or can't run it with these inputs.
        OSError: a file can't be read.
    """
    parts = [part.model_copy(update={"path": part.reference}) for part in _parts(model)]
    key = (*((file_digest(part.path), repr(part.feeds)) for part in parts), _inputs_digest(inputs))
    if (kept := _results.get(key)) is not None:
        return kept
    run = _run(parts, inputs, runs=0)
    _results.put(key, run)
    return run


def measure_native(model: ModelEntry | Path, inputs: Mapping[str, Tensor], *, runs: int) -> NativeRun:
    """Load the model and run it ``1 + runs`` times, for its times as well: nothing is taken from, or kept for, another.

    Raises:
        ModelInvalid: onnxruntime can't load a file, or can't run it with these inputs.
    """
    return _run(_parts(model), inputs, runs=runs)


def _parts(model: ModelEntry | Path) -> Sequence[ModelPart]:
    return model.parts if isinstance(model, ModelEntry) else (ModelPart(name="model", path=model, reference=model),)


def _run(parts: Sequence[ModelPart], inputs: Mapping[str, Tensor], *, runs: int) -> NativeRun:
    started = time.perf_counter()
    chain = [(part, _load(part.path)) for part in parts]
    loaded = time.perf_counter()
    times = []
    for _ in range(1 + runs):
        before = time.perf_counter()
        outputs = _run_chain(chain, inputs)
        times.append((time.perf_counter() - before) * 1000)
    return NativeRun(outputs, (loaded - started) * 1000, times[0], tuple(times[1:]))


def _run_chain(
    chain: Sequence[tuple[ModelPart, onnxruntime.InferenceSession]], inputs: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """The last part's outputs."""
    given: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    fed = {source for part, _ in chain for source in part.feeds.values()}
    for part, session in chain:
        try:
            # A model of one part is fed all there is, so that a wrong name is told.
            names = [one.name for one in session.get_inputs()] if len(chain) > 1 else list(inputs)
            feeds = {
                name: given[part.feeds[name]] if name in part.feeds else _own(inputs, part, name) for name in names
            }
            values = session.run(None, feeds)
        except KeyError as error:
            raise ModelInvalid(f"{part.path}: nothing gives the input {error} of part {part.name}") from error
        except _ORT_ERRORS as error:
            raise ModelInvalid(f"{part.path} does not run on its inputs: {_one_line(error)}") from error
        names = [output.name for output in session.get_outputs()]
        outputs = {name: _tensor(part.path, name, value) for name, value in zip(names, values, strict=True)}
        given.update({f"{part.name}.{name}": value for name, value in outputs.items() if f"{part.name}.{name}" in fed})
    return outputs


def _own(inputs: Mapping[str, Tensor], part: ModelPart, name: str) -> Tensor:
    """A part's input: the one meant for this part, else the one for all."""
    specific = inputs.get(f"{part.name}.{name}")
    return inputs[name] if specific is None else specific


def model_inputs(path: Path) -> tuple[ModelInput, ...]:
    """The inputs that a model file declares.

    Raises:
        ModelInvalid: onnxruntime can't load the file.
        OSError: the file can't be read.
    """
    return _model_inputs(path, file_digest(path))


@lru_cache(maxsize=64)
def _model_inputs(path: Path, _digest: str) -> tuple[ModelInput, ...]:
    return tuple(ModelInput(item.name, item.type, tuple(item.shape)) for item in _load(path).get_inputs())


def _load(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _ORT_ERRORS as error:
        raise ModelInvalid(f"{path} is not a model that onnxruntime can load: {_one_line(error)}") from error


def _tensor(path: Path, name: str, value: object) -> Tensor:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        raise ModelInvalid(f"{path}: output {name} is not a tensor of numbers, it can't be compared")
    value.flags.writeable = False
    return value


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"


def _inputs_digest(inputs: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(inputs):
        tensor = np.ascontiguousarray(inputs[name])
        digest.update(f"{name} {tensor.dtype} {tensor.shape} ".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


class _Results:
    """The most recent results, bounded in number and in bytes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[Hashable, NativeRun] = OrderedDict()

    def get(self, key: Hashable) -> NativeRun | None:
        with self._lock:
            if key in self._runs:
                self._runs.move_to_end(key)
            return self._runs.get(key)

    def put(self, key: Hashable, run: NativeRun) -> None:
        with self._lock:
            self._runs[key] = run
            while len(self._runs) > KEPT_RESULTS or self._bytes() > KEPT_BYTES:
                self._runs.popitem(last=False)

    def _bytes(self) -> int:
        return sum(output.nbytes for run in self._runs.values() for output in run.outputs.values())


_results = _Results()
