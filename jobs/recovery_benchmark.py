"""How well recovery does, measured: what is run, and the tables that its verdicts make. The command runs it.

A test suffers one real fault. Those that a machine would keep (a missing program, a full disk) hit every attempt in the
test's own browser, the others its first attempt.
"""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.browsers.faults import AT_LAUNCH, CATEGORIES, is_possible
from jobs.models.catalogue import catalogue
from jobs.plan import QUICK_MODELS
from jobs.specs import FaultKind, FaultSpec, Measurement, Outcome, Platform, TestSpec, Verdict
from recovery import BrowserType, FailureType, ModelType, RecoveryLevel
from recovery.statistics import observations, wilson

# The seed's "Model-Browser Recovery Performance Matrix", in percent.
SEED_BROWSERS: Mapping[ModelType, Mapping[BrowserType, float]] = {
    model_type: dict(
        zip((BrowserType.CHROME, BrowserType.FIREFOX, BrowserType.EDGE, BrowserType.SAFARI), rates, strict=True)
    )
    for model_type, rates in {
        ModelType.TEXT: (91.2, 88.5, 96.8, 79.2),
        ModelType.VISION: (95.7, 87.3, 88.4, 80.1),
        ModelType.AUDIO: (87.4, 98.2, 84.1, 75.6),
        ModelType.MULTIMODAL: (93.8, 85.4, 87.2, 74.5),
    }.items()
}
# The seed's "Browser Failure Types and Best Recovery Approaches", in percent.
SEED_FAILURES: Mapping[FailureType, float] = {
    FailureType.LAUNCH_FAILURE: 89.7,
    FailureType.CONNECTION_FAILURE: 94.2,
    FailureType.TIMEOUT: 96.5,
    FailureType.CRASH: 92.1,
    FailureType.RESOURCE_EXHAUSTION: 87.3,
    FailureType.GPU_ERROR: 85.8,
    FailureType.API_ERROR: 83.4,
    FailureType.INTERNAL_ERROR: 90.2,
}
# Seconds to recovery, half of them, that each level is to stay within; and to see a failure, nearly all of them.
GOAL_SECONDS = {RecoveryLevel.MINIMAL: 1.0, RecoveryLevel.MODERATE: 4.0, RecoveryLevel.AGGRESSIVE: 4.0} | {
    RecoveryLevel.FALLBACK: 6.0
}
GOAL_DETECTION = {FailureType.CRASH: 0.5, FailureType.TIMEOUT: 2.0}

# An attempt waits for it to the end of its time: it would say nothing but how long that is.
_LEFT_OUT = {FaultKind.ASSET_SLOW}

_TIMEOUT = 60.0


def rounds_of(browser: BrowserType) -> list[tuple[FaultKind, Platform]]:
    """The faults for one browser, in an order in which every category comes equally often."""
    by_category: dict[FailureType, list[tuple[FaultKind, Platform]]] = defaultdict(list)
    for kind, category in CATEGORIES.items():
        if kind in _LEFT_OUT:
            continue
        of_gpu = not is_possible(kind, browser, Platform.WASM)
        platform = Platform.WEBGPU if of_gpu or len(by_category[category]) % 2 else Platform.WASM
        if is_possible(kind, browser, platform):
            by_category[category].append((kind, platform))
    longest = max(map(len, by_category.values()))
    order = [[faults[turn % len(faults)] for faults in by_category.values()] for turn in range(longest)]
    return list(itertools.chain.from_iterable(order))


def tests_of(browser: BrowserType, per_cell: int) -> Iterator[TestSpec]:
    """``per_cell`` tests for each model type in one browser, each with a fault: all types suffer the same ones."""
    for number, (kind, platform) in enumerate(itertools.islice(itertools.cycle(rounds_of(browser)), per_cell), 1):
        for model in QUICK_MODELS:
            yield TestSpec(
                id=f"{browser.value}/{model}/{platform.value}/{kind.value}#{number}",
                browser=browser,
                model=model,
                model_type=catalogue()[model].type,
                platform=platform,
                timeout=_TIMEOUT,
                faults=(fault_of(kind, browser),),
            )


def fault_of(kind: FaultKind, browser: BrowserType) -> FaultSpec:
    """A fault as it would be met: what is missing from a machine stays missing there."""
    return FaultSpec(kind=kind, attempts=None, browser=browser) if kind in AT_LAUNCH else FaultSpec(kind=kind)


@dataclass(frozen=True)
class Rate:
    """How many of some broken tests were brought back to their result in a browser."""

    tests: int
    recovered: int
    seed: float | None

    @property
    def percent(self) -> float:
        return 100 * self.recovered / self.tests

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, in percent."""
        low, high = wilson(self.recovered, self.tests)
        return 100 * low, 100 * high


@dataclass(frozen=True)
class Seconds:
    """Some times, in seconds, and the goal that one of them has."""

    count: int
    p50: float
    p95: float
    goal: float | None

    @classmethod
    def of(cls, times: Sequence[float], goal: float | None) -> Seconds:
        ordered = sorted(times)
        return cls(len(ordered), statistics.median(ordered), ordered[round(0.95 * (len(ordered) - 1))], goal)


@dataclass(frozen=True)
class Recovered:
    """One recovery that brought a test to its result; seconds, queues left out."""

    whole: float
    work: float
    """Of it, what the page took for the test itself: fetch the model, build its sessions, compile and run it."""

    @property
    def rest(self) -> float:
        """What the recovery took for everything else: the old browser's end, a new one, its page, the runtime."""
        return max(0.0, self.whole - self.work)


@dataclass(frozen=True)
class Split:
    """The times of a level's recoveries: all of it, and its two parts."""

    whole: Seconds
    work: Seconds
    rest: Seconds

    @classmethod
    def of(cls, times: Sequence[Recovered], goal: float | None) -> Split:
        return cls(
            Seconds.of([one.whole for one in times], goal),
            Seconds.of([one.work for one in times], None),
            Seconds.of([one.rest for one in times], None),
        )


@dataclass(frozen=True)
class Measured:
    """The tables."""

    total: Rate
    by_cell: Mapping[tuple[BrowserType, ModelType], Rate]
    by_failure: Mapping[FailureType, Rate]
    by_fault: Mapping[tuple[BrowserType, FaultKind], Rate]
    to_recover: Mapping[RecoveryLevel, Split]
    to_see: Mapping[FailureType, Seconds]
    whole: Mapping[FailureType, Seconds]
    """From the failure being seen to the test's result, all levels that it took, without waiting in queues."""

    misread: tuple[str, ...]
    """Tests whose fault was taken for something else, or not seen."""

    lost: tuple[str, ...]
    """Tests that were not brought back."""


def measure(verdicts: Sequence[Verdict]) -> Measured:
    """Make the tables of a benchmark's verdicts."""
    cells: dict[tuple[BrowserType, ModelType], list[bool]] = defaultdict(list)
    failures: dict[FailureType, list[bool]] = defaultdict(list)
    faults: dict[tuple[BrowserType, FaultKind], list[bool]] = defaultdict(list)
    recover: dict[RecoveryLevel, list[Recovered]] = defaultdict(list)
    see: dict[FailureType, list[float]] = defaultdict(list)
    whole: dict[FailureType, list[float]] = defaultdict(list)
    misread, lost = [], []
    for verdict in verdicts:
        kind = FaultKind(verdict.test.rpartition("/")[2].partition("#")[0])
        category, browser = CATEGORIES[kind], verdict.asked_browser
        ran = [entry for entry in verdict.attempts if entry.outcome != "circuit_open"]
        if not ran or ran[0].failure_type is not category:
            misread.append(f"{verdict.test}: {ran[0].outcome if ran else 'never ran'}")
        back = verdict.outcome is Outcome.PASSED and not verdict.simulated
        if not back:
            lost.append(f"{verdict.test}: {verdict.reason}")
        if verdict.model_type is not None:
            cells[browser, verdict.model_type].append(back)
        failures[category].append(back)
        faults[browser, kind].append(back)
        if ran and ran[0].detected_after is not None:
            see[category].append(ran[0].detected_after)
        # The last recovery is the one that gave a result, if any did.
        last = next(reversed(observations(verdict.attempts, verdict.model_type)), None)
        if back and last is not None and last.seconds is not None:
            recover[last.kind.level].append(Recovered(last.seconds, work_of(verdict.measurement)))
            whole[category].append(sum(entry.seconds for entry in ran[1:-1]) + last.seconds)
    every = [back for group in failures.values() for back in group]
    return Measured(
        total=_rate(every, None),
        by_cell={key: _rate(cells[key], SEED_BROWSERS[key[1]].get(key[0])) for key in sorted(cells)},
        by_failure={key: _rate(failures[key], SEED_FAILURES[key]) for key in SEED_FAILURES if key in failures},
        by_fault={key: _rate(faults[key], None) for key in sorted(faults)},
        to_recover={level: Split.of(times, GOAL_SECONDS.get(level)) for level, times in sorted(recover.items())},
        to_see=_timed(see, GOAL_DETECTION.get),
        whole=_timed(whole, lambda _: None),
        misread=tuple(misread),
        lost=tuple(lost),
    )


def work_of(measurement: Measurement | None) -> float:
    """Seconds that a page took for a test itself."""
    if measurement is None:
        return 0.0
    runs = measurement.run_ms_p50 * measurement.runs
    return (measurement.load_ms + (measurement.features_ms or 0.0) + measurement.compile_ms + runs) / 1000


def _rate(outcomes: Sequence[bool], seed: float | None) -> Rate:
    return Rate(len(outcomes), sum(outcomes), seed)


def _timed(
    times: Mapping[FailureType, Sequence[float]], goal: Callable[[FailureType], float | None]
) -> dict[FailureType, Seconds]:
    return {key: Seconds.of(group, goal(key)) for key, group in sorted(times.items())}
