"""Run one test: make its inputs, run the model in the browser (or natively), compare with native onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jobs.browsers.failures import TestFailure
from jobs.browsers.faults import faults_of
from jobs.browsers.faults_run import RunFaults
from jobs.browsers.isolation import own_harness
from jobs.browsers.model_options import batch_for, options_for
from jobs.browsers.page_features import log_mel_for
from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import ModelPart, Run, RunOptions, WeightFile
from jobs.browsers.tensors import Tensor
from jobs.models.catalogue import ModelEntry, ModelFileMissing, UnknownModel, entry_for
from jobs.models.compare import compare
from jobs.models.inputs import make_batch
from jobs.models.reference import ModelInvalid, measure_native, native_run
from jobs.models.unavailable import ModelUnknown
from jobs.specs import AdapterInfo, Measurement, Platform, TestSpec
from recovery import Adjustments, BrowserType

# Measured runs after the first one. Few: most users ask whether it works; `Measurement.runs` says how many they are.
RUNS = 3

_Tensors = Mapping[str, NDArray[np.generic]]

# What says that the test itself can't be run: it is not the infrastructure's fault.
_UNRUNNABLE = (UnknownModel, ModelUnknown, ModelFileMissing, ModelInvalid, OSError)


def run_test(
    spec: TestSpec,
    attempt: int,
    browser: BrowserType,
    adjustments: Adjustments,
    pool: SessionPool,
    should_stop: Callable[[], bool],
    inputs: _Tensors | None = None,
) -> Measurement:
    """Run the test in a warm session and check its numbers. ``inputs``: instead of those that the model's entry makes.

    Raises:
        TestFailure: wrong numbers, or a model that can't be run.
        BrowserFailure: the infrastructure failed.
        AttemptAborted: ``should_stop`` said so.
    """
    ready = _prepare(spec, inputs, adjustments)
    entry, made_here = ready.entry, inputs is None
    log_mel = log_mel_for(entry, browser) if ready.platform is Platform.WEBGPU and made_here else None
    faults = faults_of(spec, attempt, browser)
    made = log_mel.input if log_mel else None
    tensors = tuple(Tensor.from_array(name, array) for name, array in ready.inputs.items() if name != made)
    with (
        pool.isolated(
            browser, adjustments, faults, spec.isolation, model_type=spec.model_type, platform=ready.platform
        ) as session,
        own_harness(session, spec.isolation),
    ):
        parts = tuple(
            ModelPart(
                name=part.name,
                url=session.link.offer(part.path),
                weights=tuple(WeightFile(path=file.name, url=session.link.offer(file)) for file in part.weights),
                feeds=dict(part.feeds),
            )
            for part in entry.parts
        )

        def command(name: str) -> Run:
            return Run(
                id=name, parts=parts, platform=ready.platform, inputs=tensors, log_mel=log_mel, runs=RUNS,
                options=ready.options,
            )  # fmt: skip

        broken = RunFaults(faults, session, spec.timeout)

        def look() -> bool:
            broken.look()
            return should_stop()

        try:
            result = session.run_model(command, spec.timeout * adjustments.time_factor, look)
            outputs = {tensor.name: tensor.to_array() for tensor in result.outputs}
            ran = _Ran(
                result.backend, session.version, result.adapter, result.load_ms, result.features_ms, result.compile_ms,
                result.run_ms, ready.batch, outputs,
            )  # fmt: skip
            return _checked(entry, ran, ready.expected)
        except TestFailure:
            session.attach_findings()  # while the test's own page is there to be drawn
            raise
        finally:
            pool.struck_at = broken.struck_at or pool.struck_at
            session.withdraw_offers()


def simulate_test(spec: TestSpec, inputs: _Tensors | None = None) -> Measurement:
    """Run the model natively instead of in a browser. The measurement names no browser, and says ``native``.

    Raises:
        TestFailure: wrong numbers, or a model that can't be run.
    """
    ready = _prepare(spec, inputs, Adjustments())
    try:
        run = measure_native(ready.entry, ready.inputs, runs=RUNS)
    except _UNRUNNABLE as error:
        raise TestFailure(str(error)) from error
    ran = _Ran("native", None, None, run.load_ms, None, run.compile_ms, run.run_ms, ready.batch, run.outputs)
    return _checked(ready.entry, ran, ready.expected)


@dataclass(frozen=True)
class _Ran:
    """What ran the model, how long it took in milliseconds, and what came out."""

    backend: Platform | Literal["native"]
    browser_version: str | None
    adapter: AdapterInfo | None
    load_ms: float
    features_ms: float | None
    compile_ms: float
    run_ms: tuple[float, ...]
    batch: int
    outputs: _Tensors


@dataclass(frozen=True)
class _Ready:
    """A test's model, where and how it is run, its inputs, and the outputs that native onnxruntime gives for them."""

    entry: ModelEntry
    platform: Platform
    batch: int
    options: RunOptions
    inputs: _Tensors
    expected: _Tensors


def _prepare(spec: TestSpec, inputs: _Tensors | None, adjustments: Adjustments) -> _Ready:
    platform = spec.backend(adjustments)
    if platform is None:
        raise TestFailure("the test names no platform to run its model on")
    try:
        entry = entry_for(spec)
        batch = batch_for(entry, adjustments) if inputs is None else 1
        inputs = make_batch(entry, batch) if inputs is None else inputs
        options = options_for(entry, batch, platform)
        return _Ready(entry, platform, batch, options, inputs, native_run(entry, inputs).outputs)
    except _UNRUNNABLE as error:
        raise TestFailure(str(error)) from error


def _checked(entry: ModelEntry, ran: _Ran, expected: _Tensors) -> Measurement:
    comparison = compare(ran.outputs, expected, entry.tolerance.on(ran.backend))
    times = np.array(ran.run_ms)
    measurement = Measurement(
        backend=ran.backend,
        browser_version=ran.browser_version,
        adapter=ran.adapter,
        weights=entry.weights,
        load_ms=ran.load_ms,
        features_ms=ran.features_ms,
        compile_ms=ran.compile_ms,
        run_ms_p50=float(np.percentile(times, 50)),
        run_ms_p95=float(np.percentile(times, 95)),
        runs=len(times),
        batch=ran.batch,
        max_abs_error=comparison.max_abs_error,
        tolerance=comparison.tolerance,
    )
    if not comparison.passed:
        raise TestFailure(comparison.reason, measurement)
    return measurement
