"""When to kill what: a plan without end that a seed determines."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from jobs.chaos.victims import Victim

_Item = TypeVar("_Item")

# Kinds that are struck again and again. Redis is struck once: its restart is an event, not a habit.
_OFTEN = (Victim.WORKER, Victim.CHILD, Victim.BROWSER, Victim.DRIVER)


@dataclass(frozen=True)
class Strike:
    """One kill. ``pick`` in [0, 1) chooses among the processes of the kind that are there by then."""

    number: int
    at: float
    victim: Victim
    pick: float

    def choose(self, found: Mapping[Victim, Sequence[_Item]]) -> tuple[Victim, _Item] | None:
        """The one to strike. A worker without a browser yet is hit itself; None: nothing of the kind is there.

        Never a whole worker for another kind: those that are just starting would be killed for ever.
        """
        kinds = (self.victim, Victim.CHILD) if self.victim in {Victim.BROWSER, Victim.DRIVER} else (self.victim,)
        for kind in kinds:
            if found.get(kind):
                return kind, found[kind][int(self.pick * len(found[kind]))]
        return None


def strikes(seed: int, every: float, redis_strike: int) -> Iterator[Strike]:
    """A strike each ``every`` seconds, the first one after that time; the ``redis_strike``-th one hits Redis."""
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        victim, pick = chance.choice(_OFTEN), chance.random()
        yield Strike(number, number * every, Victim.REDIS if number == redis_strike else victim, pick)
