"""Alerts to a chat, straight from the events, for those without Prometheus: BREAKWATER_ALERT_WEBHOOK names where to.

What is told: a circuit that opened and one that is closed again, a queue that nobody reads, Redis away. The message is
what Slack's incoming webhooks take; Mattermost, Rocket.Chat and Discord (its address with /slack) take it too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from jobs.dashboard.live import Live
from jobs.dashboard.reading import Reading
from jobs.dashboard.told import TransitionTold

log = logging.getLogger("breakwater.alerts")

# Seconds in which what happens goes into one message, so that a farm that breaks down sends one, not a hundred.
TOGETHER = 2.0
# Lines of one message.
MOST_LINES = 20
# Seconds that a circuit must stay closed, and a queue be unmanned, before that is told: neither flaps into a chat.
CALM, UNMANNED = 10.0, 30.0
# Tries to deliver a message, seconds that each may take, and the pause after the first (doubled each time).
TRIES, TIMEOUT, PAUSE = 4, 10.0, 1.0

_DOWN = ("open", "forced_open")


class Alerts:
    """Watches one process's reader, and tells."""

    def __init__(
        self, live: Live, webhook: str, *, calm: float = CALM, unmanned: float = UNMANNED, together: float = TOGETHER
    ) -> None:
        self._webhook = webhook
        self._together = together
        self._calm = calm
        self._unmanned = unmanned
        self._lines: list[str] = []
        self._down: dict[str, float] = {}
        self._closed: dict[str, tuple[float, TransitionTold]] = {}
        self._empty: dict[str, float] = {}
        self._told_empty: set[str] = set()
        self._due = asyncio.Event()
        live.on_transition.append(self._moved)
        live.on_reading.append(self._read)
        live.on_trouble.append(self._trouble)

    async def run(self) -> None:
        """Deliver what there is to tell, for ever."""
        while True:
            await self._due.wait()
            await asyncio.sleep(self._together)
            self._due.clear()
            lines, self._lines = self._lines, []
            if len(lines) > MOST_LINES:
                lines = [*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more"]
            if lines:
                await asyncio.get_running_loop().run_in_executor(None, deliver, self._webhook, "\n".join(lines))

    def _say(self, line: str) -> None:
        self._lines.append(line)
        self._due.set()

    def _moved(self, change: TransitionTold) -> None:
        if change.state in _DOWN:
            self._closed.pop(change.name, None)
            if change.name not in self._down:
                self._down[change.name] = change.at
                self._say(f":red_circle: *{change.name}* is {change.state.replace('_', ' ')}: {change.reason}")
        elif change.state != "half_open" and change.name in self._down:
            self._closed[change.name] = time.monotonic(), change

    def _read(self, reading: Reading) -> None:
        now = time.monotonic()
        for name, (since, change) in list(self._closed.items()):
            if now - since >= self._calm:
                del self._closed[name]
                down = change.at - self._down.pop(name)
                self._say(f":large_green_circle: *{name}* is {change.state}, after {down:.0f} s")
        self._look_at_queues(reading, now)

    def _look_at_queues(self, reading: Reading, now: float) -> None:
        for queue in reading.queues:
            waiting = sum(one.queues[queue].queued for one in reading.waiting.values() if queue in one.queues)
            if not waiting or any(queue in node.queues for node in reading.nodes):
                self._empty.pop(queue, None)
                if queue in self._told_empty:
                    self._told_empty.discard(queue)
                    self._say(f":large_green_circle: *{queue}*: nothing waits without a worker any more")
            elif now - self._empty.setdefault(queue, now) >= self._unmanned and queue not in self._told_empty:
                self._told_empty.add(queue)
                self._say(f":red_circle: *{queue}*: {waiting} tests wait, and no worker reads it")

    def _trouble(self, message: str) -> None:
        self._say(f":red_circle: {message}" if message else ":large_green_circle: the farm can be read again")


def deliver(webhook: str, text: str, *, pause: float = PAUSE, wait: Callable[[float], None] = time.sleep) -> bool:
    """Post a message; whether it was taken. The address is a secret: it stays out of the log."""
    request = urllib.request.Request(  # noqa: S310 - the setting allows http and https only
        webhook, data=json.dumps({"text": text}).encode(), headers={"Content-Type": "application/json"}
    )
    for number in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.reason}"
            if 400 <= error.code < 500 and error.code != 429:
                break
        except (OSError, ValueError) as error:
            reason = type(error).__name__
        wait(pause * 2**number)
    log.error("an alert could not be delivered (%s): %s", reason, text.replace("\n", " / "))
    return False
