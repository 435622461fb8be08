"""``pytest --breakwater``: what can't be sent to the farm is told before anything starts, in one line."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.pytest_plugin.marks import ids_of
from jobs.settings import settings

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run pytest, in this process, on a file of tests; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(source: str, *arguments: str) -> tuple[int, str]:
        # A name of its own: pytest remembers modules, and this process has run others.
        (tmp_path / f"test_{uuid.uuid4().hex}.py").write_text(f"import pytest\n{source}\n", encoding="utf-8")
        code = pytest.main(
            [
                "-s",
                "-p",
                "no:cacheprovider",
                "-c",
                os.devnull,
                "--rootdir",
                ".",
                "--import-mode",
                "importlib",
                *arguments,
            ]
        )
        printed = capsys.readouterr()
        return int(code), printed.out + printed.err

    return run


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "@pytest.mark.breakwater\ndef test_a(driver, tmp_path): pass",
            "::test_a[chrome] can't run on the farm: fixture 'tmp_path' exists only where pytest runs",
        ),
        (
            "class TestA:\n    @pytest.mark.breakwater\n    def test_a(self, driver): pass",
            "::TestA::test_a[chrome] can't run on the farm: it is a method",
        ),
        (
            "@pytest.mark.breakwater\n@pytest.mark.parametrize('when', [object])\ndef test_a(driver, when): pass",
            "parameter when=<class 'object'> is no JSON value",
        ),
        (
            "@pytest.mark.breakwater\n@pytest.mark.parametrize('size', [(1, 2)])\ndef test_a(driver, size): pass",
            "parameter size=(1, 2) is no JSON value",
        ),
        (
            (
                "@pytest.fixture\ndef shop(request): return request.param\n@pytest.mark.breakwater\n"
                "@pytest.mark.parametrize('shop', [1], indirect=True)\ndef test_a(driver, shop): pass"
            ),
            "it is parametrized indirectly",
        ),
        (
            "@pytest.mark.breakwater(base_url='nowhere')\ndef test_a(driver): pass",
            "base_url: String should match pattern",
        ),
    ],
    ids=["fixture", "method", "object", "tuple", "indirect", "address"],
)
def test_what_can_not_be_sent_is_a_usage_error(run: Run, source: str, said: str) -> None:
    code, output = run(source, "--breakwater", "-q")
    assert code == pytest.ExitCode.USAGE_ERROR, output
    [line] = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    assert said in line
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("breakwater(browser='chrom')", "Input should be 'chrome'"),
        ("breakwater(browsers=[])", "browsers"),
        ("breakwater(colour=1)", "allowed: browser, browsers, timeout, isolation, base_url"),
        ("breakwater(timeout=0)", "timeout"),
        ("breakwater('chrome')", "name its arguments"),
        ("breakwater(browser='chrome', browsers=['firefox'])", "not both"),
    ],
)
def test_a_mistake_in_a_mark_is_told_with_or_without_the_farm(run: Run, mark: str, said: str) -> None:
    code, output = run(f"@pytest.mark.{mark}\ndef test_a(driver): pass", "-q")
    assert code == pytest.ExitCode.INTERRUPTED, output
    assert said in output
    assert "@pytest.mark.breakwater of test_a: " in output
    assert "Traceback" not in output


@pytest.mark.parametrize("farm", [(), ("--breakwater",)], ids=["here", "farm"])
def test_a_wrong_setting_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, farm: tuple[str, ...]) -> None:
    monkeypatch.setenv("BREAKWATER_KEY_PREFIX", "a b")
    settings.cache_clear()
    try:
        code, output = run("@pytest.mark.breakwater\ndef test_a(driver): pass", *farm, "-q")
    finally:
        settings.cache_clear()
    assert code == pytest.ExitCode.USAGE_ERROR, output
    assert "ERROR: breakwater: environment: BREAKWATER_KEY_PREFIX: must be" in output
    assert "Traceback" not in output


def test_a_marked_test_must_ask_for_a_driver(run: Run) -> None:
    code, output = run("@pytest.mark.breakwater\ndef test_a(): pass", "-q")
    assert code == pytest.ExitCode.INTERRUPTED
    assert "asks for neither driver nor context" in output


def test_each_browser_is_an_item_and_parameters_multiply(run: Run) -> None:
    source = (
        "@pytest.mark.breakwater(browsers=['chrome', 'firefox'])\n@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_a(driver, n): pass\n"
    )
    code, output = run(source, "--collect-only", "-q", "--breakwater", "--strict-markers")
    assert code == 0
    items = {line.partition("::")[2] for line in output.splitlines() if "::" in line}
    assert items == {f"test_a[{browser}-{n}]" for browser in ("chrome", "firefox") for n in (1, 2)}


def test_no_two_tests_have_one_id() -> None:
    nodes = [f"test_a.py::test_b[{name}]" for name in ("a/b", "a-b", "a#b", "a b", "a" * 300, "b" + "a" * 300)]
    ids = ids_of(nodes)
    assert list(ids) == nodes
    assert len(set(ids.values())) == len(nodes)
    assert ids_of([*nodes, nodes[0]]) == ids


def test_a_skipped_test_needs_no_farm(run: Run) -> None:
    source = (
        "@pytest.mark.breakwater\n@pytest.mark.skip(reason='later')\ndef test_a(driver): pass\n"
        "@pytest.mark.breakwater\n@pytest.mark.skipif(True, reason='later')\ndef test_b(driver): pass\n"
        "@pytest.mark.breakwater\n@pytest.mark.xfail(run=False, reason='later')\ndef test_c(driver): pass\n"
    )
    code, output = run(source, "--breakwater", "-q")
    assert code == 0
    assert "2 skipped, 1 xfailed" in output


def test_a_bad_number_of_workers_is_a_usage_error(run: Run) -> None:
    code, output = run("def test_a(): pass", "--breakwater", "--breakwater-workers", "0")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "from 1 to 64" in output
