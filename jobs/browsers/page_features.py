"""The spectrogram that a page makes by itself, on the GPU: what it is told, and the workgroups for each browser."""

from __future__ import annotations

from typing import Final

import numpy as np

from jobs.browsers.protocol import LogMel
from jobs.browsers.tensors import Tensor
from jobs.models.catalogue import ModelEntry
from jobs.models.inputs import spectrogram_of
from jobs.models.log_mel import mel_filters
from jobs.models.sound import SAMPLE_RATE, tones
from recovery.kinds import BrowserType

# Threads of a workgroup. What suits which browser is the original description's; docs/models.md has what was measured.
WORKGROUPS: Final = {BrowserType.FIREFOX: (256, 1, 1)}
WORKGROUP: Final = (128, 2, 1)


def log_mel_for(entry: ModelEntry, browser: BrowserType, seed: int = 0) -> LogMel | None:
    """What the page needs to make the model's spectrogram; None: the model has none.

    Raises:
        ModelInvalid: the model can't be loaded.
    """
    spec = spectrogram_of(entry)
    if spec is None:
        return None
    _, bands, frames = spec.shape
    filters = mel_filters(SAMPLE_RATE, bands).astype(np.float32)
    return LogMel(
        input=spec.name,
        samples=Tensor.from_array("samples", tones(seed)),
        filters=Tensor.from_array("filters", filters),
        frames=frames,
        workgroup=WORKGROUPS.get(browser, WORKGROUP),
    )
