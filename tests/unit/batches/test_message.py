"""The queue message is the one that Celery and kombu write themselves."""

from __future__ import annotations

import base64
import json

import pytest
from celery import Celery
from kombu import Queue

from jobs.batches.message import MessageTemplate, app_template


def test_the_attempt_is_named_everywhere_it_must_be() -> None:
    message = json.loads(app_template().write("browser.firefox", "b-1", "text/bert#1", 3))
    assert message["headers"]["id"] == message["headers"]["root_id"] == "b-1:text/bert#1:3"
    assert message["properties"]["correlation_id"] == "b-1:text/bert#1:3"
    assert message["properties"]["delivery_info"] == {"exchange": "", "routing_key": "browser.firefox"}
    args, kwargs, embed = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["b-1", "text/bert#1", 3], {})
    assert set(embed) == {"callbacks", "errbacks", "chain", "chord"}
    assert message["headers"]["argsrepr"] == "['b-1', 'text/bert#1', 3]"


def test_each_delivery_has_a_tag_of_its_own() -> None:
    tags = {
        json.loads(app_template().write("simulation", "b", "t", 1))["properties"]["delivery_tag"] for _ in range(100)
    }
    assert len(tags) == 100


def test_a_percent_sign_in_the_envelope_survives() -> None:
    app = Celery("other", task_queues=[Queue("q")])
    message = json.loads(MessageTemplate(app, "odd.100%s").write("q", "b", "t", 1))
    assert message["headers"]["task"] == "odd.100%s"


def test_a_queue_that_nobody_would_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no queue 'browser\.opera'; there are browser\.chrome"):
        app_template().write("browser.opera", "b", "t", 1)
