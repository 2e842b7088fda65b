"""What is done to the samples of a sound before it is learnt from: another rate, silence cut off, one loudness.

Plain torch on float32 samples around 0, as a microphone gives them, -1..1. Shapes: ... any leading axes, S samples.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import torch
import torch.nn.functional as F

ZEROS = 32
"""Zero crossings of the sinc on either side: more cut steeper at the new highest frequency and cost more."""
ROLL_OFF = 0.945
"""The filter begins to close at this share of the new highest frequency, so that what lies above does not fold down."""
BETA = 12.0
"""Shape of the Kaiser window: what the filter lets through where it is closed lies 118 dB down."""
TARGET = 0.1
"""The usual root mean square of a recording of speech, 20 dB below full scale."""
LARGEST_GAIN = 1000.0
"""A recording that is nearly silent is mostly noise: it is not made louder than this."""


def resample(waves: torch.Tensor, rate: int, wanted: int) -> torch.Tensor:
    """(..., S) samples at `rate` a second to (..., ceil(S * wanted / rate)) at `wanted` a second.

    Windowed sinc interpolation (J. O. Smith, "Digital Audio Resampling", 1984): every new sample is a mean of the old ones
    around it, weighted by a sinc that also takes away the frequencies which the new rate cannot hold. As new and old
    samples meet again after `down` old ones, `up` filters serve all of them, and the whole is one strided convolution.
    Rates whose ratio is no fraction of numbers up to 1,000 are taken as the nearest one, at most 1 in 1,000,000 off.
    """
    ratio = Fraction(wanted, rate).limit_denominator(1000)
    if ratio.numerator > 1000:
        ratio = 1 / Fraction(rate, wanted).limit_denominator(1000)
    up, down = ratio.numerator, ratio.denominator
    if up == down or waves.shape[-1] == 0:
        return waves
    filters, half = sinc_filters(up, down)  # (up, 1, K)
    filters = filters.to(waves)
    length = waves.shape[-1]
    wanted_length = -(-length * up // down)
    steps = -(-wanted_length // up)
    flat = waves.reshape(-1, 1, length)  # (B, 1, S)
    padded = F.pad(flat, (half, max(0, (steps - 1) * down + filters.shape[2] - half - length)))
    found = F.conv1d(padded, filters, stride=down)[:, :, :steps]  # (B, up, steps)
    return found.transpose(1, 2).reshape(*waves.shape[:-1], -1)[..., :wanted_length]


@lru_cache(maxsize=128)
def sinc_filters(up: int, down: int) -> tuple[torch.Tensor, int]:
    """(filters (up, 1, K), how many old samples they begin before the place they are for)."""
    cutoff = ROLL_OFF * min(1.0, up / down)  # as a share of the old highest frequency
    half = math.ceil(ZEROS / cutoff)
    places = torch.arange(-half, half + down, dtype=torch.float64)  # (K,)
    between = torch.arange(up, dtype=torch.float64)[:, None] * down / up - places  # (up, K): new place minus old place
    inside = (between * cutoff / ZEROS).clamp(-1, 1)
    window = torch.special.i0(BETA * (1 - inside**2).sqrt()) / torch.special.i0(torch.tensor(BETA).double())
    weights = cutoff * torch.sinc(cutoff * between) * window * (inside.abs() < 1)
    return weights[:, None].float(), half  # (up, 1, K)


def trim_silence(wave: torch.Tensor, rate: int, below: float = 40.0) -> torch.Tensor:
    """The samples (S,) without the silence before and behind: stretches of 20 ms that stay `below` dB under the loudest.

    A wave that is silent throughout stays as it is.
    """
    size = max(1, rate // 50)
    whole = F.pad(wave, (0, -len(wave) % size)).view(-1, size)  # (stretches, size)
    power = whole.square().mean(dim=1)
    loud = torch.nonzero(power > power.max() * 10 ** (-below / 10))[:, 0] if len(power) else power
    return wave[int(loud[0]) * size : (int(loud[-1]) + 1) * size] if len(loud) else wave


def level(wave: torch.Tensor) -> torch.Tensor:
    """The samples (S,) around 0 and of the usual loudness (`TARGET`), but nowhere beyond -1..1. Silence stays silence."""
    wave = wave - wave.mean()
    loudness, peak = float(wave.square().mean().sqrt()), float(wave.abs().max())
    if peak < 1e-7:
        return torch.zeros_like(wave)
    return wave * min(TARGET / loudness, 1.0 / peak, LARGEST_GAIN)


PIECES = (sinc_filters, resample, trim_silence, level)
