"""Users' own tests: functions ``(driver, context) -> None`` that workers run in their browsers."""
