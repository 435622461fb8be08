"""The values refuse what would not survive as a key, a task id or JSON."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jobs.batches import BatchHeader
from jobs.batches.events import Claimed, Failed, read_event


@pytest.mark.parametrize("batch", ["", "a:b", "a b", 'a"b', "a%b", "x" * 101])
def test_a_batch_id_that_would_break_keys_is_refused(batch: str) -> None:
    with pytest.raises(ValidationError):
        BatchHeader(id=batch, name="n", created_at=0)


def test_a_header_is_written_the_same_whatever_the_order_of_its_set() -> None:
    one = BatchHeader(id="b", name="n", created_at=0, allow=frozenset(["degraded", "simulated"]))
    other = BatchHeader(id="b", name="n", created_at=0, allow=frozenset(["simulated", "degraded"]))
    assert one.model_dump_json() == other.model_dump_json()
    assert '"allow":["degraded","simulated"]' in one.model_dump_json()


def test_events_are_read_from_their_fields() -> None:
    event = read_event(
        b"5-0",
        {
            b"type": b"claimed", b"at": b"1.5", b"test": b"t", b"number": b"1", b"queue": b"simulation",
            b"owner": b'{"node":"w","boot":"x","pid":7}', b"browser": b"",
        },
    )  # fmt: skip
    assert isinstance(event, Claimed)
    assert (event.id, event.at, event.owner.pid, event.browser) == ("5-0", 1.5, 7, None)


def test_a_failure_tells_whether_the_next_attempt_stays_in_place() -> None:
    fields = {
        b"type": b"failed", b"at": b"1", b"test": b"t", b"number": b"1", b"queue": b"q", b"next": b"{}",
        b"record": b'{"number":1,"browser":null,"worker":"w","outcome":"crash","started_at":1,"seconds":1}',
        b"next_queue": b"q",
    }  # fmt: skip
    for text, expected in ((b"1", True), (b"", False)):
        event = read_event(b"1-0", {**fields, b"in_place": text})
        assert isinstance(event, Failed)
        assert event.in_place is expected
