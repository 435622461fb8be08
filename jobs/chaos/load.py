"""Tests whose right verdict is known: what a farm is given to do while it is broken or checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.models.catalogue import catalogue
from jobs.plan import QUICK_MODELS
from jobs.specs import FaultKind, FaultSpec, ModelSource, Outcome, Platform, TestSpec
from recovery import BrowserType, FailureType, RecoveryLevel

# Of so many tests two (one in a browser, one without) fail by themselves: a farm that calls all passed is found out.
_FAILING_EACH = 22
# Smaller than any two ways to compute: nothing that ran in a browser is so exact.
_NEVER = 1e-30
# One test in so many gets a fault. Not too many: three failures in a row open a circuit.
_FAULT_EACH = 4
# Seconds that one attempt may take: a farm's whole start falls into the first ones, and e2e runs WebGPU too.
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Recovered:
    """The recovery that a fault must lead to, as docs/faults.md tells."""

    failure: FailureType
    level: RecoveryLevel


FAULTS = {
    FaultKind.BROWSER_KILLED: Recovered(FailureType.CRASH, RecoveryLevel.MODERATE),
    FaultKind.DRIVER_KILLED: Recovered(FailureType.CONNECTION_FAILURE, RecoveryLevel.MODERATE),
    FaultKind.PAGE_HUNG: Recovered(FailureType.TIMEOUT, RecoveryLevel.MINIMAL),
    FaultKind.BINARY_MISSING: Recovered(FailureType.LAUNCH_FAILURE, RecoveryLevel.FALLBACK),
}


@dataclass(frozen=True)
class KnownTest:
    """A test, and how it must end."""

    spec: TestSpec
    outcome: Outcome
    recovery: Recovered | None = None


def mixed_tests(count: int, browsers: Sequence[BrowserType]) -> Iterator[KnownTest]:
    """Tests in browsers and quick ones without, in turn; some of both fail by themselves.

    All on wasm. WebGPU on a software adapter takes a busy machine ten seconds a test: with a kill every other second
    such a test tells how often it was struck, and nothing of the farm.
    """
    for number in range(count):
        pair = number // 2
        yield _known(
            number,
            QUICK_MODELS[pair // len(browsers) % len(QUICK_MODELS)],
            Platform.WASM,
            browsers[pair % len(browsers)],
            simulate=number % 2 == 1,
            fails=number % _FAILING_EACH in {6, 7},
        )


def faulty_tests(
    count: int, browsers: Sequence[BrowserType], platforms: Sequence[Platform], *, faults: bool = True
) -> Iterator[KnownTest]:
    """Tests in browsers, into some of which a fault is injected; some fail by themselves."""
    cells = itertools.cycle(itertools.product(QUICK_MODELS, platforms, browsers))
    kinds = itertools.cycle(FAULTS)
    for number in range(count):
        model, platform, browser = next(cells)
        if faults and number % _FAULT_EACH == 1:
            yield _known(number, model, platform, browser, fault=next(kinds))
        else:
            yield _known(number, model, platform, browser, fails=number % _FAILING_EACH == 6)


def _known(
    number: int,
    model: str,
    platform: Platform,
    browser: BrowserType,
    *,
    simulate: bool = False,
    fails: bool = False,
    fault: FaultKind | None = None,
) -> KnownTest:
    kind = "quick" if simulate else browser.value
    entry = catalogue()[model]
    spec = TestSpec(
        id=f"{kind}/{model}/{platform.value}#{number}",
        browser=browser,
        model=f"{model}-inexact" if fails else model,
        model_type=entry.type,
        platform=platform,
        timeout=_TIMEOUT,
        own_model=_unreachable(f"{model}-inexact", model, simulate=simulate) if fails else None,
        faults=(FaultSpec(kind=fault, browser=browser),) if fault else (),
        simulate=simulate,
    )
    return KnownTest(spec, Outcome.FAILED if fails else Outcome.PASSED, FAULTS[fault] if fault else None)


def _unreachable(name: str, model: str, *, simulate: bool) -> ModelSource:
    """A model that runs well and whose outputs can't be as wanted."""
    entry = catalogue()[model]
    # Native onnxruntime is as exact as itself: there, another model says what is expected.
    other = next(one for one in QUICK_MODELS if one != model)
    reference = catalogue()[other].parts[0].path if simulate else None
    return ModelSource(name=name, type=entry.type, path=entry.parts[0].path, reference=reference, tolerance=_NEVER)
