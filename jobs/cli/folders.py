"""Folders that a switch names: made before anything runs, or told to be no good."""

from __future__ import annotations

import os
from pathlib import Path

from jobs.plan import BadInput


def make_folder(folder: Path | None, switch: str = "--log-dir") -> None:
    """Make the folder that a switch names; ``None``: it was not given.

    Raises:
        BadInput: it can't be made, or not be written to.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{switch} {folder}: {error.strerror}; choose a folder that can be written") from error
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{switch} {folder}: may not be written to; choose a folder that can be")
