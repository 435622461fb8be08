"""What is left of a batch when it ended: JSON for programs, JUnit for CI systems, markdown and a page for people."""

from jobs.reports.html import write_html
from jobs.reports.json_report import write_json
from jobs.reports.junit import write_junit
from jobs.reports.markdown import render_markdown, write_markdown
from jobs.reports.writing import ReportWriter, check_writable

__all__ = [
    "ReportWriter",
    "check_writable",
    "render_markdown",
    "write_html",
    "write_json",
    "write_junit",
    "write_markdown",
]
