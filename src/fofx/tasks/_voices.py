"""The built-in voices: 160 voices nobody has, each saying six English and six Chinese words; samples at 8 kHz.

They were drawn at random and rendered by eSpeak NG (`tools/render_voices.py`): formants, pitch, breath, roughness and accent
differ from voice to voice; words, pace and pitch a little from clip to clip. They are clean and alike from day to day, as
people and rooms never are, so scores on them say little about recordings of people.

The file holds 7-bit mu-law codes (a logarithm of the strength, as telephones send it: ITU-T G.711), packed with xz.
"""

from __future__ import annotations

import csv
import io
import lzma
import wave
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fofx.errors import DataError

RATE = 8000
LANGUAGES = ("en", "zh")
FOLDER = Path(__file__).parent / "voices"
STEPS, BEND = 63, 255.0  # codes on either side of 0; how strongly quiet samples are favoured


class Voices(NamedTuple):
    """The clips in the order of the index: N of them."""

    samples: list[np.ndarray]  # int16 (S,) each
    voices: list[str]
    languages: list[str]
    words: list[str]


@cache
def voices() -> Voices:
    """Every built-in clip. DataError "damaged-package" when the package's own file is not whole."""
    try:
        with (FOLDER / "index.csv").open(encoding="utf-8", newline="") as file:
            index = list(csv.DictReader(file))
        codes = np.frombuffer(lzma.decompress((FOLDER / "clips.xz").read_bytes()), dtype=np.int8)
        ends = np.cumsum([int(row["samples"]) for row in index])
    except (OSError, lzma.LZMAError, KeyError, ValueError) as problem:
        raise DataError(
            "damaged-package", f"The built-in voices cannot be read ({problem}); install fofx again."
        ) from None
    if not len(ends) or ends[-1] != len(codes):
        raise DataError("damaged-package", "The built-in voices and their index do not fit; install fofx again.")
    samples = np.split(expanded(codes), ends[:-1])
    names = [f"voice {int(row['voice']) + 1:03d}" for row in index]
    return Voices(samples, names, [row["language"] for row in index], [row["word"] for row in index])


def compressed(samples: np.ndarray) -> np.ndarray:
    """int16 samples to codes -63..63: the finer, the quieter."""
    strength = np.log1p(BEND * np.abs(samples.astype(np.float64)) / 32768) / np.log1p(BEND)
    return (np.sign(samples) * np.round(STEPS * strength)).astype(np.int8)


def expanded(codes: np.ndarray) -> np.ndarray:
    """Codes back to int16 samples."""
    strength = np.expm1(np.abs(codes) / STEPS * np.log1p(BEND)) / BEND
    return np.round(np.sign(codes) * strength * 32767).astype(np.int16)


def as_wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """int16 samples as the bytes of a WAV file, which say their rate themselves."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
