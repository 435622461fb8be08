"""The farm that a command works with: the one behind ``BREAKWATER_REDIS_URL``, or an embedded one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from jobs.backend import Backend
from jobs.bad_input import BadInput
from jobs.connections import connect_checked, without_password
from jobs.settings import settings
from recovery import BrowserType

if TYPE_CHECKING:
    from jobs.farm import Farm


class FarmInUse(NamedTuple):
    """A farm, and how to name it. ``embedded``: it is ours, and ends with us."""

    backend: Backend
    where: str
    embedded: Farm | None = None


def is_named() -> bool:
    """Whether the user named a farm."""
    return "redis_url" in settings().model_fields_set


def standing_farm(command: str) -> FarmInUse:
    """The farm behind ``BREAKWATER_REDIS_URL``.

    Raises:
        BadInput: none is named, and what ``command`` does makes no sense in an embedded one.
        RedisUnavailable: nothing answers there.
    """
    config = settings()
    if not is_named():
        raise BadInput(f"{command}: BREAKWATER_REDIS_URL is not set; set it to the Redis of the farm")
    connect_checked(config.redis_url).close()
    return FarmInUse(Backend(config), f"the farm at {without_password(config.redis_url)}")


@contextmanager
def farm_for(
    browsers: Collection[BrowserType],
    concurrency: int,
    log_dir: Path | None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[FarmInUse]:
    """The farm that is named, or else an embedded one with these and the installed browsers, for the block.

    ``browsers``: what the tests ask for; none of them, and no browser is started. ``environment``: what the embedded
    workers get besides ours.

    Raises:
        RedisUnavailable, FarmFailure: in one line, within seconds.
    """
    if is_named():
        yield standing_farm("run")
        return
    from jobs.browsers.finding import unasked_browsers  # noqa: PLC0415 - brings Selenium, slow to load
    from jobs.farm import Farm  # noqa: PLC0415 - as above

    config = settings()
    names = sorted({*browsers, *unasked_browsers(config)}) if browsers else []
    with Farm(names, concurrency=concurrency, log_dir=log_dir, env={**os.environ, **environment}) as farm:
        backend = Backend(config.model_copy(update={"redis_url": farm.url}))
        yield FarmInUse(backend, f"an embedded farm ({', '.join([*names, 'simulation'])})", farm)
