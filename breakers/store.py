"""Carries the steps of an operation to Redis and back, from a thread or from an event loop: they differ in the waiting.

An operation is a generator: it yields packed commands, is sent the replies, and returns what it found out.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from redis.exceptions import NoScriptError, RedisError, ResponseError

from breakers.address import Address
from breakers.connections import Connections
from breakers.errors import StoreUnavailable
from breakers.outage import Outage
from breakers.pipe import Pipe, Undo
from breakers.scripts import Reply

T = TypeVar("T")
Steps: TypeAlias = Generator[bytes, Reply, T]

# Forks between the first process and this one: cheaper to compare than a process id is to ask for.
_forks = 0


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 – of the process, as forks are
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class Store:
    """Redis, for the circuits of one registry in this process."""

    def __init__(self, address: Address, outage: Outage, on_fork: Callable[[], None]) -> None:
        self._outage = outage
        self._address = address
        self._on_fork = on_fork
        self._forks = _forks
        self._connections = Connections(address)
        self._pipes: WeakKeyDictionary[asyncio.AbstractEventLoop, Pipe] = WeakKeyDictionary()

    @property
    def timeout(self) -> float:
        """Seconds that Redis may take to answer before it counts as away."""
        return self._address.timeout

    def run(self, steps: Steps[T], patience: float | None = None) -> T:
        """Carry out an operation, waiting in this thread.

        ``patience``: seconds that Redis may work on it, where that is more than a call's timeout.

        Raises:
            StoreUnavailable: Redis is away, or refused; during a known outage at once.
        """
        self._check()
        exchange = self._connections.exchange
        if patience:
            exchange = partial(self._connections.exchange_patiently, seconds=patience)
        try:
            command = next(steps)
            while True:
                try:
                    reply = exchange(command)
                except NoScriptError as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from error

    async def run_async(self, steps: Steps[T], undo: Undo | None = None) -> T:
        """Carry out an operation, waiting in the running event loop; as ``run``.

        ``undo``: what to send if the caller was cancelled meanwhile, given the reply that it didn't wait for.
        """
        self._check()
        exchange = self._pipe().exchange
        try:
            command = next(steps)
            while True:
                try:
                    reply = await exchange(command, undo)
                except NoScriptError as error:
                    command = steps.throw(error)
                else:
                    command = steps.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the idle connections of threads."""
        self._connections.close()

    async def close_async(self) -> None:
        """Close the running event loop's connection."""
        pipe = self._pipes.pop(asyncio.get_running_loop(), None)
        if pipe is not None:
            await pipe.close()

    def _pipe(self) -> Pipe:
        loop = asyncio.get_running_loop()
        pipe = self._pipes.get(loop)
        if pipe is None:
            pipe = self._pipes[loop] = Pipe(self._address)
        return pipe

    def _check(self) -> None:
        if self._forks != _forks:
            # A forked child: its parent's connections, threads and notes are its parent's.
            self._forks = _forks
            self._connections.renew_after_fork()
            self._pipes = WeakKeyDictionary()
            self._on_fork()
        if self._outage.lasts:
            raise StoreUnavailable("Redis is away; it is asked again as soon as it answers a ping")

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        if isinstance(error, ResponseError):
            self._outage.refused(error)
            return StoreUnavailable(f"Redis refused: {error}")
        self._outage.failed(error)
        return StoreUnavailable(f"Redis is away: {error}")
