"""What a queue's message says: which attempt is to run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter

from jobs.batches.values import BATCH_ID
from jobs.specs import TEST_ID


class AttemptName(NamedTuple):
    """What a message says: which attempt is to run. It is data from a queue that anybody may have written to."""

    batch: Annotated[str, StringConstraints(pattern=BATCH_ID)]
    test: Annotated[str, StringConstraints(pattern=TEST_ID)]
    number: Annotated[int, Field(ge=1, le=1_000_000)]

    @classmethod
    def read(cls, arguments: Sequence[object], unknown: Mapping[str, object]) -> AttemptName:
        """The name that a task's arguments give.

        Raises:
            ValidationError: they give none.
        """
        return _NAME.validate_python((*arguments, *unknown.values()) if arguments else dict(unknown))

    @classmethod
    def of_task(cls, task_id: str) -> AttemptName | None:
        """The name in a task's id; None: the task is none of ours."""
        with contextlib.suppress(ValueError):
            batch, test, number = task_id.split(":")
            return _NAME.validate_python((batch, test, int(number)))
        return None


_NAME = TypeAdapter(AttemptName, config=ConfigDict(strict=True))
