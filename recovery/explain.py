"""``RECOVERY_STRATEGY_DEBUG=1``: one log line for every classification and decision."""

from __future__ import annotations

import logging
import os

LOG = logging.getLogger("breakwater.recovery")


def explain(line: str, *values: object) -> None:
    """Log why recovery thinks what it thinks, where the variable asks for it; seen even if nobody set up logging."""
    if os.environ.get("RECOVERY_STRATEGY_DEBUG", "") in {"", "0"}:
        return
    if not LOG.isEnabledFor(logging.INFO):
        LOG.setLevel(logging.INFO)
    if not LOG.hasHandlers():
        LOG.addHandler(logging.StreamHandler())
    LOG.info(line, *values)
