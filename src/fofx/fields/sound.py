"""A column of sounds: files, bytes of such files, or arrays of samples; kept as log-mel frames of one byte a band.

A byte is a step of 0.38 dB: far below what anybody hears, and an eighth of the memory of the samples. Byte 0 is padding.
Shapes: N sounds, S samples, T frames (one every 10 ms), M bands of pitch.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.errors import DataError, Notice
from fofx.fields.base import Field, Habit, Take
from fofx.mel import frame_counts, log_mel, mfcc
from fofx.models.spectrogram import LOW, STEP, HeardFrames
from fofx.perturb import vary_frames
from fofx.sounds import decode_sounds, fit_arrays

ARRAY_RATE = 16_000
"""Samples a second of sounds that come as arrays, which cannot say it; bytes of a WAV file can."""
CEPSTRA = 20  # coefficients of the summary for models that know no time
AT_ONCE = 256  # sounds whose spectra are in memory together
FILES = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b"\xff\xfb", b".snd")  # how the bytes of sound files begin


class Sound(Field):
    """(N, T, M) uint8. The rate is the sounds' own, 8 or 16 kHz; the length that of nearly all, at most `longest` seconds."""

    kind = "sound"
    way = 3
    shelf = "sounds"
    learnt = ("rate", "bands", "seconds", "typical")
    longest = 4.0
    networks: ClassVar[dict[str, Habit]] = {
        "spectrogram-cnn": Habit(3e-3, epochs=60, share=1.5, dropout=0.1, family="small", unasked=True),
        "spectrogram-transformer": Habit(1e-3, epochs=60, dropout=0.1, unasked=True),
    }
    usual = "spectrogram-cnn"

    def learn(self, column: pl.Series) -> None:
        if is_array(column):
            rates, seconds = [ARRAY_RATE], [as_samples(column).shape[1] / ARRAY_RATE]
        else:
            from fofx.sounds import look_at

            heard = look_at(once(column.drop_nulls().to_list())[0][:2000])
            rates, seconds = [each.rate for each in heard], [each.samples / each.rate for each in heard]
        usual = float(np.median(rates)) if rates else ARRAY_RATE
        self.rate = 16_000 if usual >= 12_000 else 8_000
        self.bands = 64 if self.rate > 8_000 else 40
        long = float(np.quantile(seconds, 0.95)) if seconds else 1.0
        self.seconds = round(float(np.clip(long, 0.1, self.longest)), 2)
        self.typical = None

    def encode(self, column: pl.Series) -> torch.Tensor:
        return self.encode_at(column, self.rate, self.bands)

    def encode_at(self, column: pl.Series, rate: int, bands: int) -> torch.Tensor:
        """The same at another rate: what was learnt from telephone voices hears 8 kHz."""
        if is_array(column):
            sounds, lengths = fit_arrays(as_samples(column), ARRAY_RATE, rate, self.seconds)
            return frames_as_bytes(sounds, lengths, rate, bands)
        values, places = once(column.to_list())  # in pairs every sound stands in many rows
        sounds, lengths, bad = decode_sounds(values, rate, self.seconds)
        if bad:
            row, why = bad[0]
            named = f", {values[row]}" if isinstance(values[row], str) else ""
            raise DataError("broken-sound", f"{len(bad)} sound(s) cannot be read; of the first{named}: {why}.")
        return frames_as_bytes(sounds, lengths, rate, bands)[places]

    def flat_numbers(self, column: pl.Series) -> np.ndarray:
        """Mean and spread of the cepstrum (MFCC) over the sound, and the spread of its slope."""
        return cepstral_summary(self.encode(column)).numpy()

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        if column.dtype == pl.Binary:
            few = column.drop_nulls().head(20).to_list()
            return bool(few) and all(value.startswith(FILES) for value in few)
        kind = column.dtype
        return isinstance(kind, pl.Array) and len(kind.shape) == 1 and kind.inner == pl.Int16 and kind.shape[0] >= 400

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        if is_array(column):
            return []
        from fofx.sounds import unreadable

        values, places = once(column.to_list())
        reasons = dict(unreadable(values))
        return [(row, reasons[place]) for row, place in enumerate(places.tolist()) if place in reasons]

    @classmethod
    def remarks(cls, column: pl.Series) -> list[Notice]:
        if is_array(column):
            return []
        from fofx.sounds import remarks

        return remarks(once(column.to_list())[0], cls.longest)

    @classmethod
    def blank(cls, name: str) -> pl.Series:
        return pl.Series(name, np.zeros((1, 1600), np.int16))

    @classmethod
    def many(cls, shape: tuple[int, ...]) -> bool:
        return len(shape) != 1

    # ---- networks

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        part: dict[str, Any] = {"block": self.name, "kind": self.kind, "model": model, "bands": self.bands}
        part |= {"dropout": self.networks[model].dropout}
        part |= {"width": 64, "layers": 2} if model == "spectrogram-transformer" else {"widths": [16, 32, 64]}
        return part | usual_frames(take(part))

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name == "spectrogram-cnn":
            from fofx.models.spectrogram import SpectrogramCNN

            return SpectrogramCNN(outputs, bands=part["bands"], widths=tuple(part["widths"]), dropout=part["dropout"])
        if name == "spectrogram-transformer":
            from fofx.models.spectrogram import SpectrogramTransformer

            return SpectrogramTransformer(
                outputs, bands=part["bands"], width=part["width"], layers=part["layers"], dropout=part["dropout"]
            )
        raise NotImplementedError(name)

    @staticmethod
    def reader(part: dict) -> tuple[type[nn.Module], tuple] | None:
        return HeardFrames, (part["mean"], part["spread"])

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        return torch.ones(2, 20, part["bands"], dtype=torch.uint8)

    @staticmethod
    def lengths(tensor: torch.Tensor) -> torch.Tensor | None:
        return (tensor[:, :, 0] != 0).sum(dim=1)

    @staticmethod
    def augmentation(part: dict):
        return vary_frames, {}


def is_array(column: pl.Series) -> bool:
    """Whether the samples themselves are in the column, rather than files or their bytes."""
    return column.dtype not in (pl.String, pl.Binary)


def as_samples(column: pl.Series) -> np.ndarray:
    """A polars column of arrays to (N, S): int16, or floats -1..1."""
    samples = column.to_numpy()
    if samples.dtype == object or samples.ndim != 2:
        words = "should hold sounds (paths, bytes of sound files, or arrays of samples of one length)."
        raise DataError("not-sounds", f"Column {column.name!r} {words}")
    if samples.dtype.kind in "iu" and samples.dtype != np.int16:
        samples = np.clip(samples, -32768, 32767).astype(np.int16)
    return samples


def once(values: list) -> tuple[list, np.ndarray]:
    """The different values in the order of their coming, and the place of each value among them (N,)."""
    known: dict[Any, int] = {}
    places = [known.setdefault(value, len(known)) for value in values]
    return list(known), np.array(places, dtype=np.int64)


def frames_as_bytes(sounds: np.ndarray, lengths: np.ndarray, rate: int, bands: int) -> torch.Tensor:
    """int16 samples (N, S) to log-mel frames in steps of `STEP` above `LOW`, 1..255; 0 is padding. uint8 (N, T, M)"""
    parts = []
    for at in range(0, max(1, len(sounds)), AT_ONCE):
        frames = log_mel(torch.from_numpy(sounds[at : at + AT_ONCE]), rate, bands)  # (n, T, M)
        codes = 1 + ((frames - LOW) / STEP).round().clamp(0, 254)
        counts = frame_counts(torch.from_numpy(lengths[at : at + AT_ONCE]), rate)
        real = torch.arange(frames.shape[1]) < counts[:, None]
        parts.append((codes * real[:, :, None]).to(torch.uint8))
    return torch.cat(parts)  # (N, T, M)


def usual_frames(codes: torch.Tensor) -> dict[str, list[float]]:
    """Mean and spread of each band over the real frames of the training sounds, in codes."""
    real = codes[:2000].reshape(-1, codes.shape[2])
    real = real[real[:, 0] != 0].float()
    mean, spread = real.mean(dim=0), real.std(dim=0).clamp(min=1.0)
    return {"mean": [round(v, 2) for v in mean.tolist()], "spread": [round(v, 2) for v in spread.tolist()]}


def cepstral_summary(codes: torch.Tensor) -> torch.Tensor:
    """Bytes (N, T, M) to mean and spread of the cepstrum without its loudness, and the spread of its slope: (N, 3 * 19)."""
    parts = []
    for at in range(0, max(1, len(codes)), AT_ONCE):
        some = codes[at : at + AT_ONCE]
        real = (some[:, :, :1] != 0).float()  # (n, T, 1)
        cepstra = mfcc(some.float() * STEP, CEPSTRA)[:, :, 1:]  # (n, T, 19); a constant in all bands is loudness alone
        slopes = cepstra[:, 4:] - cepstra[:, :-4]  # over 40 ms
        inside = real[:, 4:]
        count, between = real.sum(dim=1).clamp(min=1), inside.sum(dim=1).clamp(min=1)
        mean = (cepstra * real).sum(dim=1) / count  # (n, 19)
        spread = ((cepstra - mean[:, None]).square() * real).sum(dim=1) / count
        slope = (slopes.square() * inside).sum(dim=1) / between
        parts.append(torch.cat([mean, (spread + 1e-6).sqrt(), (slope + 1e-6).sqrt()], dim=1))
    return torch.cat(parts)
