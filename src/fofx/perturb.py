"""Sound augmentation: new sounds from old ones, a whole batch at a time, so that the network hears none twice.

`mask_frames` hides stretches of time and bands of pitch (D. Park and others, "SpecAugment", 2019). Played at another speed
a voice becomes that of another person (T. Ko and others, "Audio Augmentation for Speech Recognition", 2015), and so it
does when it is shifted in pitch alone. Whatever is random is drawn from torch's global generator.

Shapes: B sounds, S samples, T frames, M bands, F frequencies of a Fourier transform.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from fofx.waves import resample


def mask_frames(
    frames: torch.Tensor, lengths: torch.Tensor | None = None, time: float = 0.15, band: float = 0.2, masks: int = 2
) -> torch.Tensor:
    """(B, T, M) with up to `masks` stretches of frames and as many of bands set to the sound's own mean, each sound others.

    `time` and `band` are the largest stretch as a share of the sound and of the bands; `lengths` (B,) says how many frames
    of each sound are real: only those are hidden.
    """
    count, steps, bands = frames.shape
    real = torch.full((count,), steps) if lengths is None else lengths.cpu()
    hidden = stretches(real, steps, time, masks)[:, :, None] | stretches(
        torch.full((count,), bands), bands, band, masks
    ).unsqueeze(1)  # (B, T, M)
    inside = torch.arange(steps) < real[:, None]  # (B, T)
    inside, hidden = inside.to(frames.device)[:, :, None], (hidden & inside[:, :, None]).to(frames.device)
    mean = (frames * inside).sum(dim=(1, 2)) / (inside.sum(dim=(1, 2)) * bands).clamp(min=1)  # (B,)
    return torch.where(hidden, mean[:, None, None], frames)  # (B, T, M)


def vary_frames(
    codes: torch.Tensor, time: float = 0.12, band: float = 0.15, colour: float = 6.0, loud: float = 6.0
) -> torch.Tensor:
    """Frames stored as bytes (B, T, M), 0 = padding, as if recorded by another device in another room: floats of that kind.

    Each sound gets a smooth curve over its bands (`colour` codes of spread) and a loudness of its own (`loud`), and a stretch
    of time and of bands hidden (`mask_frames`).
    """
    count, _, bands = codes.shape
    real = codes[:, :, 0] != 0  # (B, T)
    waves = torch.cos(math.pi / bands * (torch.arange(bands) + 0.5) * torch.arange(1, 4)[:, None])  # (3, M)
    curve = torch.randn(count, 3) * colour / math.sqrt(3) @ waves + torch.randn(count, 1) * loud  # (B, M)
    moved = (codes.float() + curve.to(codes.device)[:, None]).clamp(1, 255)
    hidden = mask_frames(moved * real[:, :, None], real.sum(dim=1), time, band, masks=1)
    return hidden * real[:, :, None]  # (B, T, M)


def stretches(real: torch.Tensor, size: int, share: float, masks: int) -> torch.Tensor:
    """Which of `size` places are hidden, bool (B, size): `masks` stretches of up to `share` of the first `real` places."""
    draws = torch.rand(2, len(real), masks)
    lengths = (draws[0] * (share * real[:, None] + 1)).floor()  # (B, masks), from 0 to the share
    starts = (draws[1] * (real[:, None] - lengths + 1)).floor()
    places = torch.arange(size)[:, None, None]  # (size, 1, 1)
    return ((places >= starts) & (places < starts + lengths)).any(dim=2).T  # (B, size)


def change_speed(
    waves: torch.Tensor, lengths: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each sound played `factors` (B,) times as fast, pitch and all: (waves (B, S), lengths (B,)). S stays.

    What grows beyond S is cut off. Factors are taken to the nearest hundredth, so that equal ones are done at once.
    """
    size = waves.shape[1]
    percents = (factors * 100).round().long()  # (B,)
    found = torch.zeros_like(waves)
    for percent in percents.unique().tolist():
        rows = torch.nonzero(percents == percent)[:, 0]
        played = resample(waves[rows], percent, 100)[:, :size]
        found[rows, : played.shape[1]] = played
    lengths = -(-lengths * 100 // percents.to(lengths.device))  # rounded up
    return found, lengths.clamp(max=size)  # (B, S), (B,)


def stretch(waves: torch.Tensor, factor: float, size: int = 512) -> torch.Tensor:
    """(B, S) to (B, S / factor): `factor` times as fast at the same pitch, by the phase vocoder.

    Frames of the spectrum are read at another pace; their strengths are interpolated and their phases go on as fast as they
    did (J. Flanagan and R. Golden, "Phase Vocoder", 1966). `size` is the frame in samples.
    """
    hop = size // 4
    window = torch.hann_window(size, dtype=waves.dtype, device=waves.device)
    spectra = torch.stft(waves, size, hop, size, window, pad_mode="constant", return_complex=True)  # (B, F, T)
    places = torch.arange(0, spectra.shape[2], factor, dtype=waves.dtype, device=waves.device)  # (T',)
    spectra = F.pad(spectra, (0, 2))
    whole = places.floor().long()
    before, after = spectra[:, :, whole], spectra[:, :, whole + 1]  # (B, F, T')
    strength = torch.lerp(before.abs(), after.abs(), places - whole)
    usual = math.pi * hop * torch.linspace(0, 1, size // 2 + 1, dtype=waves.dtype, device=waves.device)[:, None]
    turn = after.angle() - before.angle() - usual
    turn = usual + turn - 2 * math.pi * torch.round(turn / (2 * math.pi))  # (B, F, T'): how far the phase goes in a hop
    phase = torch.cumsum(torch.cat([spectra[:, :, :1].angle(), turn[:, :, :-1]], dim=2), dim=2)
    return torch.istft(
        torch.polar(strength, phase), size, hop, size, window, length=round(waves.shape[1] / factor)
    )  # (B, S / factor)


def change_pitch(waves: torch.Tensor, factor: float) -> torch.Tensor:
    """(B, S) with every frequency `factor` times as high, as long as before: slower by stretching, then played faster."""
    rate = round(10_000 * factor)
    found = resample(stretch(waves, 10_000 / rate), rate, 10_000)  # (B, about S)
    return F.pad(found, (0, max(0, waves.shape[1] - found.shape[1])))[:, : waves.shape[1]]


PIECES = (stretches, mask_frames, vary_frames, change_speed, stretch, change_pitch)
