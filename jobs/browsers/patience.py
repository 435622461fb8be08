"""How long a silence must last before it means something. On an overloaded machine the living are late too."""

from __future__ import annotations

import os
from typing import Final

# Processes that want to compute, per processor, up to which a machine counts as not overloaded.
_CALM: Final = 3.0
# A silence of so many times its usual length means the same on any machine.
MOST: Final = 4.0


def stretched(seconds: float) -> float:
    """``seconds``, or as many times more as the machine has more to do than it can."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(MOST, max(1.0, load / _CALM))
