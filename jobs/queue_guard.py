"""Kombu's Redis transports, but no message can end the worker: what is no task message is logged and dropped.

Queues are lists that anybody with the farm's password can push to. Kombu reads them inside Celery's event loop, where
an error of its own making is the end of the process.
"""

from __future__ import annotations

import logging
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

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


class _Delivering:
    """A transport's handing over of messages to Celery."""

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            super()._deliver(message, queue)  # type: ignore[misc]
        except _WRONG_DATA as error:
            log.warning("a message in %s is no task, and dropped: %s: %s", queue, type(error).__name__, error)
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
