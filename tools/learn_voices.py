"""What 2,000 drawn voices have in common: mean and spread of the features, covariance within a voice and between voices.

    pip install espeakng-loader          (needed by this tool only)
    python tools/learn_voices.py         writes src/fofx/rungs/voiceprint.safetensors; about three minutes

The voices are drawn by another seed than the built-in ones, which the tasks judge by. Each clip is heard as it is, and once more
as if by another device in another room (`perturb.vary_frames`), so that these count as what varies within a voice.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from render_voices import render
from safetensors.torch import save_file

from fofx.fields.sound import cepstral_summary, frames_as_bytes
from fofx.perturb import vary_frames
from fofx.rungs import voiceprint
from fofx.tasks._voices import RATE


def covariances(rows: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Within and between (D, D) of rows (N, D) by their owners 0..K-1 (N,), each of which has about as many."""
    each = len(rows) / (owners.max() + 1)
    means = np.stack([rows[owners == owner].mean(axis=0) for owner in range(owners.max() + 1)])  # (K, D)
    within = np.cov((rows - means[owners]).T) * each / (each - 1)
    return within, np.cov(means.T) - within / each  # the means vary by chance, too


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--voices", type=int, default=2000)
    arguments.add_argument("--words", type=int, default=8, help="of each voice in each language")
    arguments.add_argument("--seed", type=int, default=11)
    options = arguments.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    rows, owners = [], []
    clips = list(render(options.voices, options.words, options.seed))
    for at in range(0, len(clips), 500):
        some = clips[at : at + 500]
        sounds = np.zeros((len(some), RATE), dtype=np.int16)
        lengths = np.array([len(clip.samples) for clip in some])
        for row, clip in enumerate(some):
            sounds[row, : len(clip.samples)] = clip.samples
        codes = frames_as_bytes(sounds, lengths, voiceprint.RATE, voiceprint.BANDS)
        elsewhere = vary_frames(codes, time=0.0, band=0.0).round().to(torch.uint8)
        rows += [cepstral_summary(codes).double().numpy(), cepstral_summary(elsewhere).double().numpy()]
        owners += [clip.voice for clip in some] * 2
    every = np.concatenate(rows)  # (N, D)
    mean, spread = every.mean(axis=0), every.std(axis=0)
    within, between = covariances((every - mean) / spread, np.array(owners))
    found = {"mean": mean, "spread": spread, "within": within, "between": between}
    target = Path(voiceprint.__file__).with_name("voiceprint.safetensors")
    save_file({name: torch.from_numpy(value).float().contiguous() for name, value in found.items()}, target)
    print(f"{len(every)} rows of {options.voices} voices; {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
