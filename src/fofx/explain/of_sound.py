"""What of a sound carried the answer: pieces of its spectrogram (a stretch of time, a band of pitch) are made silent.

Each piece is taken out of the Fourier transform and the rest made a sound again, so that the model hears what a listener would.
Shapes: S samples, F frequencies, T frames, V variants of one row, H x W pixels of the drawn spectrogram.
"""

from __future__ import annotations

import io
import wave
from itertools import pairwise

import numpy as np
import polars as pl
import torch

from fofx.explain.occlude import Found, Variants, steps, variants_of
from fofx.fields.sound import ARRAY_RATE, Sound, as_samples, is_array
from fofx.mel import log_mel
from fofx.sounds import Unreadable, decode

PIECES_IN_TIME, PIECES_IN_PITCH = 8, 4
HEIGHT, WIDTH = 64, 160  # of the drawn spectrogram, in pixels
LEFT = 0.01  # of a piece that is made silent: a hundredth, 40 dB


@variants_of.register
def of_sound(field: Sound, column: pl.Series, places: int) -> Variants:
    """The sound, silence, and the sound with each piece of its spectrogram silent.

    A piece lasts a quarter of the sound and spans a quarter of the pitches on the mel scale; neighbouring pieces overlap in
    time, and a place's effect is the mean over its pieces.
    """
    samples = one_sound(field, column)  # (S,)
    size = 2 ** int(np.ceil(np.log2(0.032 * field.rate)))
    window = torch.hann_window(size)
    spectrum = torch.stft(samples, size, size // 4, window=window, pad_mode="constant", return_complex=True)  # (F, T)
    edges = pitch_edges(field.rate, spectrum.shape[0])
    pieces = [
        (slice(low, high), slice(start, start + length))
        for start, length in steps(spectrum.shape[1], min(places, PIECES_IN_TIME))
        for low, high in pairwise(edges)
    ]
    sounds = [samples, torch.zeros_like(samples)]
    for rows, columns in pieces:
        quiet = spectrum.clone()
        quiet[rows, columns] *= LEFT
        sounds.append(torch.istft(quiet, size, size // 4, window=window, length=len(samples)))

    def finish(losses: np.ndarray) -> Found:
        total, count = np.zeros((len(edges) - 1, spectrum.shape[1])), np.zeros(spectrum.shape[1])
        for number, (_, columns) in enumerate(pieces):
            total[number % (len(edges) - 1), columns] += losses[1 + number]
            count[columns] += 1.0 / (len(edges) - 1)
        effect = total / np.maximum(count, 1e-9)  # (bands of pitch, T)
        across = np.minimum(np.arange(WIDTH) * effect.shape[1] // WIDTH, effect.shape[1] - 1)
        upwards = (len(effect) - 1) - np.arange(HEIGHT) * len(effect) // HEIGHT
        return Found(float(losses[0]), heat=effect[upwards][:, across])  # (H, W), low pitches below

    values = pl.Series(field.name, [sound_bytes(each, field.rate) for each in sounds], dtype=pl.Binary)
    return Variants(values, (spectrogram_picture(samples, field.rate, field.bands), None), finish)


def one_sound(field: Sound, column: pl.Series) -> torch.Tensor:
    """The one value of a column as samples at the field's rate, float32 (S,), as long as the model hears; silence if it cannot be read."""
    if is_array(column):
        from fofx.waves import resample

        samples = torch.from_numpy(as_samples(column)[0].astype(np.float32))
        whole = resample(samples / (32768 if column.dtype.inner.is_integer() else 1), ARRAY_RATE, field.rate)  # type: ignore[attr-defined]
    else:
        try:
            whole = decode(column[0], field.rate, field.seconds).clone()
        except Unreadable:
            whole = torch.zeros(round(0.1 * field.rate))
    return whole[: round(field.seconds * field.rate)]


def pitch_edges(rate: int, count: int) -> list[int]:
    """Where the bands of pitch begin and end among `count` frequencies: equally wide for the ear."""
    from fofx.mel import from_mel, to_mel

    hertz = from_mel(torch.linspace(0, to_mel(rate / 2), PIECES_IN_PITCH + 1, dtype=torch.float64))
    return [*(round(float(each) * (count - 1) / (rate / 2)) for each in hertz[:-1]), count]


def sound_bytes(samples: torch.Tensor, rate: int) -> bytes:
    """Samples (S,) as the bytes of a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((samples * 32767).round().clamp(-32768, 32767).numpy().astype("<i2").tobytes())
    return file.getvalue()


def spectrogram_picture(samples: torch.Tensor, rate: int, bands: int) -> np.ndarray:
    """The log-mel spectrogram as a grey picture, dark where it is loud, low pitches below: (H, W, 1) uint8."""
    frames = log_mel(samples[None], rate, bands)[0].numpy()  # (T, M)
    low = max(frames.min(), frames.max() - 9.0)  # 40 dB below the loudest is white
    shade = 255 - 235 * np.clip((frames - low) / max(frames.max() - low, 1e-6), 0, 1)
    across = np.minimum(np.arange(WIDTH) * len(shade) // WIDTH, len(shade) - 1)
    upwards = (bands - 1) - np.arange(HEIGHT) * bands // HEIGHT
    return shade[across][:, upwards].T[..., None].astype(np.uint8)  # (H, W, 1)
