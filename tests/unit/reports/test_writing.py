"""Reports are written whole, and what can't be written is known before the batch."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jobs.bad_input import BadInput
from jobs.reports.writing import check_writable, write_whole


def test_a_report_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("old", encoding="utf-8")
    check_writable(report)
    write_whole(report, "new é")
    assert report.read_text(encoding="utf-8") == "new é"
    assert list(tmp_path.iterdir()) == [report]


def test_a_report_that_fails_half_way_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        write_whole(report, "new \ud800")
    assert report.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [report]


def test_a_report_may_be_read_as_far_as_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "report", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    link = tmp_path / "latest"
    link.symlink_to("reports/today")
    check_writable(link)
    write_whole(link, "x")
    assert link.is_symlink()
    assert (tmp_path / "reports" / "today").read_text(encoding="utf-8") == "x"


def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")), daemon=True)
    reader.start()
    write_whole(pipe, "x")
    reader.join(10)
    assert read == ["x"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_longest_name_that_a_file_may_have_is_good(tmp_path: Path) -> None:
    report = tmp_path / ("x" * 255)
    check_writable(report)
    write_whole(report, "x")
    assert report.read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize("name", [".", "missing/report", "file/report", "x" * 256])
def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="give a file") as caught:
        check_writable(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_stdout_goes_to_keeps_what_is_in_it(tmp_path: Path) -> None:
    program = "from pathlib import Path; from jobs.reports.writing import write_whole\nprint('before', flush=True)\n"
    program += "write_whole(Path('/dev/stdout'), 'report\\n')"
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", program], stdout=log, check=True)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "before\nreport\n"
