"""The example's batch file through ``breakwater run``: with the modules allowed, and without."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands import Command, read_report

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "shop"


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Path]:
    """The example, copied, with its page served on a free port."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    site = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        file = tmp_path / "batch.toml"
        file.write_text(file.read_text("utf-8").replace(':8000"', f':{server.server_address[1]}"'), encoding="utf-8")
        yield file
        server.shutdown()
        thread.join()


def test_the_examples_batch_passes_and_a_killed_browser_is_recovered(batch: Path) -> None:
    with batch.open("a", encoding="utf-8") as file:
        file.write('\n[[fault]]\nkind = "browser_killed"\ntest = "shop_tests.lamps_add_up"\nbrowser = "chrome"\n')
    command = Command(
        [
            "run", "batch.toml", "--report-json", "report.json", "--report-junit", "report.xml",
            "--report-html", "site/report.html", "--artefacts", "kept",
        ],
        batch.parent, {"BREAKWATER_TEST_MODULES": "shop_tests"},
    )  # fmt: skip
    try:
        assert command.wait(400) == 0, command.output
        command.assert_nothing_left()
    finally:
        command.kill()
    report = read_report(batch.parent / "report.json")
    verdicts = {verdict["test"]: verdict for verdict in report["verdicts"]}
    assert len(verdicts) == 4
    assert {verdict["outcome"] for verdict in verdicts.values()} == {"passed"}
    assert {test for test, verdict in verdicts.items() if verdict["recovered"]} == {"chrome/shop_tests.lamps_add_up"}
    for verdict in verdicts.values():
        assert verdict["kind"] == "python"
        assert verdict["model"] is None
        assert verdict["own"]["isolation"] == "context"
        assert verdict["own"]["browser_version"]
    assert report["environment"]["browsers"]["chrome"]
    # What the killed attempt left is there, and both reports lead to it.
    junit, page = ((batch.parent / name).read_text("utf-8") for name in ("report.xml", "site/report.html"))
    attached = re.findall(r"\[\[ATTACHMENT\|(.*)\]\]", junit)
    linked = re.findall(r'href="(\.\./kept[^"]*)"', page)
    assert "kept/chrome+shop_tests.lamps_add_up/chrome+shop_tests.lamps_add_up.1.driver.log" in attached
    assert {f"../{path}" for path in attached} == set(linked)
    for path in attached:
        assert (batch.parent / path).stat().st_size


def test_modules_that_are_not_allowed_are_told_in_one_line_before_anything_starts(batch: Path) -> None:
    command = Command(["run", "batch.toml"], batch.parent)
    try:
        assert command.wait(120) == 2
        assert command.output.count("\n") == 1, command.output
        assert "BREAKWATER_TEST_MODULES=shop_tests" in command.output
        command.assert_nothing_left()
    finally:
        command.kill()
