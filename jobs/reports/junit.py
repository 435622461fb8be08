"""The JUnit report, in the form that GitLab, Jenkins and GitHub read: a suite for each browser asked for.

``failure`` is the test's own, ``error`` the infrastructure's. Attempts before the last are told as Surefire tells
reruns: ``flakyError`` in a test that passed, ``rerunError`` in one that did not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from jobs.batches.values import BatchHeader
from jobs.reports.artefact_files import NO_FILES, ArtefactFiles, attachments
from jobs.reports.breakdown import not_allowed
from jobs.reports.thresholds import Comparison
from jobs.reports.writing import write_whole
from jobs.specs import Outcome, Verdict
from recovery import AttemptRecord

# XML 1.0 knows no other characters, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(
    path: Path,
    header: BatchHeader,
    verdicts: Sequence[Verdict],
    comparison: Comparison | None = None,
    files: ArtefactFiles = NO_FILES,
) -> None:
    """Write the report of a batch.

    Raises:
        OSError: the file can't be written.
    """
    root = ElementTree.Element("testsuites", {"name": _text(header.name)})
    by_browser: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_browser[verdict.asked_browser.value].append(verdict)
    started = datetime.fromtimestamp(header.created_at, UTC).isoformat(timespec="seconds")
    for browser, its_verdicts in sorted(by_browser.items()):
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            {"name": _text(f"{header.name}.{browser}"), "timestamp": started, **_counts(header, its_verdicts)},
        )
        for verdict in sorted(its_verdicts, key=lambda one: one.test):
            _add_case(suite, header, verdict, files)
    if comparison is not None:
        _add_baseline(root, header, comparison)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("time", f"{sum(verdict.seconds for verdict in verdicts):.3f}")
    ElementTree.indent(root)
    write_whole(
        path, '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
    )


def _counts(header: BatchHeader, verdicts: Sequence[Verdict]) -> dict[str, str]:
    tags = [_tag(header, verdict) for verdict in verdicts]
    return {
        "tests": str(len(tags)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": f"{sum(verdict.seconds for verdict in verdicts):.3f}",
    }


def _add_case(suite: ElementTree.Element, header: BatchHeader, verdict: Verdict, files: ArtefactFiles) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_text(f"{header.name}.{verdict.asked_browser.value}.{verdict.subject}"),
        name=_text(verdict.test),
        time=f"{verdict.seconds:.3f}",
    )
    properties = ElementTree.SubElement(case, "properties")
    for name, value in _properties(verdict):
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    ways = [_way(entry) for entry in verdict.attempts]
    tag = _tag(header, verdict)
    if tag is not None:
        # Jenkins and GitHub show the attribute, GitLab only the text.
        message = verdict.reason or f"passed, but {' and '.join(not_allowed(verdict, header.allow))}"
        element = ElementTree.SubElement(case, tag, message=_text(message), type=_kind(verdict))
        element.text = _text("\n".join((message, *ways)))
    again = "flakyError" if tag is None else "rerunError"
    for entry in verdict.attempts[:-1]:
        if entry.failure_type is not None:
            former = ElementTree.SubElement(case, again, message=_text(entry.cause), type=entry.failure_type.value)
            ElementTree.SubElement(former, "stackTrace").text = _text(_way(entry))
    ElementTree.SubElement(case, "system-out").text = _text("\n".join((*ways, *attachments(verdict, files))))


def _way(entry: AttemptRecord) -> str:
    """An attempt in one line."""
    return (
        f"attempt {entry.number}: {entry.browser or 'simulation'} on {entry.worker}, "
        f"{f'level {entry.level.value}, ' if entry.level else ''}{entry.outcome}"
        f"{f' ({entry.cause})' if entry.cause else ''}, {entry.seconds:.3f} s"
    )


def _add_baseline(root: ElementTree.Element, header: BatchHeader, comparison: Comparison) -> None:
    """A suite of its own for the comparison: one test case, or one for each regression."""
    found = comparison.regressions
    suite = ElementTree.SubElement(
        root, "testsuite", name=_text(f"{header.name}.baseline"), tests=str(max(1, len(found))),
        failures=str(len(found)), errors="0", skipped="0", time="0.000",
    )  # fmt: skip
    if not found:
        name = f"no regression against {comparison.baseline}"
        ElementTree.SubElement(suite, "testcase", classname=suite.get("name", ""), name=name, time="0.000")
    for one in found:
        name = _text(f"{one.kind}: {one.where}")
        case = ElementTree.SubElement(suite, "testcase", classname=suite.get("name", ""), name=name, time="0.000")
        element = ElementTree.SubElement(case, "failure", message=_text(str(one)), type=f"{one.kind} regression")
        element.text = _text(f"{one}\nagainst batch {comparison.baseline}")


def _tag(header: BatchHeader, verdict: Verdict) -> str | None:
    """The element that a verdict gets; None: passed. What the batch doesn't allow is a failure, as in the exit code."""
    if verdict.outcome is Outcome.PASSED:
        return "failure" if not_allowed(verdict, header.allow) else None
    return {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.CANCELLED: "skipped"}[verdict.outcome]


def _kind(verdict: Verdict) -> str:
    """The class of reasons: for an error the failure that recovery gave up on, else the outcome."""
    failures = [entry.failure_type.value for entry in verdict.attempts if entry.failure_type]
    return failures[-1] if failures and verdict.outcome is Outcome.ERROR else verdict.outcome.value


def _properties(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "browser", verdict.browser.value if verdict.browser else "none"
    if verdict.platform is not None and verdict.model is not None:
        yield "platform", verdict.platform.value
        yield "model", verdict.model
    if verdict.function is not None:
        yield "function", verdict.function
    yield "attempts", str(len(verdict.attempts))
    yield "level", str(max((entry.level for entry in verdict.attempts if entry.level), default=0))
    for mark in ("recovered", "degraded", "simulated"):
        yield mark, str(getattr(verdict, mark)).lower()
    run = verdict.measurement
    if run is not None:
        yield "backend", str(run.backend)
        yield "browser_version", run.browser_version or ""
        yield "adapter", f"{run.adapter.vendor} {run.adapter.architecture}".strip() if run.adapter else ""
        if run.adapter is not None:
            yield "adapter_software", str(run.adapter.software).lower()
        yield "weights", run.weights
        yield "run_ms_p50", f"{run.run_ms_p50:.3f}"
        yield "max_abs_error", f"{run.max_abs_error:.3e}"
        yield "tolerance", f"{run.tolerance:.3e}"
    if verdict.own is not None:
        yield "browser_version", verdict.own.browser_version


def _text(value: str) -> str:
    return _NOT_XML.sub("\ufffd", value)
