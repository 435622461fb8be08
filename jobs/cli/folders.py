"""Folders that a switch names: told to be no good before anything runs, made when there is something to keep."""

from __future__ import annotations

import tempfile
from pathlib import Path

from jobs.bad_input import BadInput


def check_folder(folder: Path | None, switch: str = "--log-dir") -> None:
    """See that a folder is there or can be made, and can be written to. ``None``: the switch was not given.

    Raises:
        BadInput: it can't.
    """
    if folder is None:
        return
    try:
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise BadInput(f"{switch} {folder}: {error.strerror}; choose a folder that can be written") from error
