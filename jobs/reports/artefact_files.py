"""Where a batch's artefacts lie as files, and how each form of report names them: relative, so that all can move."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from jobs.artefacts import Artefact
from jobs.specs import Verdict

ArtefactFiles = Mapping[tuple[str, int], Mapping[str, Path]]
"""By test and attempt: name → file."""

NO_FILES: ArtefactFiles = MappingProxyType({})


def by_attempt(exported: Mapping[Artefact, Path]) -> ArtefactFiles:
    """What ``ArtefactStore.export`` wrote, for reports. Pictures come first: GitLab shows but one file of a test."""
    files: dict[tuple[str, int], dict[str, Path]] = {}
    for artefact in sorted(exported, key=lambda one: (one.test, one.attempt, not one.name.endswith(".png"), one.name)):
        files.setdefault((artefact.test, artefact.attempt), {})[artefact.name] = exported[artefact]
    return files


def link_from(page: Path, file: Path) -> str:
    """The address of a file in a page that lies beside it."""
    return quote(Path(os.path.relpath(file, page.parent)).as_posix(), safe="/+=")


def attachments(verdict: Verdict, files: ArtefactFiles) -> Iterable[str]:
    """Lines that Jenkins' attachments plugin and GitLab look for in what a test printed, the last attempt's first.

    Both read a path as relative to the folder that they checked the project out to.
    """
    project = os.environ.get("CI_PROJECT_DIR") or os.environ.get("WORKSPACE") or Path.cwd()
    for entry in reversed(verdict.attempts):
        for file in files.get((verdict.test, entry.number), {}).values():
            yield f"[[ATTACHMENT|{Path(os.path.relpath(file, project)).as_posix()}]]"
