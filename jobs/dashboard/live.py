"""The one place in Flower's process that reads Redis for the pages: a poller, and a follower of the transitions.

However many pages are open, Redis is asked once. What the pages hear: told.py; how: channel.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from jobs.artefacts import artefact_store
from jobs.backend import Backend
from jobs.batches import UnknownBatch
from jobs.dashboard.board import BoardReader
from jobs.dashboard.channel import Channel, Listener, event
from jobs.dashboard.reading import Reader, Reading, states_of
from jobs.dashboard.samples import Samples
from jobs.dashboard.told import Batches, Board, Change, Farm, Standing, TestTold, TransitionTold, Trouble
from jobs.dashboard.transitions import AWAY, Transitions
from jobs.routing import SIMULATION_QUEUE
from jobs.settings import Settings

log = logging.getLogger("breakwater.dashboard")

# Seconds between two readings while somebody looks, and while nobody does (samples for the charts, and alerts).
WATCHED, UNWATCHED = 1.0, 5.0
# A reading of a large farm takes time that Flower's own pages need too: it may have this share of it.
MOST_TIME = 0.05
# Seconds after which a transition is followed by a reading, as more than its circuit may have changed.
AFTER_TRANSITION = 0.2
# Seconds without an answer after which Redis counts as away.
PATIENCE = 3.0
# Seconds that a batch or a test which nobody looks at any more is remembered.
_WATCHED_KEPT = 60.0

_T = TypeVar("_T")


class Live:
    """What the pages of one Flower process hear."""

    def __init__(self, config: Settings) -> None:
        self.backend = Backend(config)
        self.artefacts = artefact_store(self.backend.client, config)
        self.farm, self.batches, self.recovery = Channel(), Channel(), Channel()
        self.reading: Reading | None = None
        self.on_transition: list[Callable[[TransitionTold], None]] = []
        """Called with each transition that happens from now on."""
        self.on_reading: list[Callable[[Reading], None]] = []
        self.on_trouble: list[Callable[[str], None]] = []
        """Called when the farm can't be read, with the reason; and with an empty text when it can be again."""
        self._config = config
        self._reader = Reader(self.backend)
        self._samples = Samples()
        self._transitions = Transitions(config, self._begun, self._happened, self._lost)
        self._trouble: Trouble | None = None
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._last_batches: Batches | None = None
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        # One thread: readings wait for each other, and leave Flower's own threads alone.
        self._thread = ThreadPoolExecutor(1, "breakwater-dashboard")

    def start(self) -> None:
        """Begin to read, in the running event loop."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._transitions.follow())]

    async def stop(self) -> None:
        """End reading, and let every page go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for channel in (self.farm, self.batches, self.recovery, *(one.channel for one in self._watched.values())):
            channel.close()
        self._transitions.close()
        self._thread.shutdown(wait=False)
        self.backend.registry.close()

    @property
    def is_away(self) -> bool:
        """Whether the farm can't be read now."""
        return self._trouble is not None

    # What pages listen to

    @contextmanager
    def listen_to_farm(self, after: str = "") -> Iterator[Listener]:
        """Circuits, transitions after the one of this id, and everything else that the Circuits page shows."""
        with self._listen(self.farm, [] if self.reading is None else [self._whole_farm(after)]) as listener:
            yield listener

    @contextmanager
    def listen_to_batches(self) -> Iterator[Listener]:
        """The list of batches."""
        told = [] if self._last_batches is None else [event("batches", self._last_batches)]
        with self._listen(self.batches, told) as listener:
            yield listener

    @contextmanager
    def listen_to_recovery(self) -> Iterator[Listener]:
        """What recoveries do."""
        with self._listen(self.recovery, []) as listener:
            yield listener

    @contextmanager
    def listen_to_batch(self, batch: str) -> Iterator[Listener]:
        """One batch."""
        with self._listen_to_watched(batch) as listener:
            yield listener

    @contextmanager
    def listen_to_test(self, batch: str, test: str) -> Iterator[Listener]:
        """One test's way."""
        with self._listen_to_watched(batch, test) as listener:
            yield listener

    @contextmanager
    def _listen_to_watched(self, batch: str, test: str = "") -> Iterator[Listener]:
        watched = self._watched_one(batch, test)
        greeting = [] if watched.last is None else [event(watched.kind, watched.last)]
        with self._listen(watched.channel, greeting) as listener:
            yield listener

    @contextmanager
    def _listen(self, channel: Channel, greeting: list[bytes]) -> Iterator[Listener]:
        if self._trouble is not None:
            greeting.append(event("trouble", self._trouble))
        with channel.listen(greeting) as listener:
            self._wake.set()
            yield listener

    async def in_thread(self, call: Callable[..., _T], *args: Any) -> _T:
        """Make a blocking call where it keeps nobody waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    def _watched_one(self, batch: str, test: str) -> _Watched:
        """What somebody has open: a batch or, where one is named, a test of it."""
        if (batch, "") not in self._watched:
            reader = BoardReader(self.backend.store, self.artefacts, batch)
            self._watched[batch, ""] = _Watched("board", reader, reader.read)
        if test and (batch, test) not in self._watched:
            reader = self._watched[batch, ""].reader
            self._watched[batch, test] = _Watched("test", reader, lambda: reader.test(test))
        watched = self._watched[batch, test]
        watched.seen = time.monotonic()
        return watched

    # Reading

    async def _poll(self) -> None:
        while True:
            started = time.monotonic()
            self._wake.clear()
            try:
                await self._read_once()
            except AWAY as error:
                self._lost(error)
            except Exception as error:
                log.exception("a reading of the farm failed")
                self._tell_trouble(f"The farm can't be read ({type(error).__name__}; Flower's log tells more)")
            took = time.monotonic() - started
            interval = WATCHED if self._is_watched() else UNWATCHED
            if self._trouble is not None:
                interval = WATCHED
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, interval - took))
            # Whoever asks for a reading waits a moment, as many may ask at once, and longer where it is dear.
            await asyncio.sleep(max(AFTER_TRANSITION, took / MOST_TIME - (time.monotonic() - started)))

    async def _read_once(self) -> None:
        reading = asyncio.ensure_future(self.in_thread(self._reader.read))
        done, _ = await asyncio.wait({reading}, timeout=PATIENCE)
        if not done:
            self._lost(TimeoutError(f"no answer within {PATIENCE:.0f} s"))
        self._took(await reading)
        if self.recovery and self.reading is not None:
            self.recovery.tell(event("recovery", await self.in_thread(self._reader.recovery, self.reading)))
        for name, watched in list(self._watched.items()):
            if watched.channel:
                await self._read_watched(watched)
            elif time.monotonic() - watched.seen > _WATCHED_KEPT:
                del self._watched[name]

    async def _read_watched(self, watched: _Watched) -> None:
        try:
            told = await self.in_thread(watched.read)
        except UnknownBatch as error:
            watched.channel.tell(event("unknown", Trouble(away_since=None, message=str(error))))
            return
        watched.seen = time.monotonic()
        if told != watched.last:
            watched.last = told
            watched.channel.tell(event(watched.kind, told))

    def _took(self, reading: Reading) -> None:
        before, self.reading = self.reading, reading
        self._samples.take(reading)
        if self._trouble is not None or before is None:
            self._found()
        elif self.farm:
            changed = [told for name, told in reading.circuits.items() if before.circuits.get(name) != told]
            gone = [name for name in before.circuits if name not in reading.circuits]
            change = Change(standing=self._standing(reading), circuits=tuple(changed), gone=tuple(gone))
            self.farm.tell(event("change", change))
        batches = Batches(batches=reading.batches)
        if batches != self._last_batches:
            self._last_batches = batches
            self.batches.tell(event("batches", batches))
        for call in self.on_reading:
            call(reading)

    def _standing(self, reading: Reading) -> Standing:
        counts = states_of(reading.circuits.values())
        return Standing(
            at=reading.at,
            health=self._samples.latest.health,
            states=counts,
            browsers=reading.browsers(),
            nodes=reading.nodes_told(),
            simulation_queue=reading.queues[SIMULATION_QUEUE],
            running=reading.leases,
            waiting=sum(progress.queued for progress in reading.waiting.values()),
            parked=reading.parked,
            open_batches=len(reading.waiting),
            sample=self._samples.latest,
        )

    def _whole_farm(self, after: str = "") -> bytes:
        assert self.reading is not None
        farm = Farm(
            standing=self._standing(self.reading),
            circuits=tuple(self.reading.circuits.values()),
            samples=self._samples.kept,
            transitions=self._transitions.after(after),
        )
        return event("farm", farm, self._transitions.last_id)

    # Redis away and back

    def _everyone(self) -> Iterator[Channel]:
        yield from (self.farm, self.batches, self.recovery, *(one.channel for one in self._watched.values()))

    def _lost(self, error: BaseException) -> None:
        if self._trouble is None:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            log.warning("Redis does not answer: %s", reason)
            self._tell_trouble(f"Redis does not answer ({reason})")

    def _tell_trouble(self, message: str) -> None:
        if self._trouble is not None:
            return
        self._trouble = Trouble(away_since=time.time(), message=message)
        for call in self.on_trouble:
            call(message)
        for channel in self._everyone():
            channel.tell(event("trouble", self._trouble))

    def _found(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            for call in self.on_trouble:
                call("")
            for channel in self._everyone():
                channel.tell(event("trouble", Trouble(away_since=None)))
        self.farm.tell(self._whole_farm())

    # Transitions

    def _begun(self) -> None:
        if self.reading is not None:
            self.farm.tell(self._whole_farm())

    def _happened(self, told: TransitionTold) -> None:
        self.farm.tell(event("transition", told, told.id))
        self._wake.set()
        for call in self.on_transition:
            call(told)

    def _is_watched(self) -> bool:
        return any(map(len, self._everyone()))


class _Watched:
    """A batch or a test whose page somebody has open."""

    def __init__(self, kind: str, reader: BoardReader, read: Callable[[], Board | TestTold]) -> None:
        self.kind = kind
        self.reader = reader
        self.read = read
        self.channel = Channel()
        self.last: Board | TestTold | None = None
        self.seen = time.monotonic()
