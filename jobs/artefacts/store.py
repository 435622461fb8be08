"""Artefacts in Redis: under one size cap for all batches (the oldest go first), and each with an expiry.

Redis and not a folder: the worker that makes them may be another machine than the client that reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final, cast

import redis
from pydantic import BaseModel, ConfigDict, Field

from jobs.batches.keyspace import text
from jobs.settings import Settings
from jobs.specs import TEST_ID

# Bytes. One artefact may be no larger; a screenshot has some tens of thousands, a log is cut before.
LARGEST: Final = 2 * 1024 * 1024
# Characters of a test's id in a file's name, which has 255 at most.
_LONGEST_PART: Final = 150
# The two characters of a test's id that a file's name had better not have, and two that no id has.
_IN_FILES: Final = str.maketrans("/#", "+=")

_NAME = r"^[a-z0-9][a-z0-9.-]{0,79}$"


class Artefact(BaseModel):
    """What is known of an artefact without its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: str = Field(pattern=r"^[^|]{1,200}$")
    test: str = Field(pattern=TEST_ID)
    attempt: int = Field(ge=1)
    name: str = Field(pattern=_NAME, description="as a file would be called: screenshot.png, driver.log, …")
    size: int = Field(ge=0, description="bytes")

    @property
    def file(self) -> Path:
        """Where ``export`` puts it below its folder. Its own name says whose it is: Jenkins keeps nothing but that."""
        test = name_in_files(self.test)
        return Path(test, f"{test}.{self.attempt}.{self.name}")


def name_in_files(test: str) -> str:
    """What folders and files are called by for a test's id. Two ids never share a name.

    ``/`` becomes ``+`` and ``#`` becomes ``=``, which no id has.
    """
    name = test.translate(_IN_FILES)
    if len(name) > _LONGEST_PART:
        digest = hashlib.sha256(test.encode()).hexdigest()[:12]
        return f"{digest}~{name[len(digest) + 1 - _LONGEST_PART :]}"
    if name.startswith((".", "-")):  # hidden, a folder above, or like a switch
        return f"~{name}"
    return name


class ArtefactStore:
    """All artefacts of one Redis and prefix. Safe to share between threads."""

    def __init__(self, client: redis.Redis, prefix: str = "breakwater", *, cap_bytes: int, expiry_seconds: int) -> None:
        self._client = client
        self._prefix = prefix
        self._cap = cap_bytes
        self._expiry = expiry_seconds
        self._keep = client.register_script((resources.files(__package__) / "keep.lua").read_text("utf-8"))

    def keep(self, batch: str, test: str, attempt: int, contents: Mapping[str, bytes]) -> tuple[Artefact, ...]:
        """Keep what an attempt left, by name; returns what was kept.

        Left out: what is empty, or too large for the cap. A name that this attempt has already is replaced.
        """
        kept = []
        for name, content in contents.items():
            artefact = Artefact(batch=batch, test=test, attempt=attempt, name=name, size=len(content))
            if 0 < len(content) <= LARGEST and self._keep(
                keys=[self._key("ages"), self._key("sizes"), self._key("of:"), self._key("total")],
                args=[batch, _field(artefact), content, self._cap, self._expiry],
            ):
                kept.append(artefact)
        return tuple(kept)

    def of_batch(self, batch: str) -> tuple[Artefact, ...]:
        """What is kept of a batch, in order of test, attempt and name."""
        key = self._key(f"of:{batch}")
        fields = [text(field) for field in self._client.hkeys(key)]
        pipe = self._client.pipeline(transaction=False)
        for field in fields:
            pipe.hstrlen(key, field)
        found = []
        for field, size in zip(fields, pipe.execute(), strict=True):
            test, attempt, name = field.split("|")
            if size:  # let go since
                found.append(Artefact(batch=batch, test=test, attempt=int(attempt), name=name, size=size))
        return tuple(sorted(found, key=lambda one: (one.test, one.attempt, one.name)))

    def read(self, artefact: Artefact) -> bytes | None:
        """An artefact's content; None when it had to go, or expired."""
        content = self._client.hget(self._key(f"of:{artefact.batch}"), _field(artefact))
        return None if content is None else cast("bytes", content)

    def export(self, batch: str, folder: Path) -> dict[Artefact, Path]:
        """Write a batch's artefacts below ``folder`` as ``<test>/<test>.<attempt>.<name>``; returns where each is.

        Raises:
            OSError: a file can't be written.
        """
        written = {}
        for artefact in self.of_batch(batch):
            content = self.read(artefact)
            if content is not None:
                path = folder / artefact.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                written[artefact] = path
        return written

    def _key(self, name: str) -> str:
        return f"{self._prefix}:artefacts:{name}"


def _field(artefact: Artefact) -> str:
    return f"{artefact.test}|{artefact.attempt}|{artefact.name}"


def artefact_store(client: redis.Redis, config: Settings) -> ArtefactStore:
    """The store as the settings describe it."""
    return ArtefactStore(
        client,
        config.key_prefix,
        cap_bytes=config.artefact_megabytes * 1024 * 1024,
        expiry_seconds=config.batch_expiry_seconds,
    )
