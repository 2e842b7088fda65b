"""Same voice or not, for speakers who were never heard in training: what few training speakers suffice for.

Methods, each learning from pairs of the training speakers only and judged on others:
  cosine      mean MFCC of the clip, cosine, and a threshold
  covariance  the same after within-class covariance normalisation (WCCN)
  voiceprint  the rung of fofx: two covariances, begun from 2,000 drawn voices (rungs/voiceprint.py)
  siamese     a siamese CNN over spectrograms; `known` is its AUC on new clips of the speakers that it was trained on

On the drawn voices of the package: trained on 3, 10 or 80 of them, judged on 60 others. With --data FOLDER (a folder a speaker):
each speaker in turn is kept from training. A pair that differs has the new speaker on one side, and on the other a clip
that training never heard. AUC (the share of same pairs that are more alike than different ones), accuracy, and seconds of
learning and judging together, without the reading of the clips.

A result on two loaded cores, --data with 3 speakers of 30 digits each: cosine 0.919, covariance 0.956, voiceprint 0.945 (accuracy
0.744, 0.756, 0.856), siamese 0.678 on new speakers though 0.997 on known ones. Drawn, trained on 3: 0.752, 0.776, 0.904, 0.556.

Run: python benchmarks/voices.py [--data FOLDER] [--steps 100] [--seed 0]
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import polars as pl
import torch

from fofx.classic.metric import Cosine, Covariance
from fofx.classic.prior import TwoCovariances
from fofx.fields.sound import Sound, cepstral_summary, usual_frames
from fofx.models.siamese import Siamese
from fofx.models.spectrogram import HeardFrames, SpectrogramCNN
from fofx.perturb import vary_frames
from fofx.rungs.voiceprint import BANDS, RATE, known_voices

MEANS = 19  # the first numbers of the summary: the mean of the cepstrum


def pairs_of(owners: np.ndarray, rows: np.ndarray, guests: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Pairs (P, 2), half of them the same: of `rows`, and for those that differ of `rows` with `guests`, too."""
    generator = np.random.default_rng(seed)
    one, two = np.triu_indices(len(rows), 1)
    every = np.stack([rows[one], rows[two]], axis=1)
    crossed = np.stack(np.meshgrid(rows, guests, indexing="ij"), axis=-1).reshape(-1, 2)
    same = every[owners[every[:, 0]] == owners[every[:, 1]]]
    other = np.concatenate([every[owners[every[:, 0]] != owners[every[:, 1]]], crossed])
    count = min(len(same), len(other), most // 2)
    return np.concatenate([generator.permutation(same)[:count], generator.permutation(other)[:count]])


def auc(scores: np.ndarray, same: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(same, scores))


def by_metric(model, numbers: np.ndarray, owners: np.ndarray, learning: np.ndarray, judging: np.ndarray) -> dict:
    begun = time.perf_counter()
    same = [owners[pairs[:, 0]] == owners[pairs[:, 1]] for pairs in (learning, judging)]
    model.fit(numbers[learning[:, 0]], numbers[learning[:, 1]], same[0])
    found = model.probabilities(numbers[judging[:, 0]], numbers[judging[:, 1]])[:, 1]
    right = ((found > 0.5) == same[1]).mean()
    return {"auc": auc(found, same[1]), "accuracy": right, "seconds": time.perf_counter() - begun}


def by_network(
    codes: torch.Tensor, owners: np.ndarray, learning: np.ndarray, judging: np.ndarray, known: np.ndarray, steps: int
) -> dict:
    """A siamese CNN trained for `steps` batches of 32 pairs."""
    begun = time.perf_counter()
    torch.manual_seed(0)
    scale = usual_frames(codes[np.unique(learning)])
    encoder = SpectrogramCNN(None, bands=BANDS, widths=(16, 32, 64))
    model = Siamese(HeardFrames(scale["mean"], scale["spread"], encoder), encoder.width)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.02)
    generator = np.random.default_rng(0)
    for _ in range(steps):
        pairs = learning[generator.integers(len(learning), size=32)]
        same = torch.from_numpy(owners[pairs[:, 0]] == owners[pairs[:, 1]]).long()
        sides = [vary_frames(codes[pairs[:, side]]) for side in (0, 1)]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(*sides), same).backward()
        optimizer.step()
    model.eval()

    def said(pairs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            parts = [
                model(codes[some[:, 0]], codes[some[:, 1]]) for some in np.array_split(pairs, 1 + len(pairs) // 256)
            ]
        return torch.cat(parts).softmax(dim=1)[:, 1].numpy()

    found, same = said(judging), owners[judging[:, 0]] == owners[judging[:, 1]]
    result = {"auc": auc(found, same), "accuracy": ((found > 0.5) == same).mean()}
    seconds = time.perf_counter() - begun
    again = auc(said(known), owners[known[:, 0]] == owners[known[:, 1]])
    return {**result, "seconds": seconds, "known": again}


def compare(
    codes: torch.Tensor,
    owners: np.ndarray,
    train: np.ndarray,
    kept: np.ndarray,
    new: np.ndarray,
    crossed: bool,
    steps: int,
    seed: int,
) -> dict[str, dict]:
    """Every method learns from pairs of the clips `train` and is judged on pairs of the clips `new`; where these show one
    speaker, `crossed` with `kept`: clips of the training speakers that were kept from training."""
    numbers = cepstral_summary(codes).double().numpy()
    learning = pairs_of(owners, train, train[:0], 3000, seed)
    judging = pairs_of(owners, new, kept if crossed else kept[:0], 3000, seed + 1)
    known = pairs_of(owners, kept, kept[:0], 3000, seed + 2)
    found = {
        "cosine": by_metric(Cosine(), numbers[:, :MEANS], owners, learning, judging),
        "covariance": by_metric(Covariance("wccn"), numbers[:, :MEANS], owners, learning, judging),
        "voiceprint": by_metric(TwoCovariances(known_voices()), numbers, owners, learning, judging),
    }
    if steps:
        found["siamese"] = by_network(codes, owners, learning, judging, known, steps)
    return found


def show(title: str, results: list[dict[str, dict]]) -> None:
    """The means over the folds, and of the AUC the range."""
    print(f"\n{title}\n{'method':12} {'AUC':>6} {'from':>6} {'to':>6} {'accuracy':>9} {'seconds':>8} {'known':>6}")
    for name in results[0]:
        each = [result[name] for result in results]
        aucs = [one["auc"] for one in each]
        known = f"{np.mean([one['known'] for one in each]):6.3f}" if "known" in each[0] else f"{'':6}"
        mean = {key: np.mean([one[key] for one in each]) for key in ("accuracy", "seconds")}
        line = f"{name:12} {np.mean(aucs):6.3f} {min(aucs):6.3f} {max(aucs):6.3f} {mean['accuracy']:9.3f}"
        print(f"{line} {mean['seconds']:8.2f} {known}", flush=True)


def split_items(owners: np.ndarray, chosen: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each chosen speaker's clips seven in ten for training, and the others, which training never hears."""
    generator = np.random.default_rng(seed)
    rows = [generator.permutation(np.flatnonzero(owners == owner)) for owner in chosen]
    cuts = [round(0.7 * len(each)) for each in rows]
    return tuple(np.concatenate([each[part(cut)] for each, cut in zip(rows, cuts)]) for part in (lambda c: slice(None, c), lambda c: slice(c, None)))  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", help="a folder with a folder of sounds for each speaker")
    arguments.add_argument("--steps", type=int, default=100, help="of the siamese network; 0 leaves it out")
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    from fofx.data.read import read
    from fofx.tasks._voices import as_wav, voices

    found = voices()
    drawn = pl.Series("sound", [as_wav(samples) for samples in found.samples])
    tables = {"drawn": (drawn, np.unique(found.voices, return_inverse=True)[1])}
    if options.data:
        table = read(options.data)
        tables["own"] = (table.frame["sound"], np.unique(table.frame["label"].to_list(), return_inverse=True)[1])
    for word, (column, owners) in tables.items():
        field = Sound("sound")
        field.learn(column)
        codes = field.encode_at(column, RATE, BANDS)
        names = np.random.default_rng(options.seed).permutation(owners.max() + 1)
        if word == "own":
            results = []
            for held in names:
                train, kept = split_items(owners, names[names != held], options.seed)
                new = np.flatnonzero(owners == held)
                results.append(compare(codes, owners, train, kept, new, True, options.steps, options.seed))
            show(f"{options.data}: each of {len(names)} speakers in turn is new; {len(column)} clips", results)
            continue
        for count in (3, 10, 80):
            train, kept = split_items(owners, names[60 : 60 + count], options.seed)
            new = np.flatnonzero(np.isin(owners, names[:60]))
            results = [compare(codes, owners, train, kept, new, False, options.steps, options.seed)]
            show(f"drawn voices: trained on {count}, judged on 60 others", results)


if __name__ == "__main__":
    main()
