"""The log-mel spectrogram: a tone is loud in its own band, silence is even, the filters are Slaney's."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.models.log_mel import log_mel, mel_filters


@pytest.mark.parametrize("hertz", [200, 440, 1000, 3000, 6000])
def test_a_tone_is_loudest_in_the_band_that_holds_it(hertz: int) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = int(log_mel(tone)[:, 50].argmax())
    frequencies = np.fft.rfftfreq(400, 1 / 16_000)
    heard = frequencies[mel_filters(16_000, 80)[loudest] > 0]
    assert heard.min() - 40 <= hertz <= heard.max() + 40


def test_the_shape_is_bands_by_hundredths_of_a_second() -> None:
    assert log_mel(np.zeros(32_000, np.float32)).shape == (80, 200)
    assert log_mel(np.zeros(32_000, np.float32), bands=128).shape == (128, 200)


def test_silence_is_the_same_everywhere() -> None:
    assert np.ptp(log_mel(np.zeros(16_000, np.float32))) == 0


def test_nothing_lies_more_than_the_range_below_the_loudest() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    noise[8000:] = 0
    heard = log_mel(noise)
    assert heard.max() - heard.min() <= 2 + 1e-6


def test_every_filter_has_the_same_area() -> None:
    # Slaney's triangles have an area of 1; narrow ones fall between the 40 Hz steps of the spectrum.
    areas = mel_filters(16_000, 80).sum(axis=1) * 40
    assert np.all(np.abs(areas[30:] - 1) < 0.1)
