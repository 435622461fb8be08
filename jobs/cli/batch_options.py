"""The switches that choose what a batch consists of: shared by ``run`` and ``enqueue``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from jobs.bad_input import BadInput
from jobs.batch_file import load_plan
from jobs.batches.values import Priority
from jobs.cli.batch_ids import parse_batch
from jobs.cli.last_failed import failed_tests
from jobs.cli.numbers import FiniteRange
from jobs.farm_failure import FarmFailure
from jobs.plan import Plan, Shard, full_plan, quick_plan
from jobs.settings import settings
from jobs.specs import Platform
from recovery import BrowserType, ModelType

ALLOWABLE = ("degraded", "simulated")
# The number of CI jobs that may share a batch.
_MOST_SHARDS = 10_000


@dataclass(frozen=True)
class BatchOptions:
    """What the user asked for."""

    file: Path | None
    quick: bool
    full: bool
    browsers: tuple[BrowserType, ...]
    model_types: tuple[ModelType, ...]
    platforms: tuple[Platform, ...]
    failures: bool
    simulate: bool
    retries: int | None
    timeout: float | None
    allow: frozenset[str]
    shard: Shard | None
    last_failed: str | None
    fail_fast: bool
    priority: Priority | None
    batch: str | None

    def plan(self) -> Plan:
        """The batch's plan, as all switches together want it. Its shard may be empty.

        Raises:
            BadInput: the batch file is not as it must be, or no test is left.
            FarmFailure: a full batch was asked for, and no browser is here to run it.
        """
        plan = self._chosen().only(browsers=self.browsers, model_types=self.model_types, platforms=self.platforms)
        if self.simulate and plan.own_tests:
            raise BadInput(
                "--simulate: users' own tests need a browser; leave them out with --model-type or --platform"
            )
        overrides = dict(plan.policy_overrides)
        if self.retries is not None:
            overrides["max_attempts"] = self.retries + 1
        plan = replace(
            plan,
            allow=plan.allow | self.allow | ({"simulated"} if self.simulate else set()),
            timeout=self.timeout or plan.timeout,
            own_tests=tuple(
                test.model_copy(update={"timeout": self.timeout or test.timeout}) for test in plan.own_tests
            ),
            faults=plan.faults if self.failures and not self.simulate else (),
            simulate=self.simulate,
            policy_overrides=overrides,
            fail_fast=plan.fail_fast or self.fail_fast,
            priority=self.priority or plan.priority,
        )
        if self.last_failed is not None:
            plan = _narrowed(plan, self.last_failed)
        return replace(plan, shard=self.shard)

    def _chosen(self) -> Plan:
        if (self.file is not None) + self.quick + self.full != 1:
            raise click.UsageError("give one of: a batch file, --quick, --full")
        if self.file is not None:
            return load_plan(self.file)
        if self.quick:
            return quick_plan(self.browsers or [BrowserType.CHROME], self.platforms)
        from jobs.browsers.finding import unasked_browsers  # noqa: PLC0415 - brings Selenium, slow to load

        # Without browsers a test differs by model and platform only: Chrome stands for all, as in a quick batch.
        here = self.browsers or ([BrowserType.CHROME] if self.simulate else unasked_browsers(settings()))
        if not here:
            raise FarmFailure("no browser with its driver is installed here; name the farm's with --browser")
        return full_plan(here, self.platforms)


def _narrowed(plan: Plan, source: str) -> Plan:
    failed = failed_tests(plan.name, source)
    narrowed = replace(plan, only_tests=failed.tests)
    if failed.tests and not narrowed.total:
        raise BadInput(f"--last-failed: none of the {len(failed.tests)} tests of {failed.where} is in {plan.name}")
    return narrowed


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these switches; it gets them as ``options``, a ``BatchOptions``."""

    def with_options(**given: Any) -> Any:
        file, last_failed = given.pop("file"), given.pop("last_failed")
        if last_failed is not None and file is None and last_failed.endswith(".toml"):
            # `run --last-failed batch.toml`: the switch without its value, and then the file.
            file, last_failed = Path(last_failed), ""
        options = BatchOptions(
            file=file,
            last_failed=last_failed,
            browsers=tuple(BrowserType(name) for name in given.pop("browsers")),
            model_types=tuple(ModelType(name) for name in given.pop("model_types")),
            platforms=tuple(Platform(name) for name in given.pop("platforms")),
            failures=not given.pop("no_failures"),
            **{name: given.pop(name) for name in _PLAIN},
        )
        return command(options=options, **given)

    with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
    with_options.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    decorated: Callable[..., Any] = with_options
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_PLAIN = (
    "quick", "full", "simulate", "retries", "timeout", "allow", "shard", "fail_fast", "priority", "batch",
)  # fmt: skip


def _parse_allow(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    """``--allow degraded,simulated`` or several ``--allow``."""
    names = frozenset(name.strip() for value in values for name in value.split(",") if name.strip())
    unknown = sorted(names - set(ALLOWABLE))
    if unknown:
        raise click.BadParameter(f"unknown '{unknown[0]}'; allowed: {', '.join(ALLOWABLE)}")
    return names


def _parse_shard(_: click.Context, __: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", value)
    shard = Shard(int(found[1]), int(found[2])) if found else None
    if shard is None or not 1 <= shard.number <= shard.of <= _MOST_SHARDS:
        raise click.BadParameter(f"{value!r} is no shard; give i/n, such as 2/5: the second of five parts")
    return shard


def _only(switch: str, into: str, values: type[StrEnum], what: str) -> Callable[[Any], Any]:
    """A switch that leaves out of the batch what it doesn't name."""
    choice = click.Choice([one.value for one in values])
    return click.option(switch, into, multiple=True, type=choice, help=f"Only {what}; may be repeated.")


_OPTIONS = (
    click.argument("file", metavar="[BATCH.toml]", required=False, type=click.Path(path_type=Path)),
    click.option("--quick", is_flag=True, help="A small built-in batch: one model of each type, in Chrome."),
    click.option(
        "--full",
        is_flag=True,
        help="Every built-in model in every installed browser, on WebGPU and wasm, or the --platform that you name.",
    ),
    _only("--browser", "browsers", BrowserType, "this browser"),
    _only("--model-type", "model_types", ModelType, "models of this type"),
    _only("--platform", "platforms", Platform, "this platform"),
    click.option("--no-failures", is_flag=True, help="Don't inject the batch's faults."),
    click.option("--simulate", is_flag=True, help="No browser at all: native onnxruntime, labelled simulated."),
    click.option(
        "--retries", type=click.IntRange(0, 49), help="Attempts after the first one, for failures of infrastructure."
    ),
    click.option("--timeout", type=FiniteRange(1, 3600), help="Seconds an attempt may take; overrides the batch."),
    click.option("--allow", multiple=True, callback=_parse_allow, help="Verdicts to accept: degraded, simulated."),
    click.option("--shard", metavar="I/N", callback=_parse_shard, help="Only the i-th of n parts, as in 2/5."),
    click.option(
        "--last-failed",
        is_flag=False,
        flag_value="",
        metavar="[BATCH]",
        help="Only the tests that were not green: in your last run of this batch, in a batch of the farm, or in a JSON "
        "report.",
    ),
    click.option("--fail-fast", is_flag=True, help="Cancel the rest at the first test that fails."),
    click.option(
        "--priority", type=click.Choice(["high", "normal", "low"]), help="Before or after what waits in the farm."
    ),
    click.option(
        "--batch-id",
        "batch",
        callback=parse_batch,
        help="The batch's id. The same id with the same tests is the same batch, however often it is published.",
    ),
)
