"""The bounded queue of a page's answers."""

import pytest

from jobs.browsers.page_inbox import MAX_WAITING, Inbox, InboxFull
from jobs.browsers.protocol import PageError, PagePhase, Progress
from recovery.kinds import PageEvent


def progress(number: int) -> Progress:
    return Progress(v=1, id=str(number), phase=PagePhase.LOAD, done=number, total=None)


def answer(number: int) -> PageError:
    return PageError(v=1, id=str(number), kind=PageEvent.SCRIPT_ERROR, phase=PagePhase.RUN, message="")


def test_answers_come_out_in_their_order() -> None:
    inbox = Inbox()
    for number in range(3):
        inbox.put(answer(number))
    assert [taken.id for taken in iter(inbox.take, None)] == ["0", "1", "2"]
    assert inbox.take() is None


def test_the_oldest_progress_gives_way_to_what_comes() -> None:
    inbox = Inbox()
    inbox.put(answer(0))
    for number in range(1, 500):
        inbox.put(progress(number))
    inbox.put(answer(500))
    assert len(inbox) == MAX_WAITING
    ids = [int(taken.id) for taken in iter(inbox.take, None)]
    assert ids == [0, *range(500 - MAX_WAITING + 2, 501)]


def test_answers_that_nobody_asked_for_are_refused_in_the_end() -> None:
    inbox = Inbox()
    for number in range(MAX_WAITING):
        inbox.put(answer(number))
    with pytest.raises(InboxFull):
        inbox.put(progress(0))
    assert len(inbox) == MAX_WAITING
