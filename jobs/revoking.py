"""Celery's own ``revoke``: a test whose task is revoked ends as ``cancelled``, whether it waited or ran."""

from __future__ import annotations

import logging
from typing import Any

import redis
from celery import signals

from jobs.backend import BOOT, Backend
from jobs.batches import AttemptName, BatchStore, Claim, Owner, cancelled_verdict
from jobs.settings import settings

log = logging.getLogger("breakwater.worker")


@signals.task_revoked.connect
def on_revoked(request: Any, terminated: bool, **_: Any) -> None:
    """Celery dropped the message, in the worker's main process, and killed the child if it was told to."""
    name = AttemptName.of_task(request.id)
    if name is None:
        return
    backend = Backend(settings())
    try:
        end_revoked(backend.store, name, Owner(node=request.hostname or "revoked", boot=BOOT, pid=0), terminated)
    except redis.RedisError as error:  # the test then goes on when its lease ends, or as a stray
        log.warning("%s was revoked, but Redis does not answer: %s", request.id, error)
    finally:
        backend.client.close()


def end_revoked(store: BatchStore, name: AttemptName, owner: Owner, terminated: bool) -> None:
    """Give the test its verdict, unless it has moved on from the attempt that was revoked."""
    claim = store.claim(*name, owner)
    if not isinstance(claim, Claim):
        # The one who held it was our child: it claimed it by the very message that was revoked, and was killed.
        if not (terminated and claim.holder and claim.number and claim.holder.boot == owner.boot):
            return
        taken = store.expire_now(name.batch, name.test, claim.number, claim.holder)
        if taken is None:
            return
        claim = taken
    store.finish(claim, cancelled_verdict(claim.spec, claim.history, 0.0, "revoked"))
