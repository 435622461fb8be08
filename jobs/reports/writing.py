"""Write a report whole or not at all; and know before the batch whether it can be written."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jobs.bad_input import BadInput
from jobs.batches.values import BatchHeader
from jobs.reports.artefact_files import NO_FILES, ArtefactFiles
from jobs.reports.thresholds import Comparison
from jobs.specs import Verdict


class ReportWriter(Protocol):
    """Writes one form of report."""

    def __call__(
        self,
        path: Path,
        header: BatchHeader,
        verdicts: Sequence[Verdict],
        comparison: Comparison | None = None,
        files: ArtefactFiles = NO_FILES,
        /,
    ) -> None:
        """Write the report of a batch; ``files``: artefacts that it may link to.

        Raises:
            OSError: the file can't be written.
        """


def check_writable(path: Path) -> None:
    """See that a report can be written to ``path``, before anything is enqueued.

    Raises:
        BadInput: it can't: no such folder, no permission, a folder of that name, or a name too long.
    """
    try:
        if path.is_dir():
            raise BadInput(f"report {path}: is a folder; give a file's name")
        if not _is_replaceable(path):
            may_write = os.access(path, os.W_OK)
        else:
            with tempfile.TemporaryFile(dir=_behind_links(path).parent):
                may_write = True
    except OSError as error:
        raise BadInput(f"report {path}: {error.strerror}; give a file in a folder that can be written") from error
    if not may_write:
        raise BadInput(f"report {path}: may not be written to; give a file in a folder that can be written")


def write_whole(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` in one step: a reader sees the old file or the new one.

    A link stays a link: the file behind it is replaced. What is no file (a pipe, /dev/stdout) is appended to.

    Raises:
        OSError: the folder or the disk refuses it.
    """
    if not _is_replaceable(path):
        # Appended: /dev/stdout may be a file that other output is in.
        with path.open("a", encoding="utf-8") as stream:
            stream.write(content)
        return
    target = _behind_links(path)
    # A name of fixed length: a long name of the report's own leaves no room for more. "x" obeys the umask.
    temporary = target.with_name(f".breakwater-{secrets.token_hex(8)}")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(content)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _is_replaceable(path: Path) -> bool:
    """Whether a rename may put a file here. Over a device it would destroy that, or the file that stdout goes to."""
    return path.absolute().parts[1] != "dev" and (path.is_file() or not path.exists())


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path))
