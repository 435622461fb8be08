"""Which tests were not green last time: remembered here for each batch file, or read from a batch or a report."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.bad_input import BadInput
from jobs.batches import BatchHeader, UnknownBatch
from jobs.cli.farms import is_named, standing_farm
from jobs.reports.summary import is_green
from jobs.reports.writing import write_whole
from jobs.specs import Verdict

# Bytes of a report that is read back.
_LARGEST_REPORT = 2_000_000_000


class Failed(NamedTuple):
    """Tests that were not green, and in what."""

    tests: frozenset[str]
    where: str


class _Remembered(BaseModel):
    model_config = ConfigDict(extra="ignore")

    batch: str
    tests: list[str]


def failed_tests(name: str, source: str) -> Failed:
    """The tests of ``source``: a batch id, a JSON report, or, when empty, the last run here of the batch ``name``.

    Raises:
        BadInput: there is no such thing.
    """
    if not source:
        return _remembered(name)
    if source.endswith(".json") or "/" in source:
        return _reported(Path(source))
    if not is_named():
        raise BadInput(f"--last-failed {source}: BREAKWATER_REDIS_URL is not set; set it, or give a JSON report")
    store = standing_farm("--last-failed").backend.store
    try:
        header = store.header(source)
    except UnknownBatch as error:
        raise BadInput(f"--last-failed: {error}") from error
    tests = frozenset(one.test for one in store.verdicts(source) if not is_green(one, header.allow))
    return Failed(tests, f"batch {source}")


def remember(header: BatchHeader, tests: Iterable[str]) -> None:
    """Keep which tests were not green. Where that is not possible, the next ``--last-failed`` will say so."""
    path = _memory(header.name)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _Remembered(batch=header.id, tests=list(tests)).model_dump_json())


def _remembered(name: str) -> Failed:
    try:
        found = _Remembered.model_validate_json(_memory(name).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(
            f"--last-failed: no run of {name!r} in this folder is remembered; give a batch id or a JSON report"
        ) from error
    return Failed(frozenset(found.tests), f"batch {found.batch}")


def _memory(name: str) -> Path:
    """Where the last run of a batch of this name, in this folder, is kept."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    place = hashlib.sha256(f"{Path.cwd()}\0{name}".encode()).hexdigest()[:20]
    return Path(state) / "breakwater" / "last-failed" / f"{place}.json"


def _reported(path: Path) -> Failed:
    try:
        if path.stat().st_size > _LARGEST_REPORT:
            raise BadInput(f"--last-failed {path}: larger than {_LARGEST_REPORT} bytes; give a JSON report")
        report = json.loads(path.read_bytes())
        header = BatchHeader.model_validate(report["batch"])
        verdicts = [Verdict.model_validate(verdict) for verdict in report["verdicts"]]
    except OSError as error:
        raise BadInput(f"--last-failed {path}: {error.strerror}; give a batch id or a JSON report") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"--last-failed {path}: not a JSON report of `breakwater`") from error
    return Failed(frozenset(one.test for one in verdicts if not is_green(one, header.allow)), str(path))
