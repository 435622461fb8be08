"""A sound to feed audio models with, and its spectrogram as an input."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jobs.models.log_mel import HOP, log_mel

# Hertz that speech models listen at, and the seconds of the sound; silence follows.
SAMPLE_RATE = 16_000
SECONDS = 2.0


def tones(seed: int, *, rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Three gliding tones and a little noise, of the order of 1: [samples]."""
    dice = np.random.Generator(np.random.PCG64(seed))
    time = np.arange(int(rate * SECONDS)) / rate
    sound = dice.normal(0, 0.01, time.size)
    for base in dice.uniform(110, 880, 3):
        sound += 0.2 * np.sin(2 * math.pi * base * time * (1 + 0.1 * time))
    return sound.astype(np.float32)


@lru_cache(maxsize=8)
def spectrogram(seed: int, *, bands: int, frames: int) -> NDArray[np.float32]:
    """The sound and the silence after it as a log-mel spectrogram: [1, bands, frames], kept and read-only."""
    samples = np.zeros(frames * HOP, np.float32)
    sound = tones(seed)[: samples.size]
    samples[: sound.size] = sound
    made = log_mel(samples, rate=SAMPLE_RATE, bands=bands)[None]
    made.setflags(write=False)
    return made
