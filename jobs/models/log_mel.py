"""Whisper's log-mel spectrogram, by numpy. Also what the page's own compute shader is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Samples of a window and between two of them, at 16 kHz 25 ms and 10 ms (Whisper, Radford et al. 2022, section 2.2).
WINDOW = 400
HOP = 160
# Below this power a band is silent; and a band more than 8 below the loudest, in powers of ten, is drawn up to that.
FLOOR = 1e-10
RANGE = 8.0


def log_mel(samples: NDArray[np.float32], *, rate: int = 16_000, bands: int = 80) -> NDArray[np.float32]:
    """[samples] → [bands, samples / 160], of the order of 1."""
    padded = np.pad(samples.astype(np.float64), WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: samples.size // HOP]
    # A window that fits its own period, as audio libraries use it: numpy's is symmetric.
    spectrum = np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], axis=-1)
    power = mel_filters(rate, bands) @ (np.abs(spectrum) ** 2).T
    loud = np.log10(np.maximum(power, FLOOR))
    scaled: NDArray[np.float32] = ((np.maximum(loud, loud.max() - RANGE) + 4) / 4).astype(np.float32)
    return scaled


def mel_filters(rate: int, bands: int) -> NDArray[np.float64]:
    """[bands, WINDOW / 2 + 1]: triangles of equal area on Slaney's mel scale (linear to 1 kHz, then logarithmic)."""
    edges = _to_hertz(np.linspace(_to_mel(0.0), _to_mel(rate / 2), bands + 2))
    frequencies = np.fft.rfftfreq(WINDOW, 1 / rate)
    rising = (frequencies[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies[None]) / np.diff(edges)[1:, None]
    triangles: NDArray[np.float64] = (
        np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    )
    return triangles


def _to_mel(hertz: float) -> float:
    return hertz * 3 / 200 if hertz < 1000 else 15 + float(np.log(hertz / 1000)) * 27 / float(np.log(6.4))


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
