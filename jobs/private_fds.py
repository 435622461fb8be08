"""File descriptors that end with this very process: neither a started nor a forked child keeps a copy open.

What hangs on such a descriptor (a warden's pipe, a folder's lock) is let go when the process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import os
import threading

# Held across a fork and while a descriptor is made, so that no fork can fall between making and registering one.
fork_lock = threading.RLock()

_descriptors: set[int] = set()


def keep_private(descriptor: int) -> None:
    """Close ``descriptor`` in every child forked from now on. Call it under ``fork_lock``, right after opening."""
    os.set_inheritable(descriptor, False)
    _descriptors.add(descriptor)


def close_private(descriptor: int) -> None:
    """Close a descriptor that was kept private; one that is not (-1, or in a forked child) is left alone.

    Forget its number then: the next descriptor gets it, and may be a private one too.
    """
    with fork_lock:
        if descriptor in _descriptors:
            _descriptors.discard(descriptor)
            os.close(descriptor)


def _close_all_in_child() -> None:
    for descriptor in _descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    fork_lock.release()


os.register_at_fork(before=fork_lock.acquire, after_in_parent=fork_lock.release, after_in_child=_close_all_in_child)
