"""The pages' types are those of the models."""

from __future__ import annotations

from jobs.dashboard.generate import TARGET, generate


def test_the_types_of_the_pages_are_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == generate(), "run `python -m jobs.dashboard.generate`"
