"""What is left of a batch when it ended: JSON for programs, JUnit for CI systems, a summary for people."""

from jobs.reports.json_report import write_json
from jobs.reports.junit import write_junit
from jobs.reports.writing import check_writable

__all__ = ["check_writable", "write_json", "write_junit"]
