"""From an error and what was seen around it to a category. The rules are in rules.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from recovery.cases import Case, chain_of, said_by
from recovery.detection import detect_browser_type, detect_model_type
from recovery.explain import LOG, explain
from recovery.failures import BrowserFailure, Evidence, FailureInfo
from recovery.kinds import FailureType
from recovery.policy import RecoveryPolicy
from recovery.rules import RULES

_Kind = TypeVar("_Kind")

# Characters of a message that records and reports keep.
_MESSAGE_KEPT = 500


def categorize_browser_failure(error: BaseException, context: Evidence | Mapping[str, Any]) -> FailureInfo:
    """Tell what kind of failure an error is. Never raises for an exception, whatever the context says.

    ``context`` is the evidence, or a mapping of its fields such as ``{"browser": "firefox", "model": "whisper-tiny"}``;
    what the error itself carries (a ``BrowserFailure``) comes before it. ``start_level`` is the default policy's.

    Raises:
        TypeError: the error is no exception, or the context neither evidence nor a mapping.
    """
    if not isinstance(error, BaseException):
        raise TypeError(f"error is {error!r}: give the exception that was caught")
    if not isinstance(context, Evidence | Mapping):
        raise TypeError(f"context is {context!r}: give Evidence, or a mapping of its fields")
    case = Case(error, _merged_evidence(error, context))
    category, reason = _categorised(case)
    info = FailureInfo(
        failure_type=category,
        start_level=RecoveryPolicy.default().starts_at(category),
        reason=reason,
        error_class=type(error).__name__,
        message=_one_line(error),
        evidence=case.evidence,
    )
    explain("%s: %s (%s: %s)", info.failure_type, info.reason, info.error_class, info.message)
    return info


def _categorised(case: Case) -> tuple[FailureType, str]:
    for rule in RULES:
        if rule.applies(case):
            declared = case.declared.failure_type if case.declared else FailureType.INTERNAL_ERROR
            return rule.category or declared, rule.name
    if "BrowserFailure" not in case.own_names:
        seen = case.evidence.model_dump(mode="json", exclude_defaults=True)
        LOG.warning(
            "no rule knows %s: %s (evidence: %s); it counts as an internal error",
            type(case.error).__name__, _one_line(case.error), seen,
        )  # fmt: skip
    return FailureType.INTERNAL_ERROR, "no rule applies"


def _one_line(error: BaseException) -> str:
    said = " ".join(said_by(error).split()) or type(error).__name__
    return said if len(said) <= _MESSAGE_KEPT else said[: _MESSAGE_KEPT - 1] + "…"


def _merged_evidence(error: BaseException, context: Evidence | Mapping[str, Any]) -> Evidence:
    """All that was seen; where two say something different, who stood nearer to the failure is right."""
    merged = (context if isinstance(context, Evidence) else _read(context)).model_dump(exclude_defaults=True)
    for link in reversed(chain_of(error)):
        if isinstance(link, BrowserFailure):
            merged |= link.evidence.model_dump(exclude_defaults=True)
    return Evidence(**merged)


def _or_none(detect: Callable[[str], _Kind], name: str) -> _Kind | None:
    try:
        return detect(name)
    except ValueError:
        return None


def _read(context: Mapping[str, Any]) -> Evidence:
    """Evidence of a mapping that people write. What can't be understood is left out: it must not hide the failure."""
    fields = dict(context)
    if isinstance(browser := fields.get("browser"), str):
        fields["browser"] = _or_none(detect_browser_type, browser)
    if isinstance(model := fields.get("model_type", fields.get("model")), str):
        fields["model_type"] = _or_none(detect_model_type, model)
    try:
        return Evidence.model_validate(fields)
    except ValidationError as refusal:
        odd = {str(flaw["loc"][0]) for flaw in refusal.errors()}
        LOG.warning("context fields that evidence doesn't know are ignored: %s", ", ".join(sorted(odd)))
        return Evidence.model_validate({name: value for name, value in fields.items() if name not in odd})
