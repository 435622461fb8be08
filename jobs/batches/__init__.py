"""Batches of tests in Redis: publish, claim, lease, send on, park, verdict, reap, watch, cancel.

At least one delivery (Celery's), exactly one verdict (ours). The layout of all keys: layout.lua.
"""

from jobs.batches.attempt_name import AttemptName
from jobs.batches.client import BatchReport, enqueue, report, wait
from jobs.batches.lease import HeldLease, LeaseKeeper
from jobs.batches.message import MessageTemplate
from jobs.batches.presence import Node, Presence, Session
from jobs.batches.reaper import Reaper, Tick
from jobs.batches.store import BatchStore
from jobs.batches.values import (
    BatchConflict,
    BatchError,
    BatchHeader,
    Claim,
    DuplicateTest,
    FarmFull,
    NextAttempt,
    Owner,
    Progress,
    QueueCounts,
    Refused,
    StagingLost,
    StaleAttempt,
    UnknownBatch,
    UnreadableTest,
)
from jobs.batches.verdicts import cancelled_verdict

__all__ = [
    "AttemptName",
    "BatchConflict",
    "BatchError",
    "BatchHeader",
    "BatchReport",
    "BatchStore",
    "Claim",
    "DuplicateTest",
    "FarmFull",
    "HeldLease",
    "LeaseKeeper",
    "MessageTemplate",
    "NextAttempt",
    "Node",
    "Owner",
    "Presence",
    "Progress",
    "QueueCounts",
    "Reaper",
    "Refused",
    "Session",
    "StagingLost",
    "StaleAttempt",
    "Tick",
    "UnknownBatch",
    "UnreadableTest",
    "cancelled_verdict",
    "enqueue",
    "report",
    "wait",
]
