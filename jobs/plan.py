"""What a batch is to consist of: the matrix with its faults and own models, and the tests that it spells out."""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jobs.bad_input import BadInput
from jobs.batches.values import BatchHeader, Priority
from jobs.models.catalogue import built_in_name, catalogue
from jobs.specs import FaultKind, FaultSpec, Isolation, ModelSource, Platform, PythonTest, TestKind, TestSpec
from recovery import BrowserType, ModelType

DEFAULT_TIMEOUT = 60.0
# One quick, small model of each type.
QUICK_MODELS = ("bert-base-uncased", "vit-base-patch16-224", "whisper-tiny", "clip-vit-base-patch32")
# WebNN must be asked for: few browsers have a backend for it.
_USUAL_PLATFORMS = (Platform.WEBGPU, Platform.WASM)


class Selector(BaseModel):
    """Cells of the matrix: those that agree in every key that is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    browser: BrowserType | None = None
    model: str | None = None
    platform: Platform | None = None

    def matches(self, browser: BrowserType, model: str, platform: Platform) -> bool:
        """Whether the cell is one of them."""
        return self.browser in {None, browser} and self.model in {None, model} and self.platform in {None, platform}


class PlannedFault(Selector):
    """A fault for the selected cells; one that names no model and no platform is for users' own tests too."""

    kind: FaultKind
    test: str | None = Field(default=None, description="the name of a user's own test: only for that one")
    attempts: tuple[int, ...] | Literal["all"] = Field(default=(1,), description="attempt numbers, or all of them")
    on: BrowserType | None = Field(default=None, description="only while the test runs on this browser")

    @field_validator("attempts", mode="before")
    @classmethod
    def _are_attempts(cls, given: object) -> object:
        numbers = given if isinstance(given, (list, tuple)) else ()
        if given != "all" and not (numbers and all(type(number) is int and number >= 1 for number in numbers)):
            raise ValueError('must be attempt numbers, such as [1, 2], or "all"')
        return given

    def matches(self, browser: BrowserType, model: str, platform: Platform) -> bool:
        return self.test is None and super().matches(browser, model, platform)

    def matches_own(self, browser: BrowserType, name: str) -> bool:
        """Whether a user's own test in this browser is one of them."""
        of_models = self.model is not None or self.platform is not None
        return self.browser in {None, browser} and self.test in {None, name} and not of_models

    def spec(self) -> FaultSpec:
        """The fault as a test carries it."""
        return FaultSpec(kind=self.kind, attempts=None if self.attempts == "all" else self.attempts, browser=self.on)


class OwnTest(BaseModel):
    """A user's own test, in each of its browsers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    browsers: tuple[BrowserType, ...]
    python: PythonTest
    timeout: float | None = Field(default=None, description="seconds; null: the batch's")


class Shard(NamedTuple):
    """Every ``of``-th test of a batch, from the ``number``-th on, counted from 1: the part of one CI job of several."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Plan:
    """A batch, validated whole. ``tests`` spells it out."""

    name: str
    browsers: tuple[BrowserType, ...]
    models: tuple[str, ...]
    platforms: tuple[Platform, ...]
    timeout: float = DEFAULT_TIMEOUT
    repeat: int = 1
    allow: frozenset[str] = frozenset()
    exclude: tuple[Selector, ...] = ()
    faults: tuple[PlannedFault, ...] = ()
    own_models: Mapping[str, ModelSource] = field(default_factory=dict)
    own_tests: tuple[OwnTest, ...] = ()
    folder: Path | None = None
    """Where the batch file lies: the embedded farm finds users' modules there."""

    isolation: Isolation | None = None
    """``None``: each kind of test its own default."""

    policy_overrides: Mapping[str, Any] = field(default_factory=dict)
    simulate: bool = False
    priority: Priority = "normal"
    fail_fast: bool = False
    only_tests: frozenset[str] | None = None
    shard: Shard | None = None

    @property
    def slug(self) -> str:
        """The name as the first part of a batch id."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-")[:60] or "batch"

    @property
    def total(self) -> int:
        """Number of tests."""
        if self.only_tests is None and self.shard is None:
            return (sum(1 for _ in self.cells()) + sum(1 for _ in self.own_cells())) * self.repeat
        return sum(1 for _ in self.tests())

    def tests(self) -> Iterator[TestSpec]:
        """The tests of the batch: the matrix in its order, then the users' own."""
        tests = self._every_test()
        if self.only_tests is not None:
            only = self.only_tests
            tests = (test for test in tests if test.id in only)
        if self.shard is not None:
            tests = itertools.islice(tests, self.shard.number - 1, None, self.shard.of)
        return tests

    def header(self, batch: str | None = None) -> BatchHeader:
        """What is true of the whole batch; with an id of its own if none is given."""
        return BatchHeader(
            id=batch or f"{self.slug}-{uuid.uuid4().hex[:8]}",
            name=self.name,
            created_at=time.time(),
            allow=self.allow,
            policy=self.policy_overrides,
            priority=self.priority,
            fail_fast=self.fail_fast,
            total=self.total,
        )

    def _every_test(self) -> Iterator[TestSpec]:
        for first in itertools.chain(self._matrix_tests(), self._own_tests()):
            yield first
            for number in range(2, self.repeat + 1):
                yield first.model_copy(update={"id": f"{first.id}#{number}"})

    def _matrix_tests(self) -> Iterator[TestSpec]:
        for browser, model, platform in self.cells():
            yield TestSpec(
                id=f"{browser.value}/{model}/{platform.value}",
                browser=browser,
                model=model,
                model_type=self.model_type(model),
                platform=platform,
                timeout=self.timeout,
                own_model=self.own_models.get(model),
                faults=tuple(fault.spec() for fault in self.faults if fault.matches(browser, model, platform)),
                simulate=self.simulate,
                isolation=self.isolation or Isolation.SESSION,
            )

    def _own_tests(self) -> Iterator[TestSpec]:
        for browser, test in self.own_cells():
            yield TestSpec(
                id=f"{browser.value}/{test.name}",
                browser=browser,
                kind=TestKind.PYTHON,
                python=test.python,
                timeout=test.timeout or self.timeout,
                faults=tuple(fault.spec() for fault in self.faults if fault.matches_own(browser, test.name)),
                isolation=self.isolation or Isolation.CONTEXT,
            )

    def model_type(self, model: str) -> ModelType:
        """The type of a built-in model or of the batch's own."""
        own = self.own_models.get(model)
        return own.type if own else catalogue()[model].type

    def only(
        self,
        *,
        browsers: Sequence[BrowserType] = (),
        model_types: Sequence[ModelType] = (),
        platforms: Sequence[Platform] = (),
    ) -> Plan:
        """The plan with only these; an empty sequence means all. A user's own test has no model type and no platform.

        Raises:
            BadInput: nothing is left.
        """
        plan = replace(
            self,
            browsers=tuple(one for one in self.browsers if not browsers or one in browsers),
            models=tuple(one for one in self.models if not model_types or self.model_type(one) in model_types),
            platforms=tuple(one for one in self.platforms if not platforms or one in platforms),
            own_tests=tuple(
                test.model_copy(
                    update={"browsers": tuple(one for one in test.browsers if not browsers or one in browsers)}
                )
                for test in (() if model_types or platforms else self.own_tests)
            ),
        )
        if not plan.total:
            asked = (("browser", browsers), ("model type", model_types), ("platform", platforms))
            wanted = ", ".join(f"{what} {'/'.join(values)}" for what, values in asked if values)
            own = {browser.value: None for test in self.own_tests for browser in test.browsers}
            has = ", ".join(dict.fromkeys((*self.browsers, *self.models, *self.platforms, *own)))
            raise BadInput(f"no test of {self.name} is left{f' with {wanted}' if wanted else ''}; it has {has}")
        return plan

    def cells(self) -> Iterator[tuple[BrowserType, str, Platform]]:
        """The matrix without what is excluded; each cell is ``repeat`` tests."""
        for cell in itertools.product(self.browsers, self.models, self.platforms):
            if not any(selector.matches(*cell) for selector in self.exclude):
                yield cell

    def own_cells(self) -> Iterator[tuple[BrowserType, OwnTest]]:
        """The users' own tests in each of their browsers; each is ``repeat`` tests."""
        for test in self.own_tests:
            for browser in test.browsers:
                yield browser, test

    def all_browsers(self) -> set[BrowserType]:
        """Every browser that has to be there for a test."""
        return set() if self.simulate else {*self.browsers, *(browser for browser, _ in self.own_cells())}


def matrix_plan(
    name: str,
    *,
    browsers: Sequence[BrowserType],
    models: Sequence[str],
    platforms: Sequence[Platform],
    allow: frozenset[str] = frozenset(),
    faults: tuple[PlannedFault, ...] = (),
    simulate: bool = False,
) -> Plan:
    """A plan of built-in models.

    Raises:
        BadInput: no built-in model has the name.
    """
    models = tuple(map(built_in_name, models))
    for model in models:
        if model not in catalogue():
            raise BadInput(f"unknown model {model!r}; allowed: {', '.join(catalogue())}")
    return Plan(
        name=name,
        browsers=tuple(browsers),
        models=models,
        platforms=tuple(platforms),
        allow=allow,
        faults=faults,
        simulate=simulate,
    )


def quick_plan(browsers: Sequence[BrowserType], platforms: Sequence[Platform] = ()) -> Plan:
    """One small model of each type, on the given platforms, or else on those that every usual browser has."""
    return matrix_plan("quick", browsers=browsers, models=QUICK_MODELS, platforms=platforms or _USUAL_PLATFORMS)


def full_plan(browsers: Sequence[BrowserType], platforms: Sequence[Platform] = ()) -> Plan:
    """Every built-in model in all the given browsers, on the given platforms or else on the usual ones."""
    return matrix_plan("full", browsers=browsers, models=tuple(catalogue()), platforms=platforms or _USUAL_PLATFORMS)
