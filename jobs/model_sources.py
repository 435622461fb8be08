"""The models of a batch that are somewhere else: looked up and pinned before the batch is published.

All workers then run the same bytes, and a batch whose models nobody has never starts.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Literal

from jobs.models.catalogue import catalogue, hub_source
from jobs.models.unavailable import ModelUnavailable, ModelUnknown
from jobs.specs import ModelSource


def is_hub_name(model: str) -> bool:
    """Whether a name that is nobody's in the batch may be one of the hub's: ``owner/name``."""
    owner, slash, name = model.partition("/")
    return bool(owner and slash and name) and "/" not in name


def add_sources(
    own: MutableMapping[str, ModelSource], models: Iterable[str], weights: Literal["tiny", "hub"]
) -> list[str]:
    """Add what the batch means without describing it: hub names, and real weights for built-in names; pin addresses.

    Returns:
        What is wrong, a line each.
    """
    wrong = []
    for index, model in enumerate(models):
        where = f"matrix.models[{index}]"
        if model in own:
            continue
        if model in catalogue():
            if weights == "hub":
                source = hub_source(model)
                if source is None:
                    wrong.append(f'{where}: {model!r} has no model on the hub; leave it out, or weights = "tiny"')
                else:
                    own[model] = source
        elif is_hub_name(model):
            try:
                own[model] = look_up(model)
            except (ModelUnknown, ModelUnavailable) as error:
                wrong.append(f"{where}: {error}")
    for name, source in own.items():
        if source.url is not None and source.sha256 is None:
            try:
                own[name] = _pinned(source, source.url)
            except (ModelUnknown, ModelUnavailable) as error:
                wrong.append(f"model {name!r}: url: {error}")
    return wrong


def look_up(model: str) -> ModelSource:
    """The hub's model of that name, pinned to the commit that it has now. Raises as ``hub.look_up``."""
    from jobs.models import hub  # noqa: PLC0415 - slow to load, and most batches need none

    return hub.look_up(model)


def _pinned(source: ModelSource, url: str) -> ModelSource:
    from jobs.models.downloads import pin  # noqa: PLC0415 - as above

    return source.model_copy(update={"sha256": pin(url)})
