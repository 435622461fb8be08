"""A queue message, exactly as ``apply_async`` on kombu's Redis transport would write it, but a hundred times faster.

The envelope is built once, by Celery itself, with blanks for what differs from attempt to attempt.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

TASK_NAME = "jobs.tasks.run_attempt"

# Blanks in the envelope. Neither ids nor queue names can contain them.
_TASK_ID, _ARGS_REPR, _BODY, _TAG, _QUEUE = "<task id>", "<args>", "<body>", "<tag>", "<queue>"
_BLANKS = {_TASK_ID: "task_id", _ARGS_REPR: "args", _BODY: "body", _TAG: "tag", _QUEUE: "queue"}


class MessageTemplate:
    """Writes the message of an attempt: task protocol 2, JSON, base64 body, id ``<batch>:<test>:<attempt>``.

    Queues are direct ones whose list in Redis is named like the queue (jobs/routing.py). No priority is used; kombu
    would keep one list per priority step.
    """

    def __init__(self, app: Celery, task: str = TASK_NAME) -> None:
        from kombu.serialization import dumps  # noqa: PLC0415 - slow to load, and most commands write no message

        self._dumps: Callable[..., Any] = dumps
        self.queues = frozenset(app.amqp.queues)
        message = app.amqp.as_task_v2(
            _TASK_ID, task, args=(), kwargs={}, argsrepr=_ARGS_REPR, ignore_result=app.conf.task_ignore_result
        )
        content_type, content_encoding, body = dumps(message.body, serializer="json")
        self._signed_by = app.conf.task_serializer if app.conf.task_serializer != "json" else None
        if self._signed_by is not None:
            content_type, content_encoding, _ = dumps(message.body, serializer=self._signed_by)
        args, rest = json.loads(body)[0], body.partition("[]")[2]
        if args != [] or not rest:
            raise RuntimeError(f"Celery writes a task's body in a new way: {body!r}")
        self._body_rest = rest
        envelope: dict[str, Any] = {
            "body": _BODY,
            "content-encoding": content_encoding,
            "content-type": content_type,
            "headers": message.headers,
            "properties": {
                **message.properties,
                "delivery_mode": 2,
                # Celery sends straight to a direct queue by the default exchange, whatever exchange it is bound to.
                "delivery_info": {"exchange": "", "routing_key": _QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": _TAG,
            },
        }
        written = json.dumps(envelope).replace("%", "%%")
        for blank, name in _BLANKS.items():
            written = written.replace(blank, f"%({name})s")
        self._envelope = written

    def check(self, queue: str) -> None:
        """Refuse a queue that no worker would ever read.

        Raises:
            ValueError: the application has no such queue.
        """
        if queue not in self.queues:
            raise ValueError(f"no queue {queue!r}; there are {', '.join(sorted(self.queues))}")

    def write(self, queue: str, batch: str, test: str, attempt: int) -> str:
        """The message, ready for LPUSH.

        Raises:
            ValueError: the application has no such queue.
        """
        self.check(queue)
        args = f'["{batch}", "{test}", {attempt}]'
        body = f"[{args}{self._body_rest}"
        if self._signed_by is not None:
            body = self._dumps(json.loads(body), serializer=self._signed_by)[2]
        return self._envelope % {
            "task_id": f"{batch}:{test}:{attempt}",
            "args": args.replace('"', "'"),
            "body": base64.b64encode(body.encode()).decode(),
            "tag": os.urandom(16).hex(),
            "queue": queue,
        }


@cache
def app_template() -> MessageTemplate:
    """The template of this package's own application."""
    from jobs.celery import app  # noqa: PLC0415 - reads Celery's configuration: only when a message is to be written

    return MessageTemplate(app)
