"""Render the built-in voices: short words in English and Chinese, spoken by eSpeak NG in voices drawn at random.

    pip install espeakng-loader          (GPL-3.0; needed by this tool only, never by fofx)
    python tools/render_voices.py        writes src/fofx/tasks/voices/

A voice is a variant file of eSpeak NG: the length of the vocal tract moves all formants, further draws give each formant its
own place, strength and width, the pitch and its range, breath, roughness, tone and pace. So no voice is anybody's, and
none of those that eSpeak NG names. Each voice says words of both languages, each time a little faster or slower, higher or
lower. Kept at 8 kHz as 7-bit mu-law codes, packed with xz (about 4 MB), with an index.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import lzma
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from fofx.tasks._voices import FOLDER, LANGUAGES, RATE, compressed
from fofx.waves import level, resample, trim_silence

ENGLISH = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "hello",
    "yes",
    "no",
    "water",
    "morning",
]
CHINESE = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "你好", "谢谢", "再见", "朋友", "今天"]
ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
PACE, PITCH, RANGE = 1, 3, 4  # eSpeak NG's numbers of these parameters
SECONDS = 1.0  # the longest clip


class Clip(NamedTuple):
    """One word of one voice: samples int16 (S,) at `RATE`."""

    voice: int
    language: str
    word: str
    samples: np.ndarray


def draw_voice(generator: np.random.Generator) -> str:
    """A variant file: a voice nobody has. Percentages are of eSpeak NG's own voice."""
    tract = np.exp(generator.normal(0, 0.13))  # above 1: a shorter vocal tract, higher formants
    low = np.clip(140 * tract**1.6 * np.exp(generator.normal(0, 0.22)), 65, 300)  # Hz
    lines = ["language variant", "name drawn", "gender male"]
    lines.append(f"pitch {low:.0f} {low * np.exp(generator.uniform(0.1, 0.6)):.0f}")
    for formant in range(9):
        place, strength, width = 100 * np.exp(generator.normal(0, (0.05, 0.25, 0.25))) * (tract, 1, 1)
        lines.append(f"formant {formant} {place:.0f} {strength:.0f} {width:.0f}")
    lines.append(f"intonation {generator.integers(1, 5)}")
    lines.append(f"flutter {generator.integers(0, 10)}")
    lines.append(f"roughness {generator.integers(0, 5)}")
    lines.append(f"voicing {generator.integers(60, 130)}")
    lines.append(f"consonants {generator.integers(50, 150)} {generator.integers(50, 150)}")
    middle, high = np.sort(generator.uniform(300, 4000, 2))  # Hz
    loud = generator.integers((100, 60, 40, 20), (255, 255, 255, 200))
    lines.append(f"tone 100 {loud[0]} {middle:.0f} {loud[1]} {high:.0f} {loud[2]} 5000 {loud[3]}")
    if generator.random() < 0.4:
        lines.append("breath " + " ".join(str(int(strength)) for strength in generator.uniform(0, 6, 8)))
        lines.append("breathw 150 150 200 200 400 400 600 600")
    lines.append(f"speed {generator.integers(80, 125)}")
    return "\n".join(lines) + "\n"


class Speaker:
    """eSpeak NG in this process, with a copy of its data in which one variant can be written anew."""

    def __init__(self, folder: Path) -> None:
        import espeakng_loader

        shutil.copytree(espeakng_loader.get_data_path(), folder)
        self.variant = folder / "voices" / "!v" / "drawn"
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate = self.library.espeak_Initialize(2, 0, str(folder).encode(), 0)  # 2: give me the samples
        self.heard: list[np.ndarray] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self.callback = kind(self._hear)  # kept, or it would be collected while the library holds it
        self.library.espeak_SetSynthCallback(self.callback)

    def _hear(self, samples, count: int, events) -> int:
        if samples and count > 0:
            self.heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def become(self, voice: str, language: str) -> None:
        self.variant.write_text(voice)
        if self.library.espeak_SetVoiceByName(f"{language}+drawn".encode()):
            raise RuntimeError(f"eSpeak NG has no voice {language!r}.")

    def say(self, word: str, **parameters: int) -> np.ndarray:
        """int16 samples at RATE, without silence before and behind, of one loudness."""
        for name, value in parameters.items():
            self.library.espeak_SetParameter({"pace": PACE, "pitch": PITCH, "range": RANGE}[name], int(value), 0)
        self.heard.clear()
        text = word.encode() + b"\0"
        self.library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 1, 0, 1, None, None)  # 1: UTF-8
        self.library.espeak_Synchronize()
        whole = torch.from_numpy(np.concatenate(self.heard)).float() / 32768
        cut = trim_silence(resample(whole, self.rate, RATE), RATE)[: int(SECONDS * RATE)]
        return (level(cut) * 32767).round().to(torch.int16).numpy()


def render(voices: int, words: int, seed: int) -> Iterator[Clip]:
    """`words` clips of each voice and language. The same seed gives the same clips."""
    generator = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        speaker = Speaker(Path(place) / "data")
        for number in range(voices):
            voice, accent = draw_voice(generator), ACCENTS[generator.integers(len(ACCENTS))]
            for language, name, known in zip(LANGUAGES, (accent, "cmn"), (ENGLISH, CHINESE)):
                speaker.become(voice, name)
                for word in generator.choice(known, words, replace=False).tolist():
                    pace, pitch, wide = generator.integers((130, 42, 25), (210, 59, 80))
                    yield Clip(number, language, word, speaker.say(word, pace=pace, pitch=pitch, range=wide))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--voices", type=int, default=160)
    arguments.add_argument("--words", type=int, default=6, help="of each voice in each language")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, default=FOLDER)
    options = arguments.parse_args()
    clips = list(render(options.voices, options.words, options.seed))
    options.out.mkdir(parents=True, exist_ok=True)
    codes = np.concatenate([compressed(clip.samples) for clip in clips])
    (options.out / "clips.xz").write_bytes(lzma.compress(codes.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    with (options.out / "index.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["voice", "language", "word", "samples"])
        rows.writerows([clip.voice, clip.language, clip.word, len(clip.samples)] for clip in clips)
    size = (options.out / "clips.xz").stat().st_size
    print(f"{len(clips)} clips of {options.voices} voices, {len(codes) / RATE:.0f} s, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
