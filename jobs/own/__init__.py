"""Users' own tests: functions ``(driver, context) -> None`` that workers run in their browsers."""

from jobs.own.context import Context

__all__ = ["Context"]
