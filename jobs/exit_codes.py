"""The codes that ``breakwater`` ends with: whose fault it is."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What ``breakwater`` ends with. Where several are true, an interruption counts most, then infrastructure."""

    PASSED = 0
    FAILED = 1
    BAD_INPUT = 2
    INFRASTRUCTURE = 3
    INTERRUPTED = 130
