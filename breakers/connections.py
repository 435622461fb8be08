"""Commands to Redis from threads: one connection a thread while it needs one, the idle ones kept."""

from __future__ import annotations

from collections import deque

from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, ReadOnlyError, ResponseError

from breakers.address import Address
from breakers.scripts import Reply

# Idle connections kept; more threads than that at once open new ones.
_IDLE_KEPT = 64


class Connections:
    """Thread-safe. After a fork the child calls ``renew_after_fork`` and never touches its parent's sockets."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: deque[AbstractConnection] = deque()

    def exchange_patiently(self, command: bytes, seconds: float) -> Reply:
        """As ``exchange``, for a command that Redis may work on for so long: on a connection of its own."""
        connection = self._address.connection(read_timeout=seconds)
        try:
            connection.send_packed_command((command,), check_health=False)
            reply: Reply = connection.read_response()
            return reply
        finally:
            connection.disconnect()

    def exchange(self, command: bytes) -> Reply:
        """Send a packed command, return its reply.

        A connection that had been idle may be found dead (server restarted, idle timeout, failover), or a cluster's
        slot elsewhere: then the command is sent once more on a new one. It may so be executed twice, if the connection
        died between execution and reply.

        Raises:
            redis.exceptions.RedisError: no connection, no reply in time, or an error as the reply.
        """
        try:
            connection, was_idle = self._idle.pop(), True
        except IndexError:
            connection, was_idle = self._address.connection(), False
        try:
            return self._exchange_on(connection, command)
        except MovedError:
            self._address.moved()
        except (RedisConnectionError, ReadOnlyError):
            if not was_idle:
                raise
        self.close()
        return self._exchange_on(self._address.connection(), command)

    def _exchange_on(self, connection: AbstractConnection, command: bytes) -> Reply:
        try:
            connection.send_packed_command((command,), check_health=False)
            reply: Reply = connection.read_response()
        except BaseException as error:
            if isinstance(error, ResponseError) and not isinstance(error, ReadOnlyError | MovedError):
                self._idle.append(connection)
            else:
                # Half a reply may be left in the socket, or the server isn't the right one any more.
                connection.disconnect()
            raise
        if len(self._idle) < _IDLE_KEPT:
            self._idle.append(connection)
        else:
            connection.disconnect()
        return reply

    def close(self) -> None:
        """Close the idle connections; a later command opens a new one."""
        while True:
            try:
                self._idle.pop().disconnect()
            except IndexError:
                return

    def renew_after_fork(self) -> None:
        """Leave the parent's sockets to the parent."""
        self._idle = deque()
