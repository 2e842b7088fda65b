"""Decode sound files into one array of samples: one rate, one channel, one loudness, and safe against broken or huge files.

Plain WAV (whole numbers of 8 to 32 bits) is read by Python's own `wave`; everything else that the optional package
soundfile reads (FLAC, OGG, MP3, AIFF, WAV of other kinds) needs that package: pip install "fofx[sound]".
Shapes: N sounds, C channels, S samples.
"""

from __future__ import annotations

import contextlib
import io
import os
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fofx.errors import DataError, Notice
from fofx.waves import level, resample, trim_silence

MOST = 30_000_000
"""Samples of one file, over all its channels, that are read: ten minutes of one channel at 48 kHz, 120 MB while decoding."""
SLOWEST = 1_000
FASTEST = 400_000
"""Samples a second that a recording can have, from SLOWEST on; a header that says otherwise is broken."""
SHORTEST = 0.02
"""Seconds that a sound must last at least: less holds not one frame of a spectrum."""


def decode_sounds(
    paths: Sequence[Any],
    rate: int,
    seconds: float,
    trim: bool = False,
    loudness: bool = True,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    """(sounds int16 (N, S), lengths int64 (N,), bad): S = rate * seconds, and (row, reason) of every unusable file.

    paths: path strings, or the bytes of such files (None: no sound). Channels become their mean; other rates become `rate`; a longer sound gives its
    beginning, a shorter one is followed by silence (0), and `lengths` says where. `trim` cuts off the silence before and
    behind; `loudness` brings all sounds to one. Rows that are bad stay silent. `remarks` says how many were changed.
    Raises DataError "bad-rate" when no sound can have that rate or length.
    """
    count = samples_of(rate, seconds)
    sounds = np.zeros((len(paths), count), dtype=np.int16)  # (N, S)
    lengths = np.zeros(len(paths), dtype=np.int64)
    bad: list[tuple[int, str]] = []

    def some(rows: range) -> None:
        for row in rows:
            try:
                found = fit(decode(paths[row], rate, None if trim else seconds), rate, count, trim, loudness)
                sounds[row, : len(found)], lengths[row] = found, len(found)
            except Unreadable as error:
                bad.append((row, str(error)))

    threads = threads or min(8, os.cpu_count() or 1)
    if threads == 1 or len(paths) < 8:
        some(range(len(paths)))
    else:
        step = max(1, min(32, len(paths) // threads))
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(some, [range(at, min(at + step, len(paths))) for at in range(0, len(paths), step)]))
    return sounds, lengths, sorted(bad)


def samples_of(rate: int, seconds: float) -> int:
    """S, the samples of a sound; a DataError when the rate or the length cannot be."""
    if not SLOWEST <= rate <= FASTEST or not SHORTEST <= seconds <= MOST / rate:
        text = (
            f"Expected {SLOWEST:,} to {FASTEST:,} samples a second and {SHORTEST} to {MOST / max(rate, 1):.0f} seconds"
        )
        raise DataError("bad-rate", f"{text}; got {rate} and {seconds}.")
    return round(rate * seconds)


class Unreadable(Exception):
    """Why one file is no usable sound, in words."""


@dataclass(frozen=True)
class Heard:
    """What a file says of itself: samples a second, channels, samples of one channel."""

    rate: int
    channels: int
    samples: int


def decode(path: Any, rate: int, seconds: float | None = None) -> torch.Tensor:
    """The mean of the channels, float32 (S,), at `rate`; with `seconds` only the beginning is read. Raises Unreadable."""
    samples, heard = checked(path, seconds)
    with torch.inference_mode():
        mean = torch.from_numpy(samples).mean(dim=1)  # (S,)
        return resample(torch.nan_to_num(mean, nan=0.0, posinf=0.0, neginf=0.0), heard.rate, rate)


def fit(samples: torch.Tensor, rate: int, count: int, trim: bool, loudness: bool) -> np.ndarray:
    """One decoded sound as it is kept: int16, at most `count` samples."""
    with torch.inference_mode():
        samples = (trim_silence(samples, rate) if trim else samples)[:count]
        samples = level(samples) if loudness else samples
        return (samples * 32767).round().clamp(-32768, 32767).to(torch.int16).numpy()


def checked(path: Any, seconds: float | None) -> tuple[np.ndarray, Heard]:
    """(samples float32 (S, C), what the file says). Raises Unreadable with the reason in words."""
    if path is None:
        raise Unreadable("no sound is given")
    try:
        samples, heard = read_sound(path, seconds)
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable("the file does not exist") from None
    except PermissionError:
        raise Unreadable("no permission to read the file") from None
    except IsADirectoryError:
        raise Unreadable("it is a folder") from None
    except MemoryError:
        raise Unreadable("there is not enough memory to open it") from None
    except Exception as error:  # broken files make decoders raise nearly anything
        raise Unreadable(f"it is broken ({error})") from None
    if len(samples) < SHORTEST * heard.rate:
        raise Unreadable(f"it holds {len(samples)} samples, less than {SHORTEST * 1000:.0f} ms of sound")
    return samples, heard


def read_sound(path: Any, seconds: float | None) -> tuple[np.ndarray, Heard]:
    """The beginning of a file (S, C): `seconds` of it, and never more than `MOST` samples."""
    try:
        with wave.open(opened(path), "rb") as file:
            heard = plausible(Heard(file.getframerate(), file.getnchannels(), file.getnframes()))
            return from_bytes(file.readframes(wanted(heard, seconds)), file.getsampwidth(), heard.channels), heard
    except (wave.Error, EOFError):  # no WAV, or one of another kind
        pass
    with foreign(path) as file:
        heard = plausible(Heard(file.samplerate, file.channels, file.frames))
        return file.read(wanted(heard, seconds), dtype="float32", always_2d=True), heard  # (S, C)


def opened(path: Any) -> Any:
    """What a decoder opens: the path as text, or bytes as a file of their own."""
    return io.BytesIO(path) if isinstance(path, bytes) else str(path)


def size_of(path: Any) -> int:
    return len(path) if isinstance(path, bytes) else os.path.getsize(path)


def foreign(path: Any) -> Any:
    """The file as soundfile opens it."""
    if size_of(path) == 0:
        raise Unreadable("it is empty (0 bytes)")
    try:
        import soundfile
    except ImportError:
        raise Unreadable('it is no plain WAV; other sounds need soundfile: pip install "fofx[sound]"') from None
    try:
        return soundfile.SoundFile(opened(path))
    except soundfile.LibsndfileError:
        raise Unreadable("it is not a sound that fofx can read (WAV, FLAC, OGG, MP3, AIFF), or it is broken") from None


def plausible(heard: Heard) -> Heard:
    if not SLOWEST <= heard.rate <= FASTEST:
        raise Unreadable(f"its header says {heard.rate:,} samples a second, which no recording has")
    return heard


def wanted(heard: Heard, seconds: float | None) -> int:
    """How many samples of each channel to read: a little more than asked for, because a filter looks ahead."""
    most = max(1, MOST // heard.channels)
    return most if seconds is None else min(most, round((seconds + 0.1) * heard.rate))


def from_bytes(data: bytes, width: int, channels: int) -> np.ndarray:
    """The whole numbers of a WAV file, of `width` bytes each, as float32 -1..1 (S, C); half a sample at the end is cut."""
    data = data[: len(data) // (width * channels) * width * channels]
    if width == 1:  # the only one without a sign
        numbers = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        numbers = ((parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) / 2.0**31).astype(np.float32)
    else:
        numbers = (np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)).astype(np.float32)
    return numbers.reshape(-1, channels)  # (S, C)


def look_at(paths: Sequence[Any]) -> list[Heard]:
    """What the files that can be opened say of themselves."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError, Unreadable, RuntimeError, ValueError):
            found.append(header(path))
    return found


def header(path: Any) -> Heard:
    """One file's own word, `samples` at most what the file has room for. Raises Unreadable and OSError."""
    try:
        with wave.open(opened(path), "rb") as file:
            heard = plausible(Heard(file.getframerate(), file.getnchannels(), file.getnframes()))
            room = size_of(path) // (file.getsampwidth() * heard.channels)
            return Heard(heard.rate, heard.channels, min(heard.samples, room))
    except (wave.Error, EOFError):
        pass
    with foreign(path) as file:
        return plausible(Heard(file.samplerate, file.channels, file.frames))


def cut_short(path: Any) -> bool:
    """Whether a WAV file holds fewer samples than its header says."""
    try:
        with wave.open(opened(path), "rb") as file:
            return file.getnframes() * file.getsampwidth() * file.getnchannels() > size_of(path)
    except (wave.Error, EOFError, OSError):
        return False


def remarks(paths: Sequence[Any], seconds: float) -> list[Notice]:
    """What is changed or left out of these files, with counts: channels, rates, lengths, silence."""
    heard = look_at(paths)
    several = sum(each.channels > 1 for each in heard)
    rates = [each.rate for each in heard]
    usual = max(sorted(set(rates)), key=rates.count, default=0)
    other = sum(rate != usual for rate in rates)
    longer = sum(each.samples > each.rate * seconds for each in heard)
    cut = sum(cut_short(path) for path in paths)
    silent = sum(is_silent(path, seconds) for path in paths)
    text = (
        f"{other} sound(s) were not recorded at {usual:,} samples a second, as most were; all are brought to one rate."
    )
    notices = [
        Notice("stereo-sounds", f"{several} sound(s) have several channels; their mean is used.", several),
        Notice("resampled-sounds", text, other),
        Notice("shortened-sounds", f"{longer} sound(s) last longer than {seconds:g} s; the rest is not used.", longer),
        Notice("cut-sounds", f"{cut} sound(s) are shorter than their headers say; what is there is used.", cut),
        Notice("silent-sounds", f"{silent} sound(s) are silent throughout.", silent),
    ]
    return [notice for notice in notices if notice.count]  # each with the number of sounds that it is about


def is_silent(path: Any, seconds: float) -> bool:
    """Whether nothing moves in the beginning of a file that can be read."""
    try:
        samples, _ = checked(path, seconds)
    except Unreadable:
        return False
    return not np.ptp(samples, axis=0).max() > 1e-6


def unreadable(paths: Sequence[Any]) -> list[tuple[int, str]]:
    """Row and reason of each file that cannot be decoded."""
    bad = []
    for row, path in enumerate(paths):
        try:
            checked(path, seconds=1.0)
        except Unreadable as error:
            bad.append((row, str(error)))
    return bad


def fit_arrays(arrays: np.ndarray, rate: int, wanted: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Sounds in memory, (N, samples) whole numbers of 16 bits or floats -1..1 at `rate`, to what `decode_sounds` gives.

    Zeros at the end of a row are padding and not counted in its length.
    """
    count = samples_of(wanted, seconds)
    scale = 1.0 if np.issubdtype(arrays.dtype, np.floating) else 1 / 32768
    found = np.zeros((len(arrays), count), dtype=np.int16)  # (N, S)
    lengths = np.zeros(len(arrays), dtype=np.int64)
    for row, array in enumerate(arrays):
        samples = np.nan_to_num(np.trim_zeros(array, "b").astype(np.float32) * scale, posinf=0.0, neginf=0.0)
        if len(samples):
            fitted = fit(resample(torch.from_numpy(samples), rate, wanted), wanted, count, False, True)
            found[row, : len(fitted)], lengths[row] = fitted, len(fitted)
    return found, lengths
