"""Every rung of the ladder on built-in data by cross-validation, beside the best scikit-learn peer: for tuning the defaults.

    python benchmarks/builtin.py [--budget 20] [--folds 5] [--only river,wine] [--models mlp,tabm] [--size 4000] [--threads N]

Data: the built-in tasks river, digits and reviews; diabetes, wine and breast_cancer, which come with scikit-learn; and
friedman1, made from a formula and noise. The rows that `find` with seed 0 would test on are taken out first, and never
looked at here, so that defaults tuned by this table can still be judged on them. The others are cut into folds: each is
the test part once (classes spread evenly; the river in time order, its last folds, each learnt from what lies before),
and find cuts its validation part from the rest. Peers and measures are those of find.py, on the same rows.

`lead` is how much better than the best peer of that data set a rung is on the test folds: for rmse in per cent of the
peer's, for accuracy in points (a hundredth of the rows). By --models each of those is tried alone, with the whole budget.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from find import child, contest, print_rungs, summary

SETS = ("river", "digits", "reviews", "diabetes", "wine", "breast_cancer", "friedman1")
PART = "part of this fold"


def columns_of(name: str, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns by name, and find's options: the outputs, and kinds or time where needed."""
    from fofx.tasks import tasks

    if name in tasks():
        task = tasks()[name]
        columns = task.data(size=size) if name == "reviews" else task.data()
        return columns, {"outputs": task.outputs, **task.options}
    from sklearn import datasets

    if name == "friedman1":
        features, target = datasets.make_friedman1(1000, 10, noise=1.0, random_state=0)
        names = [f"x{number}" for number in range(10)]
    else:
        given = getattr(datasets, f"load_{name}")()
        features, target, names = given.data, given.target, list(given.feature_names)
        if name != "diabetes":
            target = [str(given.target_names[number]) for number in target]
    columns = {str(column): features[:, place] for place, column in enumerate(names)}
    return columns | {"target": target}, {"outputs": "target"}


def fold(spec: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of one fold, their part in a column; and find's options."""
    import numpy as np

    from fofx.data.split import split

    columns, options = columns_of(spec["set"], spec["size"])
    answers = columns[options["outputs"]]
    labels = answers if isinstance(answers[0], str) else None
    count, folds, number = len(answers), spec["folds"], spec["seed"]
    when = np.asarray(columns[options["time"]], dtype="datetime64[D]").astype(int) if "time" in options else None
    reserved = split(count, labels=labels, time=when, seed=0).test
    rows = np.setdiff1d(np.arange(count), reserved)
    if when is not None:  # the last two thirds are tested on, a fold at a time, each after the rows it is learnt from
        rows = rows[np.argsort(when[rows], kind="stable")]
        edges = np.linspace(len(rows) / 3, len(rows), folds + 1).astype(int)
        rows = rows[: edges[number + 1]]
        tested = np.arange(len(rows)) >= edges[number]
    else:
        rows = np.random.Generator(np.random.PCG64(0)).permutation(rows)
        if labels is not None:
            rows = rows[np.argsort(np.asarray(labels)[rows], kind="stable")]  # so that every fold has its share of each
        tested = np.arange(len(rows)) % folds == number
    chosen = {
        name: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        for name, values in columns.items()
    }
    return {**chosen, PART: np.where(tested, "test", "train").tolist()}, {**options, "split": PART}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=20.0)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--first", type=int, help="only the first so many of the folds, for a quick look")
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--models", help="rungs to try alone instead of the whole ladder")
    parser.add_argument("--size", type=int, default=4000, help="how many of the reviews")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        spec = json.loads(options.child)
        child(spec, lambda spec: (lambda found: (found[0], {**found[1], "model": spec["model"]}))(fold(spec)))
        return 0
    problems: list[str] = []
    leads: dict[str, dict[str, float]] = defaultdict(dict)
    seconds: dict[str, list[float]] = defaultdict(list)
    models = (options.models or "auto").split(",")
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only.split(","):
            for model in models:
                fixed = {
                    "set": name,
                    "model": model,
                    "folds": options.folds,
                    "size": options.size,
                    "budget": options.budget,
                }
                rounds = [
                    contest(__file__, {**fixed, "seed": number}, options.threads, Path(temporary), problems)
                    for number in range(options.first or options.folds)
                ]
                done = [each for each in rounds if each]
                if done:
                    heading = name if model == "auto" else f"{name}, {model} alone"
                    report(heading, done, leads, seconds)
    print(f"\nlead over the best peer, by data set (budget {options.budget:g} s, {options.folds} folds)\n")
    names = list(dict.fromkeys(name for each in leads.values() for name in each))
    print(f"| rung | mean lead | seconds | {' | '.join(names)} |\n|{'---|' * (len(names) + 3)}")
    for rung, each in leads.items():
        cells = " | ".join(f"{each[name]:+.1f}" if name in each else "" for name in names)
        print(
            f"| {rung} | {statistics.fmean(each.values()):+.1f} | {statistics.fmean(seconds[rung] or [0]):.1f} | {cells} |"
        )
    for problem in problems:
        print(f"\nFAILED {problem}")
    return 1 if problems else 0


def report(heading: str, rounds: list[dict[str, dict]], leads: dict, seconds: dict) -> None:
    """One data set: the peers, every rung, the winner; `leads` and `seconds` grow by its rungs."""
    one = summary(rounds)
    peer, metric = one["mean"][one["best"]], one["metric"]
    peers = ", ".join(f"{who} {value:.4f}" for who, value in one["mean"].items() if who != "fofx")
    ahead, noise = one["lead"]
    print(f"\n{heading}: {metric}; peers, test: {peers}")
    print(f"fofx {one['mean']['fofx']:.4f} ({one['winners']}): {ahead:+.4f} ± {noise:.4f} to {one['best']}")
    print(f"to its linear rung: {one['over linear'][0]:+.4f} ± {one['over linear'][1]:.4f}\n")
    print_rungs(rounds)
    sys.stdout.flush()

    def relative(score: float) -> float:
        return 100 * ((peer - score) / peer if metric == "rmse" else score - peer)

    found = defaultdict(list)
    for each in rounds:
        for rung in each["fofx"]["rungs"]:
            if rung["test"] is not None:
                found[rung["name"]].append(rung["test"])
                seconds[rung["name"]].append(rung["seconds"])
    for name, scores in found.items():
        if len(scores) == len(rounds):  # fitted in every fold: else the mean is over other rows than the peer's
            leads[name][heading] = relative(statistics.fmean(scores))
    leads["what find returns"][heading] = relative(one["mean"]["fofx"])
    seconds["what find returns"] += [each["fofx"]["seconds"] for each in rounds]


if __name__ == "__main__":
    sys.exit(main())
