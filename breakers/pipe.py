"""Commands to Redis from an event loop: one connection, and whatever tasks ask for meanwhile goes in one write.

The connection belongs to a task of its own, so that a cancelled caller can't leave half a reply in it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from redis.asyncio.connection import Connection as AsyncConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, ReadOnlyError, RedisError, ResponseError

from breakers.address import Address
from breakers.scripts import Reply

# Commands in one write: bounds what one slow reply holds up.
_BATCH = 256

Undo: TypeAlias = Callable[[Reply], bytes | None]
Waiting: TypeAlias = tuple[bytes, "asyncio.Future[Reply]", Undo | None]


class Pipe:
    """For the tasks of one event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._waiting: deque[Waiting] = deque()
        self._connection: AsyncConnection | None = None
        self._pump: asyncio.Task[None] | None = None

    async def exchange(self, command: bytes, undo: Undo | None = None) -> Reply:
        """Send a packed command, return its reply; sent twice if an idle connection turns out to be dead.

        If the caller is cancelled, the command is carried out all the same; ``undo`` may make another of its reply.

        Raises:
            redis.exceptions.RedisError: no connection, no reply in time, or an error as the reply.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._send_soon(command, future, undo)
        try:
            return await future
        except asyncio.CancelledError:
            if undo is not None and future.done() and not future.cancelled() and future.exception() is None:
                # The reply had come, but the caller was cancelled before it was its turn.
                self._undo(undo, future.result())
            raise

    def _undo(self, undo: Undo, reply: Reply) -> None:
        command = undo(reply)
        if command is not None:
            self._send_soon(command, asyncio.get_running_loop().create_future(), None)

    def _send_soon(self, command: bytes, future: asyncio.Future[Reply], undo: Undo | None) -> None:
        self._waiting.append((command, future, undo))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._send_waiting())

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        if self._pump is not None:
            await asyncio.wait([self._pump])
        await self._disconnect()

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._send(batch)
            except RedisError as error:
                _fail(batch, error)
            except OSError as error:
                _fail(batch, RedisConnectionError(str(error)))
            except BaseException:
                _fail(batch + list(self._waiting), RedisConnectionError("the event loop is shutting down"))
                self._waiting.clear()
                raise

    async def _send(self, batch: list[Waiting]) -> None:
        was_idle = self._connection is not None
        try:
            await self._send_on_connection(batch)
        except RedisConnectionError:
            await self._disconnect()
            if not was_idle:
                raise
            await self._send_on_connection([waiting for waiting in batch if not waiting[1].done()])
        except RedisError:
            await self._disconnect()
            raise

    async def _send_on_connection(self, batch: list[Waiting], *, may_move: bool = True) -> None:
        if self._connection is None:
            connection = self._address.async_connection()
            await connection.connect()
            self._connection = connection
        connection = self._connection
        await connection.send_packed_command([command for command, _, _ in batch], check_health=False)
        elsewhere = False
        moved: list[Waiting] = []
        for waiting in batch:
            _, future, undo = waiting
            try:
                reply: Reply = await connection.read_response()
            except ResponseError as error:
                elsewhere = elsewhere or isinstance(error, ReadOnlyError | MovedError)
                if isinstance(error, MovedError) and may_move:
                    moved.append(waiting)
                elif not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(reply)
                elif undo is not None:
                    self._undo(undo, reply)
        if elsewhere:
            await self._disconnect()
        if moved:
            await asyncio.to_thread(self._address.moved)
            await self._send_on_connection(moved, may_move=False)

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.disconnect(nowait=True)


def _fail(batch: list[Waiting], error: RedisError) -> None:
    for _, future, _ in batch:
        if not future.done():
            future.set_exception(error)
