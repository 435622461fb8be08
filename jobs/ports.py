"""A free loopback port, for programs that can't choose one themselves and tell us."""

import socket
from contextlib import closing


def free_port() -> int:
    """A port that was free a moment ago: another program may be faster, so its owner must see whether it listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
