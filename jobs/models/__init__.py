"""Models: which there are, what they are fed, what they should give, and whether they did."""

from jobs.models.catalogue import (
    ModelEntry,
    ModelFileMissing,
    ModelPart,
    Tolerance,
    UnknownModel,
    built_in_name,
    catalogue,
    entry_for,
)
from jobs.models.compare import INCOMPARABLE, Comparison, compare
from jobs.models.inputs import make_batch, make_inputs, spectrogram_of
from jobs.models.reference import ModelInvalid, NativeRun, measure_native, native_run
from jobs.models.unavailable import ModelUnavailable, ModelUnknown

__all__ = [
    "INCOMPARABLE",
    "Comparison",
    "ModelEntry",
    "ModelFileMissing",
    "ModelInvalid",
    "ModelPart",
    "ModelUnavailable",
    "ModelUnknown",
    "NativeRun",
    "Tolerance",
    "UnknownModel",
    "built_in_name",
    "catalogue",
    "compare",
    "entry_for",
    "make_batch",
    "make_inputs",
    "measure_native",
    "native_run",
    "spectrogram_of",
]
