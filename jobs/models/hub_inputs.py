"""Inputs of a hub's model, made as its own repository says: words by its tokenizer, pictures and sounds by its
preprocessor's settings. What it does not say is made from the model file's own declarations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from tokenizers import Tokenizer

from jobs.models.input_specs import Spectrogram
from jobs.models.input_values import Tensor, make_values
from jobs.models.reference import ModelInput, ModelInvalid
from jobs.models.sound import SAMPLE_RATE, tones

SENTENCES = (
    "The harbour wall keeps the waves away from the boats.",
    "A breaker opens when too many calls have failed.",
    "Seven swimmers crossed the bay before breakfast.",
)
# Tokens at most: enough to be a sentence, and quick.
LONGEST_TEXT = 64
# Seconds of sound that a model takes, where the repository does not say.
CHUNK = 30
# The most common settings of vision models.
IMAGE_SIZE = 224
IMAGE_MEAN = (0.5, 0.5, 0.5)
IMAGE_STD = (0.5, 0.5, 0.5)


class Repository:
    """What a repository's files say of its model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = _read(folder / "config.json")
        self.preprocessor = _read(folder / "preprocessor_config.json")

    def setting(self, *names: str) -> Any:
        """A setting of the model's configuration, wherever in it the setting is."""
        sections = [self.config, *(part for part in self.config.values() if isinstance(part, dict))]
        found = (section[name] for section in sections for name in names if section.get(name) is not None)
        return next(found, None)


def hub_input(declared: ModelInput, repository: Repository, seed: int) -> Tensor | None:
    """The values of an input that has a well-known name; None: it has none.

    Raises:
        ModelInvalid: the repository lacks what the input is made with, or it can't be read.
    """
    name = declared.name
    if name.startswith("past_key_values"):
        return _empty_past(declared, repository)
    if name == "use_cache_branch":
        return np.array([False])
    make = _MAKERS.get(name)
    return make(repository, seed) if make else None


def decoder_start(repository: Repository, seed: int) -> Tensor:
    """The one token that a decoder begins with: [1, 1]."""
    del seed
    return np.array([[repository.setting("decoder_start_token_id", "bos_token_id") or 0]], np.int64)


def _text(name: str, repository: Repository, seed: int) -> Tensor:
    path = repository.folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no other class, for a missing file too
        raise ModelInvalid(f"{path}: no tokenizer can be read: {error}") from error
    tokenizer.enable_truncation(LONGEST_TEXT)
    encoded = tokenizer.encode(SENTENCES[seed % len(SENTENCES)])
    values = {
        "input_ids": encoded.ids,
        "attention_mask": encoded.attention_mask,
        "token_type_ids": encoded.type_ids,
        "position_ids": list(range(len(encoded.ids))),
    }[name]
    return np.array([values], np.int64)


def _picture(repository: Repository, seed: int) -> Tensor:
    """A picture with edges, gradients and colours, scaled as the model wants it: [1, 3, height, width]."""
    said = repository.preprocessor
    size = said.get("crop_size") or said.get("size") or repository.setting("image_size") or IMAGE_SIZE
    if isinstance(size, dict):
        height = size.get("height") or size.get("shortest_edge") or IMAGE_SIZE
        width = size.get("width") or size.get("shortest_edge") or IMAGE_SIZE
    else:
        height = width = int(size)
    dice = np.random.Generator(np.random.PCG64(seed))
    picture = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        left, top = (int(number) for number in dice.integers(0, (300, 220)))
        colour = tuple(int(number) for number in dice.integers(0, 256, 3))
        draw.ellipse((left, top, left + int(dice.integers(8, 90)), top + int(dice.integers(8, 90))), fill=colour)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255
    mean, std = said.get("image_mean") or IMAGE_MEAN, said.get("image_std") or IMAGE_STD
    scaled = (pixels - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)


def spectrogram_spec(repository: Repository) -> Spectrogram:
    """The spectrogram that the repository's preprocessor would make: its bands, 100 frames for each second."""
    said = repository.preprocessor
    bands = int(said.get("feature_size") or repository.setting("num_mel_bins") or 80)
    seconds = int(said.get("chunk_length") or CHUNK)
    return Spectrogram(name="input_features", shape=(1, bands, 100 * seconds))


def _spectrogram(repository: Repository, seed: int) -> Tensor:
    return make_values(spectrogram_spec(repository), seed)


def _waveform(repository: Repository, seed: int) -> Tensor:
    """The sound at mean 0 and deviation 1: [1, samples]."""
    sound = tones(seed, rate=int(repository.preprocessor.get("sampling_rate") or SAMPLE_RATE))
    return np.asarray((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7), np.float32)[None]


def _empty_past(declared: ModelInput, repository: Repository) -> Tensor:
    """Nothing was said before: a length of 0 in the place of the sequence, [1, heads, 0, width of a head]."""
    all_heads = repository.setting("num_attention_heads", "encoder_attention_heads", "num_heads", "n_head")
    wide = repository.setting("hidden_size", "d_model", "n_embd")
    each = repository.setting("head_dim", "d_kv") or (wide // all_heads if wide and all_heads else None)
    heads = repository.setting("num_key_value_heads") or all_heads
    known = [size if isinstance(size, int) else None for size in declared.shape]
    if len(known) == 4:
        heads, each = known[1] or heads, known[3] or each
    if len(known) != 4 or not heads or not each:
        raise ModelInvalid(f"{repository.folder}: its config.json does not tell the shape of {declared.name}")
    return np.zeros((1, int(heads), 0, int(each)), np.float16 if declared.dtype == "tensor(float16)" else np.float32)


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{path} can't be read: {error}") from error
    return read if isinstance(read, dict) else {}


_MAKERS: Mapping[str, Callable[[Repository, int], Tensor]] = {
    **{name: partial(_text, name) for name in ("input_ids", "attention_mask", "token_type_ids", "position_ids")},
    "encoder_attention_mask": partial(_text, "attention_mask"),
    "decoder_input_ids": decoder_start,
    "pixel_values": _picture,
    "input_features": _spectrogram,
    "input_values": _waveform,
}
