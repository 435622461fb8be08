"""Which of Celery's remote control commands a worker obeys: by default those that look, not those that change it.

Whoever can publish on Redis can send them. What they would change has a way of its own: ``breakwater workers drain``,
``breakwater cancel``, the circuits.
"""

from __future__ import annotations

from celery.worker.control import Panel

from jobs.settings import settings

# They change no more than how much a worker tells.
_HARMLESS = {"enable_events", "disable_events", "heartbeat"}
# They look, but write files or fill the memory.
_HEAVY = {"objgraph", "memsample", "memdump"}


def limit() -> None:
    """Forget the commands that are not allowed. They are answered as unknown then."""
    for name, meta in list(Panel.meta.items()):
        if name in _HEAVY or (meta.type == "control" and name not in _HARMLESS):
            Panel.data.pop(name, None)


if settings().remote_control == "look":
    limit()
