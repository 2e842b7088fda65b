"""One rung with other settings, on folds of the built-in data, beside the line: how the defaults of the networks were chosen.

    python benchmarks/tune.py mlp '{}' '{"rate": 0.001}' '{"hidden": [128, 128], "dropout": 0}' [--budget 8] [--folds 3] [--only wine]

A setting is a JSON object; {} is the default. rate, batch, epochs, patience and decay are of the descent, all else goes into the network's
shape. Folds are those of builtin.py: the rows that find with seed 0 would test on are never looked at. The table gives, for
each data set, the mean score on the folds' test parts relative to the linear rung's (rmse: per cent less; accuracy: points
more), so more is better.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from typing import Any

import torch

from builtin import fold
from fofx.recipe import Recipe

USUAL = {
    "mlp": "river,diabetes,wine,breast_cancer,friedman1",
    "tabm": "river,diabetes,wine,breast_cancer,friedman1",
    "cnn": "digits",
    "resnet": "digits",
    "gru": "reviews",
    "lstm": "reviews",
    "transformer": "reviews",
}
DESCENT = ("rate", "batch", "epochs", "schedule", "patience")


def one(rung: str, setting: dict[str, Any], spec: dict[str, Any], budget: float) -> tuple[float, float, float]:
    """How much better than the line, the validation score, and the seconds of the rung."""
    from fofx.find import find
    from fofx.function import Function
    from fofx.rungs import neural

    data, options = fold(spec)
    usual, shape_for, replace = neural.HABITS[rung], neural.shape_for, neural.replace
    habits = dict(zip(DESCENT, usual)) | {key: setting[key] for key in DESCENT if key in setting}
    shape = {key: value for key, value in setting.items() if key not in (*DESCENT, "decay")}

    def other_shape(*given: Any) -> dict:
        made = shape_for(*given)
        for part in made["encoders"]:
            part.update(shape)
        return made

    def other_decay(recipe: Recipe, **changes: Any) -> Recipe:
        return replace(recipe, **changes, **({"decay": setting["decay"]} if "decay" in setting else {}))

    neural.HABITS[rung] = tuple(habits[key] for key in DESCENT)  # type: ignore[assignment]
    neural.shape_for, neural.replace = other_shape, other_decay  # type: ignore[assignment]
    Function.report = lambda self, *given, **more: None  # type: ignore[assignment,method-assign,return-value]
    try:
        with tempfile.TemporaryDirectory() as place:
            found = find(data, model=rung, budget=budget, seed=spec["seed"], out=place, **options)
    finally:
        neural.HABITS[rung], neural.shape_for, neural.replace = usual, shape_for, replace  # type: ignore[assignment]
    results = {result.name: result for result in found.rungs}
    mine, line = results[rung].test, results["linear"].test
    assert mine is not None and line is not None
    lead = 100 * ((line - mine) / line if found.metric == "rmse" else mine - line)
    return lead, results[rung].validation or 0.0, results[rung].seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rung", choices=sorted(USUAL))
    parser.add_argument("settings", nargs="+", type=json.loads)
    parser.add_argument("--budget", type=float, default=8.0)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--size", type=int, default=4000, help="how many of the reviews")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    sets = (options.only or USUAL[options.rung]).split(",")
    print(f"| {options.rung} with | mean | seconds | {' | '.join(sets)} |\n|{'---|' * (len(sets) + 3)}")
    for setting in options.settings:
        leads, seconds = {}, []
        for name in sets:
            each = []
            for number in range(options.folds):
                spec = {"set": name, "folds": options.folds, "size": options.size, "seed": number}
                lead, _, taken = one(options.rung, setting, spec, options.budget)
                each.append(lead)
                seconds.append(taken)
            leads[name] = statistics.fmean(each)
        cells = " | ".join(f"{leads[name]:+.1f}" for name in sets)
        print(
            f"| {json.dumps(setting)} | {statistics.fmean(leads.values()):+.2f} | {statistics.fmean(seconds):.1f} | {cells} |"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    begun = time.perf_counter()
    code = main()
    print(f"\n{time.perf_counter() - begun:.0f} s")
    sys.exit(code)
