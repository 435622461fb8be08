"""What the pages show is real: links lead somewhere, batch files load, commands and their switches exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from jobs.batch_file import load_plan
from jobs.cli import breakwater

ROOT = Path(__file__).parents[3]
PAGES = {str(page.relative_to(ROOT)): page for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))}


def blocks(kind: str) -> list[tuple[str, str]]:
    """Page and content of every fenced block of a kind."""
    fence = re.compile(rf"^```{kind}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(name, block) for name, page in PAGES.items() for block in fence.findall(page.read_text(encoding="utf-8"))]


def commands() -> list[tuple[str, str]]:
    """Every ``breakwater`` command line in the pages."""
    lines = [(name, line) for name, block in blocks("console") for line in block.splitlines()]
    typed = [
        (name, line[line.index("breakwater ") :]) for name, line in lines if re.match(r"\$ (\S*/)?breakwater ", line)
    ]
    return typed + [
        # What a CI system fills in is a number here.
        (name, re.sub(r"\$\{\{.*?\}\}|\$\w+", "1", line))
        for kind in ("yaml", "groovy")
        for name, block in blocks(kind)
        for line in re.findall(r"^ *(?:- |- run: |sh ')(breakwater [^'\n]+)", block, re.MULTILINE)
    ]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("name", "block"), [(name, block) for name, block in blocks("toml") if "[matrix]" in block]
)  # fmt: skip
def test_batch_files_load(tmp_path: Path, name: str, block: str) -> None:
    for model in re.findall(r'"([^"]+\.onnx)"', block):
        (tmp_path / model).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / model).touch()
    (tmp_path / "batch.toml").write_text(block, encoding="utf-8")
    assert load_plan(tmp_path / "batch.toml").total >= 1


@pytest.mark.parametrize(("name", "line"), commands())
def test_commands_and_their_switches_exist(name: str, line: str) -> None:
    _, command, *arguments = shlex.split(line, comments=True)
    assert command in breakwater.commands
    breakwater.commands[command].make_context(command, arguments, parent=click.Context(breakwater))


def test_the_pages_show_batch_files_and_commands() -> None:
    assert len([block for _, block in blocks("toml") if "[matrix]" in block]) >= 3
    assert len(commands()) >= 3
    assert len([line for name, line in commands() if name == "docs/ci.md"]) == 5
