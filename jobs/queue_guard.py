"""Kombu's Redis transports, but no message can end the worker: what is no task message is logged and dropped.

Queues are lists that anybody with the farm's password can push to. Kombu reads them inside Celery's event loop, where
an error of its own making is the end of the process.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any, Literal

from kombu.transport import TRANSPORT_ALIASES, redis
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jobs.routing import QUEUE_NAMES

log = logging.getLogger("breakwater.worker")

# What wrong data raises, and a lost connection doesn't.
_WRONG_DATA = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class _Reading:
    """A channel's reading of queues."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except _WRONG_DATA as error:
            log.warning("a message is not JSON, and dropped: %s", error)
            raise Empty from error


class _Headers(BaseModel):
    """What Celery reads of a task before anything of ours does. It computes with some of it, unlooked at."""

    model_config = ConfigDict(strict=True)

    id: str
    task: str
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    group_index: int | None = None
    timelimit: list[float | None] = Field(default=[None, None], min_length=2, max_length=2)
    eta: str | None = None
    expires: str | None = None
    retries: int = 0
    argsrepr: str = ""
    kwargsrepr: str = ""
    origin: str | None = None
    shadow: str | None = None
    lang: str = "py"
    ignore_result: bool = False
    replaced_task_nesting: int = 0
    stamped_headers: list[str] | None = None
    stamps: dict[str, JsonValue] | None = None


class _Where(BaseModel):
    model_config = ConfigDict(strict=True)

    exchange: str = ""
    routing_key: str


class _Properties(BaseModel):
    model_config = ConfigDict(strict=True)

    delivery_tag: str
    delivery_info: _Where
    body_encoding: Literal["base64"]
    correlation_id: str | None = None
    reply_to: str | None = None
    delivery_mode: int = 2
    priority: int | None = None


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)

    body: str
    headers: _Headers
    properties: _Properties


class _Delivering:
    """A transport's handing over of messages to Celery."""

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            if queue in QUEUE_NAMES:
                _Message.model_validate(message)
            super()._deliver(message, queue)  # type: ignore[misc]
        except _WRONG_DATA as error:
            log.warning(
                "a message in %s is no task, and dropped: %s: %s",
                queue,
                type(error).__name__,
                " ".join(str(error).split()),
            )
            self._acknowledge(message)

    def _acknowledge(self, message: Any) -> None:
        """So that it doesn't come back."""
        properties = message.get("properties") if isinstance(message, dict) else None
        tag = properties.get("delivery_tag") if isinstance(properties, dict) else None
        for channel in self.channels if isinstance(tag, str) else ():  # type: ignore[attr-defined]
            if tag in channel.qos._delivered:
                channel.basic_ack(tag)


class Channel(_Reading, redis.Channel):
    """Redis, read with care."""


class SentinelChannel(_Reading, redis.SentinelChannel):
    """Redis behind sentinels, read with care."""


class Transport(_Delivering, redis.Transport):
    """Redis, handed over with care."""

    Channel = Channel


class SentinelTransport(_Delivering, redis.SentinelTransport):
    """Redis behind sentinels, handed over with care."""

    Channel = SentinelChannel


def install() -> None:
    """Let the URLs of a broker lead here."""
    TRANSPORT_ALIASES.update(
        {
            "redis": f"{__name__}:Transport",
            "rediss": f"{__name__}:Transport",
            "sentinel": f"{__name__}:SentinelTransport",
        }
    )
