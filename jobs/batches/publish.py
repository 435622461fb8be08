"""Publish a batch: rows and messages appear all at once or never, whatever its size and whoever dies on the way.

Tests are staged in chunks under keys of this call's own, which expire; one script (commit.lua) then renames them into
place. That is the moment at which the batch exists. Its messages move to the queues in bounded pieces (feed.lua), so
that a large batch never blocks Redis; should the client die there, any reaper's tick goes on. Memory of the client:
two chunks. Trips: one per chunk.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import redis

from jobs import signing
from jobs.batches.keyspace import redis_time, text
from jobs.batches.pressure import Pressure
from jobs.batches.values import BatchConflict, BatchHeader, DuplicateTest, FarmFull, StagingLost
from jobs.routing import queue_for
from jobs.specs import TestSpec
from recovery.kinds import BrowserType

# Tests per trip: a megabyte, and a few milliseconds in which Redis serves nobody else.
CHUNK = 1000
# Seconds that staged keys outlive the last chunk: the longest pause that a source of tests may make.
STAGING_SECONDS = 3600
# Chunks after which the room that is left is looked at again.
_ROOM_CHECKED = 20
# Messages moved by one script call: a few milliseconds, likewise.
FEED_CHUNK = 2000


_Chunk = list[tuple[TestSpec, str]]


class Publishing(Pressure):
    """The store's way in."""

    def publish(self, header: BatchHeader, tests: Iterable[TestSpec]) -> None:
        """Publish a batch; ``header.total`` is filled in from what ``tests`` gives.

        Publishing the same content under the same id again changes nothing; ``created_at`` is no part of it.

        Raises:
            BatchConflict: the id belongs to a batch of other content.
            DuplicateTest: a test id occurs twice.
            FarmFull: Redis has no room.
            StagingLost: ``tests`` paused for longer than an hour, or Redis lost the staged keys.
            ValueError: there is not a single test.
        """
        content = _Content(header, tests)
        known = self.client.hget(self.key(header.id), "digest")
        if known is not None:
            for _ in content.chunks():
                pass
            if text(known) != content.digest():
                raise BatchConflict(_conflict(header.id))
            return
        reply = self._stage_and_commit(header, content)
        if reply == "conflict":
            raise BatchConflict(_conflict(header.id))
        if reply == "lost":
            raise StagingLost(f"batch {header.id}: staged tests expired or were lost in Redis; publish again")
        while self.feed(header.id):
            pass

    def feed(self, batch: str) -> bool:
        """Move some of a published batch's messages to their queues; whether any may be left."""
        return bool(self.run("feed", batch, FEED_CHUNK))

    def _stage_and_commit(self, header: BatchHeader, content: _Content) -> str:
        staged = self.key(header.id, f":staged:{uuid.uuid4().hex}:")
        sizes: Counter[str] = Counter()
        committed = False
        try:
            # "Since when queued" is told by Redis's clock, read once and carried on by ours.
            offset = redis_time(self.client) - time.monotonic()
            self._stage_all(staged, header.id, content, sizes, offset)
            if not sizes:
                raise ValueError(f"batch {header.id} has no tests")
            total = sizes.total()
            queues = sorted(sizes)
            reply = text(
                self.run(
                    "commit", header.id,
                    header.model_copy(update={"total": total}).model_dump_json(), content.digest(), total, staged,
                    json.dumps(queues), json.dumps([sizes[queue] for queue in queues]),
                    header.priority, int(header.fail_fast),
                )
            )  # fmt: skip
            committed = reply == "published"
        except redis.OutOfMemoryError as error:
            raise FarmFull(f"batch {header.id} was not published: Redis is full ({error})") from error
        finally:
            if not committed:
                self.client.unlink(*_staged_keys(staged, sizes))
        return reply

    def _stage_all(self, staged: str, batch: str, content: _Content, sizes: Counter[str], offset: float) -> None:
        # Redis stages one chunk while this thread writes the next.
        with ThreadPoolExecutor(1, thread_name_prefix="publish") as sender:
            sent: Future[None] | None = None
            for number, chunk in enumerate(content.chunks()):
                if number % _ROOM_CHECKED == 0:
                    self.check_room(batch)
                by_browser = self._written(batch, chunk, sizes)
                if sent is not None:
                    sent.result()
                sent = sender.submit(self._stage, staged, batch, chunk, by_browser, offset + time.monotonic())
            if sent is not None:
                sent.result()

    def _written(self, batch: str, chunk: _Chunk, sizes: Counter[str]) -> dict[BrowserType | None, list[str]]:
        by_browser: dict[BrowserType | None, list[str]] = defaultdict(list)
        for spec, spec_json in chunk:
            browser = None if spec.simulate else spec.browser
            queue = queue_for(browser)
            # After the digest was taken: no two signatures are the same.
            # After the messages' template, too: with it Celery learns the keys.
            messages = self.messages
            signed = _spec_json(signing.signed(batch, spec)) if signing.is_on() else spec_json
            by_browser[browser] += (spec.id, signed, messages.write(queue, batch, spec.id, 1))
            sizes[queue] += 1
        return by_browser

    def _stage(
        self, staged: str, batch: str, chunk: _Chunk, by_browser: dict[BrowserType | None, list[str]], now: float
    ) -> None:
        with self.client.pipeline(transaction=False) as pipe:
            for browser, lines in by_browser.items():
                queue = queue_for(browser)
                row = json.dumps(
                    {"status": "queued", "number": 1, "queue": queue} | ({"browser": browser} if browser else {})
                )
                self.script("stage")(
                    keys=_staged_keys(staged, [queue]),
                    args=[f"{chunk[0][0].id}:{queue}", row, now, STAGING_SECONDS, "\n".join([*lines, ""])],
                    client=pipe,
                )
            added = sum(pipe.execute())
        if added != len(chunk):
            raise DuplicateTest(f"batch {batch}: a test id occurs twice, {_repeated(chunk)}")


class _Content:
    """What is published, in chunks, and its digest once all of it was read."""

    def __init__(self, header: BatchHeader, tests: Iterable[TestSpec]) -> None:
        self._tests = iter(tests)
        self._hash = hashlib.sha256(header.model_dump_json(exclude={"created_at", "total"}).encode())

    def chunks(self) -> Iterator[_Chunk]:
        while chunk := [(spec, _spec_json(spec)) for spec in itertools.islice(self._tests, CHUNK)]:
            self._hash.update("\n".join(spec_json for _, spec_json in chunk).encode() + b"\n")
            yield chunk

    def digest(self) -> str:
        return self._hash.hexdigest()


def _spec_json(spec: TestSpec) -> str:
    return spec.model_dump_json(exclude_defaults=True)


def _staged_keys(staged: str, queues: Iterable[str]) -> list[str]:
    keys = [f"{staged}calls", f"{staged}specs", f"{staged}rows"]
    for queue in queues:
        keys += (f"{staged}queued:{queue}", f"{staged}feed:{queue}")
    return keys


def _repeated(chunk: _Chunk) -> str:
    seen: set[str] = set()
    for spec, _ in chunk:
        if spec.id in seen:
            return repr(spec.id)
        seen.add(spec.id)
    return f"one of {chunk[0][0].id!r} … {chunk[-1][0].id!r}"


def _conflict(batch: str) -> str:
    return f"batch {batch} exists with other content; choose another id, or publish exactly the same tests"
