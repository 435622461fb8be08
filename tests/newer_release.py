"""This release, but for tests that may carry what it doesn't know: a stand-in for the next one.

celery --app tests.newer_release worker …
"""

from jobs.batches import rows
from jobs.celery import app
from jobs.specs import TestSpec


class NewerTestSpec(TestSpec):
    """A test with a new field."""

    __test__ = False

    colour: str = ""


rows.TestSpec = NewerTestSpec  # type: ignore[misc]

__all__ = ["app"]
