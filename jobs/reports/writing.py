"""Write a report whole or not at all; and know before the batch whether it can be written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from jobs.plan import BadInput


def check_writable(path: Path) -> None:
    """See that a report can be written to ``path``, before anything is enqueued.

    Raises:
        BadInput: it can't: no such folder, no permission, or a folder of that name.
    """
    if path.is_dir():
        raise BadInput(f"report {path}: is a folder; give a file's name")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise BadInput(f"report {path}: {error.strerror}; give a file in a folder that can be written") from error


def write_whole(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` in one step: a reader sees the old file or the new one.

    Raises:
        OSError: the folder or the disk refuses it.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
