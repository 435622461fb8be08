"""What is left of a batch when it ended: JSON for programs, JUnit for CI systems, markdown and a page for people."""

from jobs.reports.html import write_html
from jobs.reports.json_report import write_json
from jobs.reports.junit import write_junit
from jobs.reports.markdown import render_markdown
from jobs.reports.writing import check_writable

__all__ = ["check_writable", "render_markdown", "write_html", "write_json", "write_junit"]
