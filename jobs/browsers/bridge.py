"""BrowserAutomationBridge: one browser for whoever writes async Python and wants no farm, with circuits and recovery.

A face only: sessions, running and checking are those that the farm's workers use; the work is done in a thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from breakers import CircuitBreaker, CircuitBreakerRegistry, CircuitOpenError, StoreUnavailable
from jobs.browsers.failures import TestFailure
from jobs.browsers.finding import installed_browsers
from jobs.browsers.given_inputs import GivenInputs, inputs_of
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test, simulate_test
from jobs.circuits import PROBE_SECONDS, farm_circuits
from jobs.connections import connect
from jobs.model_sources import is_hub_name, look_up
from jobs.models.catalogue import built_in_name, catalogue
from jobs.models.unavailable import ModelUnknown
from jobs.settings import settings
from jobs.specs import Measurement, ModelSource, Platform, TestSpec
from recovery import (
    Adjustments,
    BrowserFailure,
    BrowserType,
    ModelType,
    RecoveryTrail,
    detect_browser_type,
)

log = logging.getLogger("breakwater.bridge")

# The model that a precompiling launch runs once: the quickest of the built-in ones.
_FIRST_MODEL = "bert-base-uncased"

Work = TypeVar("Work")


class BridgeResult(BaseModel):
    """A test that passed: what was asked, what really ran it, and what it measured."""

    model_config = ConfigDict(frozen=True)

    model: str
    platform: Platform = Field(description="as asked; what really ran is measurement.backend")
    asked_browser: BrowserType
    browser: BrowserType | None = Field(description="the browser that ran it; None: simulated")
    degraded: bool = Field(description="another browser or backend than asked")
    simulated: bool = Field(description="no browser at all: native onnxruntime")
    recovered: bool = Field(description="only after a failure of the infrastructure")
    measurement: Measurement


class BrowserAutomationBridge:
    """One browser, launched, used and closed. May be handed to ``recover_browser`` and its strategies.

    One thing at a time: calls wait for each other. Works on asyncio and on trio. Once closed, it does nothing until it
    is launched again.
    """

    def __init__(
        self,
        platform: str = "webgpu",
        browser_name: str = "chrome",
        *,
        headless: bool = True,
        compute_shaders: bool = True,
        precompile_shaders: bool = False,
        timeout: float = 60.0,
    ) -> None:
        """Describe the browser; ``launch`` starts it, else the first test does.

        Args:
            platform: ``webgpu``, ``webnn`` or ``wasm``.
            browser_name: as people call it: ``chrome``, ``Firefox``, ``msedge``.
            headless: without a window.
            compute_shaders: WebGPU inference is made of them, so they can't be switched off there.
            precompile_shaders: ``launch`` also loads onnxruntime and opens the device, by running a small model once.
            timeout: seconds that one test may take, 3600 at most.

        Raises:
            ValueError: an argument can't be; the message says which, and what is allowed.
        """
        self.asked_browser = detect_browser_type(browser_name)
        if platform not in list(Platform):
            raise ValueError(f"unknown platform {platform!r}; allowed: {', '.join(Platform)}")
        self.platform = Platform(platform)
        if self.platform is Platform.WEBGPU and not compute_shaders:
            raise ValueError("compute_shaders=False: there is no WebGPU inference without; use platform='wasm'")
        if not (isinstance(timeout, int | float) and 0 < timeout <= 3600):
            raise ValueError(f"timeout={timeout!r}: must be above 0 and at most 3600 seconds")
        self._config = settings().model_copy(update={"headless": headless})
        self._precompile = precompile_shaders
        self._timeout = timeout
        self._pool = SessionPool(self._config)
        self._registry = _registry()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._closed = False
        self._usable: tuple[BrowserType, ...] | None = None
        self._of_hub: dict[str, ModelSource] = {}

        self.browser: BrowserType | None = self.asked_browser
        self.model_type = ModelType.TEXT  # until the first model is known
        self.simulation_allowed = False
        self.adjustments = Adjustments()
        self.trail = RecoveryTrail()
        self.launch_failure: Exception | None = None
        """Why the last ``launch`` returned False, or fell back to simulation."""

    # What users call

    async def launch(self, allow_simulation: bool = False) -> bool:
        """Start the browser as asked, and load the harness page; False: that failed, see ``launch_failure``.

        With ``allow_simulation`` a browser that can't be launched, or whose circuit is open, is replaced by native
        onnxruntime: True, and every result says ``simulated``.
        """
        self.simulation_allowed = allow_simulation
        self.launch_failure = None
        self.browser, self.adjustments = self.asked_browser, Adjustments()
        self.trail.passed()
        try:
            await self._in_thread(self._launch)
        except (BrowserFailure, CircuitOpenError) as error:
            self.launch_failure = error
            log.warning("%s was not launched: %s", self.asked_browser.value, error)
            if not allow_simulation:
                return False
            await self.simulate()
        return True

    async def run_test(self, model_name: str | ModelSource, input_data: GivenInputs | None = None) -> BridgeResult:
        """Run a model and compare its outputs with native onnxruntime.

        Args:
            model_name: a built-in model, with or without its hub's owner (``openai/whisper-tiny``); any other name of
                the hub (``owner/name``); or a model file.
            input_data: the model's input tensors by name; or a text, from which inputs of the model's kind are
                generated (the same for the same text; the built-in models are small twins without a tokenizer).

        Raises:
            TestFailure: wrong numbers, an unknown model, inputs that don't fit, a closed bridge. Nothing recovers it.
            BrowserFailure: the infrastructure failed; ``recover_browser`` may bring the bridge back.
            ModelUnavailable: a model of the hub can't be fetched now.
            CircuitOpenError: the browser's or the model type's circuit lets no call through now.
        """
        spec = await self._while_open(lambda: self._spec(model_name))
        self.model_type = spec.model_type or self.model_type
        return await self._while_open(lambda: self._run(spec, input_data))

    async def close(self) -> None:
        """End browser, driver and page server. May be called twice."""
        with anyio.CancelScope(shield=True):
            await self._in_thread(self._close)

    # What recovery calls: the protocol of recovery.RecoverableBridge

    @property
    def usable_browsers(self) -> Sequence[BrowserType]:
        """Browsers that are installed here and whose circuit lets calls through."""
        return self._usable if self._usable is not None else self._look_for_usable()

    @staticmethod
    def now() -> float:
        """Unix time, in seconds."""
        return time.time()

    async def renew(self, after: float) -> None:
        """Level 1: the same browser process, a fresh page, ``after`` seconds from now."""
        await anyio.sleep(after)
        await self._while_open(self._pool.renew)

    async def restart(self, adjustments: Adjustments) -> None:
        """Levels 2 and 3: a new process of the same browser, with these settings."""
        self.adjustments = adjustments
        await self._while_open(self._relaunch)

    async def switch_browser(self, browser: BrowserType) -> None:
        """Level 4: a process of another browser."""
        self.browser, self.adjustments = browser, self.adjustments.in_another_browser()
        await self._while_open(self._relaunch)

    async def simulate(self) -> None:
        """Level 5: no browser from now on."""
        self.browser = None
        await self._while_open(self._pool.restart)

    # The work, in a thread

    async def _in_thread(self, work: Callable[[], Work]) -> Work:
        def alone() -> Work:
            with self._lock:
                return work()

        try:
            return await anyio.to_thread.run_sync(alone, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            self._stop.set()  # a test that nobody waits for ends within a moment, and the next call begins after it
            raise

    async def _while_open(self, work: Callable[[], Work]) -> Work:
        def unless_closed() -> Work:
            if self._closed:
                raise TestFailure("the bridge is closed: launch it again before it is used")
            return work()

        return await self._in_thread(unless_closed)

    def _close(self) -> None:
        self._closed = True
        self._pool.close()

    def _launch(self) -> None:
        self._closed = False
        with self._registry.guard(f"browser:{self.asked_browser.value}", counted=(BrowserFailure,)):
            self._pool.session_for(self.asked_browser, self.adjustments)
        if self._precompile:
            try:
                run_test(self._spec(_FIRST_MODEL), 1, self.asked_browser, self.adjustments, self._pool, lambda: False)
            except (TestFailure, BrowserFailure) as error:
                log.info("nothing was precompiled, the first test will tell why: %s", error)

    def _relaunch(self) -> None:
        self._pool.restart()
        if self.browser is not None:
            self._pool.session_for(self.browser, self.adjustments)

    def _run(self, spec: TestSpec, input_data: GivenInputs | None) -> BridgeResult:
        browser, adjustments = self.browser, self.adjustments
        self._stop = stop = threading.Event()
        names = (f"browser:{browser.value}", f"task:{spec.task_type}") if browser else ("task:simulation",)
        inputs = None if input_data is None else inputs_of(spec, input_data)
        try:
            longest = max(PROBE_SECONDS, 2 * spec.timeout)
            with self._registry.guard(*names, counted=(BrowserFailure,), probe_seconds=longest):
                if browser is None:
                    measurement = simulate_test(spec, inputs)
                else:
                    measurement = run_test(spec, 1, browser, adjustments, self._pool, stop.is_set, inputs)
        except BrowserFailure:
            self._usable = self._look_for_usable()
            raise
        self._note_recovery(browser)
        result = BridgeResult(
            model=spec.model or "", platform=self.platform, asked_browser=self.asked_browser, browser=browser,
            degraded=spec.is_degraded(browser, adjustments), simulated=browser is None,
            recovered=bool(self.trail.records), measurement=measurement,
        )  # fmt: skip
        self.trail.passed()
        return result

    def _note_recovery(self, browser: BrowserType | None) -> None:
        """What led to this success goes into the circuit's history."""
        action = self.trail.led_by
        if action is None or action.level is None or browser is None:
            return
        try:
            self._registry.record_recovery(
                f"browser:{browser.value}", method=action.strategy or "", browser=browser.value, level=int(action.level)
            )
        except StoreUnavailable as error:
            log.info("a recovery was not recorded: %s", error)

    def _look_for_usable(self) -> tuple[BrowserType, ...]:
        here = installed_browsers(self._config)
        try:
            circuits = self._registry.states(*(f"browser:{browser.value}" for browser in here))
        except StoreUnavailable:
            return here
        return tuple(browser for browser in here if not circuits[f"browser:{browser.value}"].retry_after)

    def _spec(self, model: str | ModelSource) -> TestSpec:
        """The test that the farm would make of it."""
        if not isinstance(model, str | ModelSource):
            raise TestFailure(f"model_name is {type(model).__name__}: give the name of a model, or a ModelSource")
        if isinstance(model, ModelSource):
            name, kind, own = model.name, model.type, model
        else:
            name, own = built_in_name(model.rpartition("/")[2]), None
            if name in catalogue():
                kind = catalogue()[name].type
            else:
                own = self._hubs_model(model)
                name, kind = own.name, own.type
        return TestSpec(
            id="bridge", browser=self.asked_browser, model=name, model_type=kind, platform=self.platform,
            timeout=self._timeout, own_model=own,
        )  # fmt: skip

    def _hubs_model(self, name: str) -> ModelSource:
        """Looked up once: every test of this bridge runs the same bytes."""
        if name not in self._of_hub:
            if not is_hub_name(name):
                raise TestFailure(
                    f"unknown model {name!r}: use one of {', '.join(catalogue())}, a name of the hub (owner/name), "
                    "or a ModelSource"
                )
            try:
                self._of_hub[name] = look_up(name)
            except ModelUnknown as error:
                raise TestFailure(str(error)) from error
        return self._of_hub[name]


def create_browser_circuit_breaker(browser_name: str) -> CircuitBreaker:
    """The circuit that every bridge and worker of this browser shares.

    Raises:
        ValueError: no browser is called so.
    """
    return _registry().get(f"browser:{detect_browser_type(browser_name).value}", counted=(BrowserFailure,))


def _registry() -> CircuitBreakerRegistry:
    config = settings()
    return farm_circuits(connect(config.redis_url), config)
