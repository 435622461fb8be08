"""Models of the Hugging Face hub, of a mirror of it (``HF_ENDPOINT``), or of a folder that was filled from it.

Finds what a repository has and brings its files here, whole and checked. Cache, token and offline mode are the hub
library's own (``HF_HOME``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils.tqdm import disable_progress_bars

from jobs.models.catalogue import weight_files
from jobs.models.digests import file_digest
from jobs.models.unavailable import ModelUnavailable, ModelUnknown
from jobs.settings import settings
from jobs.specs import ModelSource, SourcePart
from recovery.kinds import ModelType

# Seconds for one answer of the hub that brings no file.
ANSWER_TIMEOUT = 10.0
# What else a repository says of its model: how text is cut into tokens, how pictures are scaled.
DESCRIPTIONS = ("*.json", "*.txt", "*.model")
# Where exporters put a model of one file, the likeliest first.
USUAL_FILES = ("onnx/model.onnx", "model.onnx")

_SHA256 = re.compile(r"[0-9a-f]{64}")

_TYPES = {
    ModelType.VISION: (
        "image-classification", "image-segmentation", "object-detection", "depth-estimation",
        "image-feature-extraction", "image-to-image", "zero-shot-object-detection", "mask-generation",
    ),
    ModelType.AUDIO: (
        "automatic-speech-recognition", "audio-classification", "text-to-speech", "text-to-audio", "audio-to-audio",
        "voice-activity-detection",
    ),
    ModelType.MULTIMODAL: (
        "zero-shot-image-classification", "image-to-text", "image-text-to-text", "visual-question-answering",
        "document-question-answering", "any-to-any",
    ),
    ModelType.TEXT: (
        "fill-mask", "feature-extraction", "sentence-similarity", "text-classification", "text-generation",
        "text2text-generation", "token-classification", "question-answering", "summarization", "translation",
        "zero-shot-classification", "text-ranking",
    ),
}  # fmt: skip
_TYPE_OF_TASK = {task: kind for kind, tasks in _TYPES.items() for task in tasks}

disable_progress_bars()


def look_up(name: str) -> ModelSource:
    """The hub's model of that name, pinned to the commit that it has now.

    Raises:
        ModelUnknown: no such repository, or none whose type and ONNX file can be told.
        ModelUnavailable: the hub can't be asked.
    """
    try:
        found = HfApi().model_info(name, timeout=ANSWER_TIMEOUT)
    except Exception as error:
        raise _told(name, error) from error
    kind = _TYPE_OF_TASK.get(found.pipeline_tag or "")
    if kind is None:
        raise ModelUnknown(
            f"{name}: its task on the hub is {found.pipeline_tag!r}, which tells no model type; "
            "describe it in a [[model]] with name, type and hub"
        )
    return ModelSource(
        name=name, type=kind, hub=name, revision=found.sha or "main", parts=(SourcePart(file=_only_file(name, found)),)
    )


def fetch(source: ModelSource) -> Path:
    """The folder with the repository's files that the source needs, every model file whole and with its checksum.

    A folder of ``BREAKWATER_MODELS_DIR`` goes before the hub: ``<owner>/<name>``, filled by
    ``hf download --local-dir``.

    Raises:
        ModelUnknown: no such repository, revision or file.
        ModelUnavailable: it can't be fetched now, or came damaged; the damaged file is removed.
    """
    assert source.hub is not None
    files = [part.file for part in source.parts]
    folder = _own_folder(source.hub, files)
    if folder is None:
        try:
            folder = Path(
                snapshot_download(
                    source.hub,
                    revision=source.revision,
                    etag_timeout=ANSWER_TIMEOUT,
                    allow_patterns=[*DESCRIPTIONS, *files, *(f"{file}?data*" for file in files)],
                )
            )
        except Exception as error:
            raise _told(source.hub, error) from error
    for file in files:
        path = folder / file
        if not path.is_file():
            raise ModelUnknown(f"{source.hub}: it has no file {file} at revision {source.revision}")
        for whole in (path, *weight_files(path)):
            _check(whole, folder)
    return folder


def _own_folder(name: str, files: Sequence[str]) -> Path | None:
    root = settings().models_dir
    if root is None:
        return None
    folder = root / name
    return folder if all((folder / file).is_file() for file in files) else None


def _only_file(name: str, found: ModelInfo) -> str:
    files = [sibling.rfilename for sibling in found.siblings or ()]
    for usual in USUAL_FILES:
        if usual in files:
            return usual
    models = [file for file in files if PurePosixPath(file).suffix == ".onnx"]
    if len(models) == 1:
        return models[0]
    several = (
        f"several ONNX files ({', '.join(models[:6])}{', …' if len(models) > 6 else ''})" if models else "no ONNX file"
    )
    raise ModelUnknown(f"{name}: it has {several}; describe it in a [[model]] with name, type, hub and parts")


def _check(path: Path, folder: Path) -> None:
    """Compare with the checksum that the hub gave when the file was downloaded. Small files have none."""
    wanted = _checksum(path, folder)
    if wanted is None or file_digest(path) == wanted:
        return
    path.resolve().unlink(missing_ok=True)
    raise ModelUnavailable(f"{path} was damaged (its checksum is not the hub's); it was removed, to be fetched anew")


def _checksum(path: Path, folder: Path) -> str | None:
    """In the cache a file is a link to its checksum; in a folder of one's own the library keeps a note of it."""
    if _SHA256.fullmatch(path.resolve().name):
        return path.resolve().name
    note = folder / ".cache" / "huggingface" / "download" / f"{path.relative_to(folder)}.metadata"
    try:
        lines = note.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[1] if len(lines) > 1 and _SHA256.fullmatch(lines[1]) else None


# The library's errors that are the test's own fault, the more special ones first, and what they say of a model.
_UNKNOWN: tuple[tuple[type[Exception], str], ...] = (
    (GatedRepoError, "the hub gives it only with leave; ask for it there and set HF_TOKEN"),
    (DisabledRepoError, "the hub no longer gives it"),
    (RepositoryNotFoundError, "the hub has no such model (or it is private: set HF_TOKEN)"),
    (RevisionNotFoundError, "the hub has no such revision of it"),
    (HFValidationError, "not a name of the hub's (owner/name)"),
    (RemoteEntryNotFoundError, "the hub has no such file of it"),
)


def _told(name: str, error: Exception) -> ModelUnknown | ModelUnavailable:
    """Whose fault an error of the hub library is, in one line."""
    for kind, reason in _UNKNOWN:
        if isinstance(error, kind):
            return ModelUnknown(f"{name}: {reason}")
    if isinstance(error, HfHubHTTPError):
        return ModelUnavailable(f"{name}: the hub answered {error.response.status_code}")
    if isinstance(error, LocalEntryNotFoundError | httpx2.HTTPError | OSError):
        return ModelUnavailable(
            f"{name}: the hub can't be reached, and not all of the model is on this machine; set HF_ENDPOINT to a "
            "mirror, or BREAKWATER_MODELS_DIR to a folder with it"
        )
    raise error
