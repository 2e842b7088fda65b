"""A sound as a page can draw and play it: its samples, the outline of its waveform and its log-mel spectrogram as bytes.

Shapes: S samples, C columns of the outline, T columns of the spectrogram, M bands.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any, NamedTuple

import numpy as np
import torch

from fofx.errors import DataError, TaskError
from fofx.mel import log_mel, to_mel
from fofx.sounds import FASTEST, SHORTEST, SLOWEST, Unreadable, checked

COLUMNS = 1200  # of the outline, and of the spectrogram at most
BANDS = 64
QUIETEST = 80.0  # decibels below the loudest that are still told apart
LONGEST = 120.0  # seconds drawn
PITCHES = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)  # hertz, marks beside a spectrogram


class Heard(NamedTuple):
    """A sound for a page. samples: int16 (S,). outline: float32 (2, C), lowest and highest of each column, -1..1.
    mel: uint8 (T, M), 255 the loudest and 0 `QUIETEST` decibels below. about: {"rate", "seconds", "columns", "bands", "pitches"},
    where each of the pitches is [hertz, its place among the bands]."""

    samples: np.ndarray
    outline: np.ndarray
    mel: np.ndarray
    about: dict[str, Any]


def hear(sound: Any, rate: int | None = None) -> Heard:
    """`sound`: the path of a file, its bytes, or samples (S,) of 16 bits or floats -1..1 at `rate`. TaskError "bad-sound"."""
    if isinstance(sound, str | bytes | os.PathLike):
        try:
            read, said = checked(os.fspath(sound) if isinstance(sound, os.PathLike) else sound, LONGEST)
        except Unreadable as problem:
            raise TaskError("bad-sound", f"The sound cannot be read: {problem}.") from problem
        samples, rate = read.mean(axis=1), said.rate  # (S,)
    else:
        samples = np.asarray(sound)
        if rate is None or not SLOWEST <= rate <= FASTEST:
            raise TaskError("bad-sound", f"Expected a rate of {SLOWEST:,} to {FASTEST:,} samples a second, got {rate}.")
        if samples.ndim != 1 or samples.dtype.kind not in "if" or len(samples) < SHORTEST * rate:
            text = f"Expected samples (S,), {SHORTEST * 1000:.0f} ms or more, got {samples.dtype} {samples.shape}."
            raise TaskError("bad-sound", text)
        samples = samples / 32768 if samples.dtype.kind == "i" else samples
    samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0)[: round(LONGEST * rate)].clip(-1, 1).astype(np.float32)
    columns = min(COLUMNS, len(samples))
    edges = np.linspace(0, len(samples), columns + 1).astype(np.int64)[:-1]
    outline = np.stack([np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)])  # (2, C)
    with torch.inference_mode():
        mel = log_mel(torch.from_numpy(samples)[None], rate, BANDS)[0].numpy() * (10 / np.log(10))  # (T, M) decibels
    step = -(-len(mel) // COLUMNS)
    mel = np.maximum.reduceat(mel, np.arange(0, len(mel), step))  # (T, M)
    loud = (mel - max(float(mel.max()) - QUIETEST, -60.0)) / QUIETEST  # -60 dB and below is silence
    top = to_mel(rate / 2)
    pitches = [[hertz, to_mel(hertz) / top * (BANDS + 1) - 1] for hertz in PITCHES if hertz < 0.46 * rate]
    about = {
        "rate": int(rate),
        "seconds": len(samples) / rate,
        "columns": len(mel),
        "bands": BANDS,
        "pitches": [[hertz, place] for hertz, place in pitches if place >= 0],
    }
    return Heard(
        np.rint(samples * 32767).astype(np.int16), outline, np.rint(loud.clip(0, 1) * 255).astype(np.uint8), about
    )


def bands_of(effects: Any, seconds: float, upto: float | None = None) -> list[list[float]]:
    """Effects over time as [from, to, effect] in seconds: of numbers evenly spaced, or of such triples. TaskError "bad-effects".

    upto: seconds over which the numbers are spaced, where a model hears no more of a sound.
    """
    found = [] if effects is None else list(effects)
    try:
        if found and np.ndim(found[0]) == 0:
            step = min(seconds, upto or seconds) / len(found)
            found = [(place * step, (place + 1) * step, value) for place, value in enumerate(found)]
        made = [[float(begin), float(end), float(value)] for begin, end, value in found]
    except (TypeError, ValueError) as error:
        raise TaskError("bad-effects", f"Expected numbers, or (from, to, effect) in seconds; {error}.") from error
    if not np.isfinite(np.array(made)).all():
        raise TaskError("bad-effects", "An effect is not finite.")
    return made


def sent_samples(content: dict[str, Any], longest: float) -> tuple[np.ndarray, int]:
    """Samples that a page recorded: {"data": base64 of int16, "rate"} to (int16 (S,), rate). DataError "bad-sound"."""
    data, rate = from_base64(content.get("data")), content.get("rate")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not SLOWEST <= rate <= FASTEST:
        raise DataError("bad-sound", f"A recording of {rate!r} samples a second cannot be.")
    samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16)
    if not SHORTEST * rate <= len(samples) <= (longest + 1) * rate:
        raise DataError(
            "bad-sound", f"A recording of {len(samples) / rate:.2f} s cannot be used; at most {longest:g} s."
        )
    return samples, int(rate)


def sent_file(content: dict[str, Any], most: int, longest: float) -> tuple[np.ndarray, int]:
    """A sound file that a page sent, {"data": base64}, to (int16 (S,), rate); judged by what it holds. DataError "bad-sound"."""
    data = from_base64(content.get("data"))
    if len(data) > most:
        raise DataError("bad-sound", f"The file has {len(data):,} bytes; at most {most:,} are taken here.")
    try:
        samples, said = checked(data, longest)
    except Unreadable as problem:
        raise DataError("bad-sound", f"This is no sound that can be opened: {problem}.") from problem
    mean = np.nan_to_num(samples.mean(axis=1), posinf=0.0, neginf=0.0).clip(-1, 1)  # (S,)
    return np.rint(mean * 32767).astype(np.int16), said.rate


def from_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise DataError("bad-sound", "What the page sent is no sound.") from problem
