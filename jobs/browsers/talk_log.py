"""The logger of everything between Python and a browser; ``SELENIUM_BRIDGE_LOG_LEVEL`` sets how much it says.

At DEBUG it shows the talk: types and sizes of messages, never a token or a tensor.
"""

from __future__ import annotations

import logging
import os
from typing import Final

LEVEL_VARIABLE: Final = "SELENIUM_BRIDGE_LOG_LEVEL"

logger: Final = logging.getLogger("breakwater.browsers")


def configure_logging() -> None:
    """Set the level from the environment; where nobody configured logging, write to stderr.

    An unknown level is told once and changes nothing.
    """
    name = os.environ.get(LEVEL_VARIABLE, "").strip().upper()
    if not name:
        return
    level = logging.getLevelNamesMapping().get(name)
    if level is None:
        logger.warning("%s=%s is no log level; use DEBUG, INFO, WARNING or ERROR", LEVEL_VARIABLE, name)
        return
    logger.setLevel(level)
    if not logger.hasHandlers():
        stderr = logging.StreamHandler()
        stderr.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(stderr)
