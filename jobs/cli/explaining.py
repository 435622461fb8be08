"""Whose fault an error is, and how it is told."""

from __future__ import annotations

import redis

from jobs.bad_input import BadInput
from jobs.batches import FarmFull
from jobs.connections import RedisUnavailable, what_redis_refused
from jobs.exit_codes import ExitCode
from jobs.farm_failure import FarmFailure
from jobs.settings import WrongSettings


def explain(error: Exception) -> tuple[ExitCode, str] | None:
    """The exit code and the message; None: no command should end by such an error."""
    match error:
        case BadInput() | WrongSettings():
            return ExitCode.BAD_INPUT, str(error)
        case RedisUnavailable() | FarmFailure() | FarmFull():
            return ExitCode.INFRASTRUCTURE, str(error)
        case redis.RedisError():
            return ExitCode.INFRASTRUCTURE, what_redis_refused(error)
    return None
