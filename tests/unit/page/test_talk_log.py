"""SELENIUM_BRIDGE_LOG_LEVEL."""

import logging
from collections.abc import Iterator

import pytest

from jobs.browsers.talk_log import LEVEL_VARIABLE, configure_logging, logger


@pytest.fixture(autouse=True)
def _logger_as_before() -> Iterator[None]:
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.mark.parametrize(("value", "level"), [("DEBUG", logging.DEBUG), ("warning", logging.WARNING)])
def test_the_variable_sets_the_level(monkeypatch: pytest.MonkeyPatch, value: str, level: int) -> None:
    monkeypatch.setenv(LEVEL_VARIABLE, value)
    configure_logging()
    assert logger.level == level


def test_an_unknown_level_is_told_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LEVEL_VARIABLE, "LOUD")
    before = logger.level
    configure_logging()
    assert logger.level == before
    assert "LOUD" in caplog.text
    assert "DEBUG" in caplog.text
