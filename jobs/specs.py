"""What a test is, what a run of it gave, and the one verdict it ends with. These models cross Redis as JSON."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from recovery import Adjustments, AttemptRecord
from recovery.kinds import BrowserType, ModelType


class TestKind(StrEnum):
    """What a test runs: a model in our harness, or a function of the user's own."""

    __test__ = False

    MODEL = "model"
    PYTHON = "python"


class Isolation(StrEnum):
    """What a test shares with the tests before it: the browser's profile, its process, or nothing."""

    SESSION = "session"
    CONTEXT = "context"
    BROWSER = "browser"


TEST_ID = r"^[A-Za-z0-9._/#-]{1,200}$"


class Platform(StrEnum):
    """The execution provider that a test asks for."""

    WEBGPU = "webgpu"
    WEBNN = "webnn"
    WASM = "wasm"


class FaultKind(StrEnum):
    """Faults that can be injected for real; docs/faults.md says what each does, jobs/browsers/faults.py how."""

    # While the browser is started.
    BINARY_MISSING = "binary_missing"
    BINARY_BROKEN = "binary_broken"
    DRIVER_MISSING = "driver_missing"
    DRIVER_BROKEN = "driver_broken"
    DRIVER_WRONG = "driver_wrong"
    DISK_FULL = "disk_full"
    NO_ADAPTER = "no_adapter"
    API_MISSING = "api_missing"

    # While the page waits for its model.
    BROWSER_KILLED = "browser_killed"
    RENDERER_KILLED = "renderer_killed"
    GPU_PROCESS_KILLED = "gpu_process_killed"
    DRIVER_KILLED = "driver_killed"
    BROWSER_STOPPED = "browser_stopped"
    RENDERER_STOPPED = "renderer_stopped"
    GPU_PROCESS_STOPPED = "gpu_process_stopped"
    DRIVER_STOPPED = "driver_stopped"
    WINDOW_CLOSED = "window_closed"
    SOCKET_DROPPED = "socket_dropped"
    PAGE_HUNG = "page_hung"
    PAGE_GARBLED = "page_garbled"
    PAGE_MEMORY = "page_memory"
    WASM_MEMORY = "wasm_memory"
    DEVICE_LOST = "device_lost"
    ASSET_STALLED = "asset_stalled"
    ASSET_SLOW = "asset_slow"
    WEBNN_OPERATORS = "webnn_operators"


# Faults of our own page, of its link and of what models need: users' own tests have other pages.
FAULTS_OF_MODELS = frozenset(
    {
        *(FaultKind.NO_ADAPTER, FaultKind.API_MISSING, FaultKind.DEVICE_LOST),
        *(FaultKind.GPU_PROCESS_KILLED, FaultKind.GPU_PROCESS_STOPPED),
        *(FaultKind.WINDOW_CLOSED, FaultKind.SOCKET_DROPPED, FaultKind.PAGE_HUNG, FaultKind.PAGE_GARBLED),
        *(FaultKind.PAGE_MEMORY, FaultKind.WASM_MEMORY, FaultKind.ASSET_STALLED),
        *(FaultKind.ASSET_SLOW, FaultKind.WEBNN_OPERATORS),
    }
)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultSpec(_Value):
    """A fault to inject into some attempts of a test."""

    kind: FaultKind
    attempts: tuple[int, ...] | None = Field(default=(1,), description="attempt numbers; null: every attempt")
    browser: BrowserType | None = Field(default=None, description="only on this browser; null: on any")

    def hits(self, attempt: int, browser: BrowserType) -> bool:
        """Whether the fault is injected into this attempt."""
        return (self.attempts is None or attempt in self.attempts) and self.browser in (None, browser)


# No part of a path begins with a dot: no way out of the repository's folder.
_FILE = r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
_REPOSITORY = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$"


class SourcePart(_Value):
    """One ONNX file of a model in a repository of the hub. An input comes from an earlier part by ``feeds``."""

    name: str = Field(default="model", pattern=r"^[A-Za-z0-9_-]{1,100}$")
    file: str = Field(pattern=_FILE, max_length=200, description="in the repository")
    feeds: dict[str, str] = Field(default_factory=dict, description="input → part.output")


class ModelSource(_Value):
    """A model that a batch brings along: a file that the worker reads, an address, or a repository of the hub."""

    name: str = Field(pattern=r"^[A-Za-z0-9._/-]{1,100}$", description="becomes a part of test ids")
    type: ModelType
    path: Path | None = None
    url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$", max_length=1000)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="of what the url gives")
    hub: str | None = Field(default=None, pattern=_REPOSITORY, description="owner/name")
    revision: str = Field(default="main", pattern=r"^[A-Za-z0-9._/-]{1,100}$", description="of the repository")
    parts: tuple[SourcePart, ...] = Field(
        default=(SourcePart(file="onnx/model.onnx"),), min_length=1, max_length=8, description="of the repository"
    )
    reference: Path | None = Field(
        default=None, description="the model that gives the expected outputs; null: the model itself"
    )
    tolerance: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="largest absolute error; null: per backend"
    )

    @model_validator(mode="after")
    def _has_one_place(self) -> ModelSource:
        given = [key for key in ("path", "url", "hub") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"must have one of path, url and hub; it has {' and '.join(given) or 'none'}")
        for key, only in (("sha256", "url"), ("revision", "hub"), ("parts", "hub")):
            if key in self.model_fields_set and only not in given:
                raise ValueError(f"{key} goes with {only}, not with {given[0]}")
        if self.reference is not None and len(self.parts) > 1:
            raise ValueError("a model of several parts is its own reference; leave reference out")
        return self


class PythonTest(_Value):
    """A user's own test: a function ``(driver, context)`` in a module that the worker's settings allow."""

    function: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z][A-Za-z0-9_]*$",
        max_length=200,
        description="module:function",
    )
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="the worker validates them")
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$", max_length=1000)


class TestSpec(_Value):
    """One test of a batch: a model on a platform in a browser, or a user's own function in a browser."""

    __test__ = False

    id: str = Field(pattern=TEST_ID)
    browser: BrowserType
    kind: TestKind = TestKind.MODEL
    model: str | None = Field(default=None, description="null: the test runs no model")
    model_type: ModelType | None = None
    platform: Platform | None = None
    python: PythonTest | None = Field(default=None, description="what a test of kind python runs")
    isolation: Isolation = Isolation.SESSION
    timeout: float = Field(default=60.0, gt=0, le=3600, description="seconds that one attempt may take")
    own_model: ModelSource | None = None
    faults: tuple[FaultSpec, ...] = ()
    simulate: bool = Field(default=False, description="no browser at all, from the first attempt on")
    signature: str | None = Field(default=None, description="its publisher's, where the farm signs (jobs/signing.py)")

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Self:
        of_model = (self.model, self.model_type, self.platform)
        if self.kind is TestKind.MODEL and (None in of_model or self.python is not None):
            raise ValueError("a test of a model needs model, model_type and platform, and has no python")
        if self.kind is TestKind.PYTHON and (self.python is None or any(of_model) or self.simulate):
            raise ValueError("a test of kind python needs python, has no model, and can't be simulated")
        return self

    @property
    def task_type(self) -> str:
        """What the task circuit is named after: the model's type, or ``python``."""
        return self.model_type.value if self.model_type else self.kind.value

    def backend(self, adjustments: Adjustments) -> Platform | None:
        """What its model runs on with these settings: as asked, unless a recovery left WebGPU for wasm."""
        left = adjustments.other_backend and self.platform is Platform.WEBGPU
        return Platform.WASM if left else self.platform

    def is_degraded(self, browser: BrowserType | None, adjustments: Adjustments) -> bool:
        """Whether a run is in another browser than asked, or on another backend. A simulation is neither."""
        ran, asked = (browser, self.backend(adjustments)), (self.browser, self.platform)
        return browser is not None and ran != asked


class AdapterInfo(_Value):
    """The GPU adapter that ran the test, as the page saw it."""

    vendor: str
    architecture: str
    device: str = ""
    description: str = ""
    software: bool


class Measurement(_Value):
    """What a run that ended gave: times in milliseconds, errors absolute."""

    backend: Platform | Literal["native"] = Field(description="what really ran")
    browser_version: str | None
    adapter: AdapterInfo | None
    weights: Literal["tiny", "file", "hub"] = Field(description="tiny: a small random-weight twin of the named model")
    load_ms: float
    features_ms: float | None = Field(default=None, description="the page's own log-mel kernel; null: it made none")
    compile_ms: float = Field(description="the first run, shader or kernel compilation included")
    run_ms_p50: float
    run_ms_p95: float
    runs: int
    batch: int = Field(default=1, ge=1, description="inputs of one run")
    max_abs_error: float
    tolerance: float


class OwnRun(_Value):
    """What a run of a user's own function gave."""

    browser_version: str
    isolation: Isolation
    error: str | None = Field(default=None, description="class of the exception that failed the test")
    location: str | None = Field(default=None, description="file:line in the user's own code that raised it")
    details: str = Field(default="", description="the exception and the lines of the user's own that led to it")


class Outcome(StrEnum):
    """How a test ended. ``failed`` is the test's own doing, ``error`` the infrastructure's."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    CANCELLED = "cancelled"


class Verdict(_Value):
    """A test's one final result."""

    test: str
    outcome: Outcome
    reason: str = ""
    asked_browser: BrowserType
    browser: BrowserType | None = Field(description="the browser that gave the result; null: none did")
    kind: TestKind = TestKind.MODEL
    model: str | None
    model_type: ModelType | None
    platform: Platform | None
    function: str | None = Field(default=None, description="module:function, of kind python")
    degraded: bool = Field(description="another browser or backend than asked")
    simulated: bool = Field(description="no browser at all: native onnxruntime")
    recovered: bool = Field(description="passed, but only after a failure of the infrastructure")
    measurement: Measurement | None
    own: OwnRun | None = Field(default=None, description="of kind python, once it ran to an end")
    attempts: tuple[AttemptRecord, ...]
    seconds: float = Field(description="from the first claim to the verdict")

    @property
    def ran_on(self) -> str:
        """What gave the result: a browser, with its backend where that is another one than asked."""
        if self.browser is None:
            return "native onnxruntime" if self.simulated else "nothing"
        backend = self.platform if self.measurement is None else self.measurement.backend
        return self.browser.value if backend == self.platform else f"{self.browser.value} on {backend}"

    @property
    def subject(self) -> str:
        """What was run: the model's name, or the function's."""
        return self.model or self.function or ""

    @property
    def task_type(self) -> str:
        """The model's type, or ``python``."""
        return self.model_type.value if self.model_type else self.kind.value
