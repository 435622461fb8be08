"""Messages and tests that workers take only from those whose certificates they know: Celery's ``auth`` serializer.

A message carries names only, and any worker may have to write one again. So a test carries its publisher's signature
besides, bound to its batch: who can write to Redis but has no key can't make a worker run anything.
"""

from __future__ import annotations

import hashlib
from typing import Any

from jobs.settings import Settings, settings
from jobs.specs import TestSpec

SERIALIZER = "auth"
_CONTENT_TYPE, _ENCODING = "application/data", "utf-8"


def celery_settings(config: Settings) -> dict[str, Any]:
    """What Celery must know to sign and to check; nothing where no key is set."""
    if config.signing_key is None:
        return {}
    return {
        "task_serializer": SERIALIZER,
        "event_serializer": SERIALIZER,
        "accept_content": [SERIALIZER],
        "security_key": str(config.signing_key),
        "security_certificate": str(config.signing_certificate),
        "security_cert_store": config.signing_store,
    }


def is_on() -> bool:
    """Whether this process signs and checks."""
    return settings().signing_key is not None


def signed(batch: str, spec: TestSpec) -> TestSpec:
    """The test with its publisher's signature."""
    from kombu.serialization import dumps  # noqa: PLC0415 - slow to load, and most farms don't sign

    return spec.model_copy(update={"signature": dumps(_content(batch, spec), serializer=SERIALIZER)[2]})


def objection(batch: str, spec: TestSpec) -> str | None:
    """Why a test must not run: nobody known signed it, or signed something else. None: it may."""
    from celery.exceptions import SecurityError  # noqa: PLC0415 - as above
    from kombu.exceptions import DecodeError, SerializerNotInstalled  # noqa: PLC0415
    from kombu.serialization import loads  # noqa: PLC0415

    if spec.signature is None:
        return "it carries no signature"
    try:
        content = loads(spec.signature, _CONTENT_TYPE, _ENCODING, accept={_CONTENT_TYPE})
    except (SecurityError, DecodeError, SerializerNotInstalled, ValueError) as error:
        return f"its signature is not good: {error}"
    return None if content == _content(batch, spec) else "its signature belongs to another test"


def _content(batch: str, spec: TestSpec) -> list[str]:
    text = spec.model_copy(update={"signature": None}).model_dump_json(exclude_defaults=True)
    return [batch, hashlib.sha256(text.encode()).hexdigest()]
