"""The log-mel spectrogram: what an ear hears of a sound, as a picture of time and pitch; and its summary, the MFCC.

The sound is cut into frames of 25 ms, one every 10 ms. The Fourier transform of each frame tells its power at every frequency;
triangular filters gather it into bands that are narrow for low tones and wide for high ones, as hearing is (the mel scale
of M. Slaney's Auditory Toolbox, 1998, as librosa computes it); the logarithm makes loud and quiet differ by a sum.
MFCC: S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", 1980.

Shapes: N sounds, S samples, T frames, F frequencies, M bands, K coefficients.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch

WINDOW = 0.025
HOP = 0.01
"""Seconds of a frame (`WINDOW`), and from the beginning of a frame to that of the next."""
FLOOR = 1e-6
"""Added to every power before the logarithm: what is quieter, 60 dB under a full tone and more, is silence."""


def log_mel(waves: torch.Tensor, rate: int, bands: int = 64) -> torch.Tensor:
    """Samples (N, S), int16 or floats -1..1, at `rate` a second, to the natural logarithm of the power in each band:
    (N, T, M) float32, T = 1 + S // hop. The middle of frame t lies at sample t * hop; beyond the ends there is silence."""
    waves = waves.float() / 32768 if waves.dtype == torch.int16 else waves
    length, hop, size = frame_sizes(rate)
    if not len(waves):
        return waves.new_zeros(0, 1 + waves.shape[1] // hop, bands)
    window = torch.hann_window(length, dtype=waves.dtype, device=waves.device)
    waves = torch.nn.functional.pad(waves, (size // 2, size // 2))  # (N, S + size)
    spectra = torch.stft(waves, size, hop, length, window, center=False, return_complex=True)  # (N, F, T)
    power = spectra.real.square() + spectra.imag.square()  # (N, F, T)
    filters = mel_filters(rate, size, bands).to(waves)  # (F, M)
    return torch.log(power.transpose(1, 2) @ filters + FLOOR)  # (N, T, M)


def frame_sizes(rate: int) -> tuple[int, int, int]:
    """(samples of a frame, of a hop, of its Fourier transform, the next power of two)."""
    length = round(WINDOW * rate)
    return length, round(HOP * rate), 2 ** math.ceil(math.log2(length))


def frame_counts(lengths: torch.Tensor, rate: int) -> torch.Tensor:
    """How many frames of each sound hold some of it, from its samples (N,): the others are padding. int64 (N,)"""
    return 1 + lengths // round(HOP * rate)


@lru_cache(maxsize=16)
def mel_filters(rate: int, size: int, bands: int) -> torch.Tensor:
    """How much of each frequency of a Fourier transform of `size` samples each band takes: (F, M), F = size // 2 + 1.

    A band is a triangle over its neighbours' middles, and divided by its width, so that noise is equally strong in all.
    """
    frequencies = torch.linspace(0, rate / 2, size // 2 + 1, dtype=torch.float64)  # (F,)
    corners = from_mel(torch.linspace(0, to_mel(rate / 2), bands + 2, dtype=torch.float64))  # (M + 2,)
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]  # each (M,)
    rising = (frequencies[:, None] - low) / (middle - low)  # (F, M)
    falling = (high - frequencies[:, None]) / (high - middle)
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (high - low)).float()  # (F, M)


def to_mel(hertz: float) -> float:
    """A frequency on Slaney's scale of hearing: 15 mel a kilohertz up to 1 kHz, logarithmic above."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def from_mel(mels: torch.Tensor) -> torch.Tensor:
    """Frequencies in hertz of places on that scale."""
    return torch.where(mels < 15, mels * 200 / 3, 1000 * torch.exp((mels - 15) * math.log(6.4) / 27))


def mfcc(frames: torch.Tensor, count: int = 20) -> torch.Tensor:
    """Mel-frequency cepstral coefficients: the first `count` waves that add up to each frame's bands. (..., M) -> (..., K)

    The first is the loudness, the next ones the coarse shape of the spectrum: the vocal tract, hardly the pitch. An
    orthonormal discrete cosine transform (DCT-II).
    """
    bands = frames.shape[-1]
    places = torch.arange(bands, dtype=torch.float64) + 0.5  # (M,)
    waves = torch.cos(math.pi / bands * places[:, None] * torch.arange(count)) * math.sqrt(2 / bands)  # (M, K)
    waves[:, 0] /= math.sqrt(2)
    return frames @ waves.to(frames)  # (..., K)


PIECES = (to_mel, from_mel, mel_filters, frame_sizes, frame_counts, log_mel, mfcc)
