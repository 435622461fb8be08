"""The messages between Python and the page: JSON, one object a WebSocket text frame, told apart by ``type``.

Only beats come another way, by POST: see page_assets.Beats.
These models are the schema: ``python -m jobs.page.generate`` writes the TypeScript types from them. Nothing here sends.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from jobs.browsers.tensors import Tensor
from jobs.specs import AdapterInfo, Platform
from recovery.kinds import PageEvent

VERSION: Final = 1
# Characters. What a page may write into one text field; the harness cuts before, the server refuses beyond.
MAX_TEXT: Final = 4_000
MAX_TENSORS: Final = 64
MAX_RUNS: Final = 1_000
# ONNX files of one model, and files of weights beside one of them.
MAX_PARTS: Final = 8
MAX_WEIGHT_FILES: Final = 64

Text = Annotated[str, Field(max_length=MAX_TEXT)]
RunId = Annotated[str, Field(min_length=1, max_length=100)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Url = Annotated[str, Field(min_length=1, max_length=2_000, description="on the page's own server")]


class PagePhase(StrEnum):
    """What the page's main thread announced it would do next, before it does."""

    IDLE = "idle"
    START = "start"
    """starting onnxruntime; may block for long"""
    LOAD = "load"
    """fetching the model; the thread stays free"""
    CREATE = "create"
    """building the inference session; may block for long"""
    COMPILE = "compile"
    """the first run, with shader or kernel compilation; may block for long"""
    RUN = "run"
    """further runs; blocks for as long as one run takes"""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


# --- Python to page -------------------------------------------------------------------------------------------------


class _ToPage(_Part):
    model_config = ConfigDict(strict=False)

    v: Literal[1] = VERSION


class RunOptions(_Part):
    """How the inference session is built."""

    webnn_device: Literal["cpu", "gpu", "npu"] = "cpu"
    loading: Literal["parallel", "progressive"] = Field(
        default="parallel", description="progressive: a part's file is fetched when the part before is built"
    )
    tensors: Literal["cpu", "gpu"] = Field(
        default="cpu", description="gpu: on WebGPU, inputs and what parts hand on stay in GPU buffers"
    )
    dimensions: dict[Annotated[str, Field(max_length=100)], Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, max_length=8, description="sizes of dimensions that the model leaves open, by name"
    )


class WeightFile(_Part):
    """A file of weights beside an ONNX file (its external data)."""

    path: str = Field(min_length=1, max_length=500, description="as the ONNX file names it")
    url: Url


class ModelPart(_Part):
    """One ONNX file of a model. An input comes from an earlier part by ``feeds``, else from the run's inputs: the one
    named ``part.input`` before the one named ``input``.
    """

    name: str = Field(min_length=1, max_length=100)
    url: Url
    weights: tuple[WeightFile, ...] = Field(default=(), max_length=MAX_WEIGHT_FILES)
    feeds: dict[str, str] = Field(default_factory=dict, description="input → part.output")


class LogMel(_Part):
    """An input that the page makes itself, by a compute shader: the log-mel spectrogram of a sound. WebGPU only."""

    input: str = Field(min_length=1, max_length=100)
    samples: Tensor = Field(description="float32, mono at 16 kHz; silence follows")
    filters: Tensor = Field(description="float32 [bands, 201]")
    frames: int = Field(ge=1, le=100_000, description="of 10 ms each")
    workgroup: tuple[int, int, int] = Field(description="threads of one workgroup; at most 256 in all")


class Run(_ToPage):
    """Run a model: fresh inference sessions, one first run, ``warmup`` runs unmeasured, ``runs`` measured ones.

    The outputs are the last part's.
    """

    type: Literal["run"] = "run"
    id: RunId
    parts: tuple[ModelPart, ...] = Field(min_length=1, max_length=MAX_PARTS)
    platform: Platform
    inputs: tuple[Tensor, ...] = Field(max_length=MAX_TENSORS)
    log_mel: LogMel | None = None
    warmup: int = Field(default=0, ge=0, le=MAX_RUNS)
    runs: int = Field(default=1, ge=1, le=MAX_RUNS)
    options: RunOptions = RunOptions()


class Fault(_ToPage):
    """Break something in the page, for real; whatever comes of it happens to the run that is under way."""

    type: Literal["fault"] = "fault"
    kind: Literal["hang", "exhaust_heap", "exhaust_wasm", "lose_device", "lose_webnn_operators", "garble"] = Field(
        description="an endless loop; hoard objects; hoard wasm memories; destroy the GPU device; take WebNN's "
        "operators away; break the protocol"
    )
    phase: PagePhase | None = Field(default=None, description="a hang's: strike when it is entered; null: at once")


class Probe(_ToPage):
    """Ask for the page's capabilities."""

    type: Literal["probe"] = "probe"
    id: RunId


ToPage = Annotated[Run | Fault | Probe, Field(discriminator="type")]

# --- Page to Python -------------------------------------------------------------------------------------------------


class _FromPage(_Part):
    v: Literal[1]


class Hello(_FromPage):
    """The first message of every connection."""

    type: Literal["hello"] = "hello"
    page: str = Field(
        min_length=1, max_length=100, description="random, one a page load: tells a reload from a reconnect"
    )
    user_agent: str = Field(max_length=1_000)
    cross_origin_isolated: bool
    boot_ms: Milliseconds = Field(description="from the start of navigation to the harness being ready")


class Beat(_FromPage):
    """Sent by the page's worker every 250 ms, whatever the main thread does, and soon after the phase changes."""

    type: Literal["beat"] = "beat"
    page: str = Field(min_length=1, max_length=100, description="as in its hello")
    pulse_ms: Milliseconds = Field(description="since the main thread last answered the worker")
    phase: PagePhase
    phase_ms: Milliseconds = Field(description="since the main thread announced the phase")
    wait_ms: Milliseconds | None = Field(
        default=None, description="without a byte of what the page waits for; null: it waited for none when last alive"
    )
    work_ms: Milliseconds | None = Field(
        default=None, description="since the page was last seen at work: alive, or writing to wasm memory; null: unseen"
    )


class Progress(_FromPage):
    """How far a run is: bytes while loading, runs while running. ``total`` is null where unknown."""

    type: Literal["progress"] = "progress"
    id: RunId
    phase: PagePhase
    done: Count
    total: Count | None


class Result(_FromPage):
    """A run that ended well. Times are in milliseconds."""

    type: Literal["result"] = "result"
    id: RunId
    backend: Platform
    adapter: AdapterInfo | None = Field(description="null: not a GPU platform")
    kernels: Count | None = Field(description="GPU dispatches of the first run, or WebNN graph calls; null: wasm")
    threads: int | None = Field(ge=1, description="threads of the wasm module")
    runtime_ms: Milliseconds = Field(description="loading onnxruntime and the device; about 0 in a warm page")
    load_ms: Milliseconds = Field(description="fetching the model and building the inference session")
    features_ms: Milliseconds | None = Field(description="the log-mel spectrogram; null: none was asked for")
    compile_ms: Milliseconds = Field(description="the first run")
    run_ms: tuple[Milliseconds, ...] = Field(max_length=MAX_RUNS)
    outputs: tuple[Tensor, ...] = Field(max_length=MAX_TENSORS)


class PageError(_FromPage):
    """A run or a probe that failed."""

    type: Literal["error"] = "error"
    id: RunId
    kind: PageEvent
    phase: PagePhase
    message: Text
    stack: Text = ""


class Log(_FromPage):
    """console.error, console.warn, an uncaught error or an unhandled rejection of the page."""

    type: Literal["log"] = "log"
    level: Literal["error", "warning"]
    source: Literal["console", "page"]
    text: Text


class GpuCapability(_Part):
    """The adapter that the browser gives; ``missing`` says why there is none."""

    adapter: AdapterInfo | None
    features: tuple[Annotated[str, Field(max_length=100)], ...] = Field(default=(), max_length=200)
    limits: dict[Annotated[str, Field(max_length=100)], Count] = Field(default_factory=dict, max_length=200)
    missing: Text = ""


class OperandLimits(_Part):
    """What a WebNN operator takes as one of its operands, or gives."""

    data_types: tuple[Annotated[str, Field(max_length=30)], ...] = Field(max_length=30)
    min_rank: Count | None = Field(default=None, description="null: it doesn't tell")
    max_rank: Count | None = None


class WebNNContext(_Part):
    """A context that could be made: for which device type, and what its operators take (``opSupportLimits``)."""

    device: Literal["cpu", "gpu", "npu"]
    max_tensor_bytes: Count | None = Field(description="null: it doesn't tell")
    operators: dict[
        Annotated[str, Field(max_length=100)], dict[Annotated[str, Field(max_length=100)], OperandLimits]
    ] = Field(max_length=300)


class WebNNCapability(_Part):
    """The contexts that WebNN gives, and why it gives none for the other device types."""

    contexts: tuple[WebNNContext, ...] = Field(default=(), max_length=3)
    missing: Text = ""

    @property
    def devices(self) -> tuple[str, ...]:
        """The device types that have a context."""
        return tuple(context.device for context in self.contexts)


class Capabilities(_FromPage):
    """The answer to a probe."""

    type: Literal["capabilities"] = "capabilities"
    id: RunId
    user_agent: str = Field(max_length=1_000)
    webgpu: GpuCapability
    webnn: WebNNCapability
    wasm_simd: bool
    wasm_threads: bool
    cross_origin_isolated: bool
    cores: int | None = Field(ge=1)
    device_memory_gb: float | None = Field(ge=0, description="as the browser tells, rounded and capped by it")
    heap_limit_bytes: Count | None = Field(default=None, description="of JavaScript's heap; null: it doesn't tell")


FromPage = Annotated[
    Hello | Progress | Result | PageError | Log | Capabilities,
    Field(discriminator="type"),
]

from_page: Final[TypeAdapter[Hello | Progress | Result | PageError | Log | Capabilities]] = TypeAdapter(FromPage)
