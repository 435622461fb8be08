"""The embedded workers' logs on the command's own stderr, where one of the original's debug switches asks for it.

Their logs vanish with the farm: who switches a talk on wants to hear it where it was switched on.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jobs.processes import OwnedProcess

SWITCHES: Final = ("SELENIUM_BRIDGE_LOG_LEVEL", "RECOVERY_STRATEGY_DEBUG", "CIRCUIT_BREAKER_VERBOSE")


def is_asked(environment: Mapping[str, str]) -> bool:
    """Whether a switch is set."""
    return any(environment.get(switch, "") not in {"", "0"} for switch in SWITCHES)


class LogEcho:
    """Passes on what is new in the workers' logs, each line with its worker's name before it."""

    def __init__(self) -> None:
        self._passed: dict[Path, int] = {}

    def look(self, workers: Mapping[str, OwnedProcess]) -> None:
        """Pass on all whole lines that were written since the last look."""
        for name, worker in workers.items():
            with contextlib.suppress(OSError), worker.log_file.open("rb") as log:
                log.seek(self._passed.get(worker.log_file, 0))
                lines, newline, _ = log.read().rpartition(b"\n")
                self._passed[worker.log_file] = self._passed.get(worker.log_file, 0) + len(lines + newline)
                for line in lines.decode(errors="replace").splitlines():
                    print(f"{name}: {line}", file=sys.stderr)
