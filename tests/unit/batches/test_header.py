"""A batch's header: what no worker could act on is refused where it is made."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jobs.batches import BatchHeader


def test_a_policy_that_no_worker_could_follow_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"recovery\.max_attempts: .*less than or equal to 50; it is 100"):
        BatchHeader(id="b", name="b", created_at=1.0, policy={"max_attempts": 100})


def test_a_policy_of_the_batchs_own_is_kept_as_it_was_given() -> None:
    assert BatchHeader(id="b", name="b", created_at=1.0, policy={"max_attempts": 3}).policy == {"max_attempts": 3}
