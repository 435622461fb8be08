"""What GitHub shows beside a job: one workflow command a line, whatever a test says."""

from __future__ import annotations

from jobs.cli.batch_run import Ran
from jobs.cli.github import commands_for
from jobs.reports.summary import summarise
from jobs.specs import Outcome, Verdict
from recovery import RecoveryLevel
from tests.unit.reports.verdicts import attempt, header, verdict


def ran(*verdicts: Verdict) -> Ran:
    return Ran(header(), summarise(verdicts, ()), verdicts, (), verdicts, {}, {}, 1.0)


def test_what_is_red_is_an_error_and_what_is_flaky_a_warning() -> None:
    way = (attempt(1, "crash"), attempt(2, "passed", RecoveryLevel.MODERATE))
    lines = list(
        commands_for(
            ran(
                verdict("wrong", Outcome.FAILED, reason="not equal", measurement=None),
                verdict("lost", Outcome.ERROR, reason="no browser"),
                verdict("flaky", attempts=way, recovered=True, measurement=None),
                verdict("cancelled", Outcome.CANCELLED),
                verdict("good"),
            )
        )
    )
    assert lines == [
        "::error title=failed%3A wrong::not equal",
        "::error title=error%3A lost::no browser",
        "::warning title=flaky%3A flaky::recovered",
    ]


def test_no_text_of_a_tests_can_be_a_command_of_its_own() -> None:
    [line] = commands_for(ran(verdict("a,b::c", Outcome.FAILED, reason="50 %\n::error::x\r", measurement=None)))
    assert line == "::error title=failed%3A a%2Cb%3A%3Ac::50 %25%0A::error::x%0D"


def test_of_each_kind_ten_are_told() -> None:
    many = [verdict(f"t{number}", Outcome.FAILED) for number in range(30)]
    assert len(list(commands_for(ran(*many)))) == 10
