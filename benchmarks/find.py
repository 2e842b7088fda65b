"""`find` with a time budget on real data, beside what one would otherwise take from scikit-learn: scores on the same test rows.

    python benchmarks/find.py --data FOLDER [--budget 60] [--seeds 3] [--only covid,hotel] [--threads N] [--rungs] [--keep FOLDER]

FOLDER holds covid/covid.train.csv, hotel/reviews.csv, food/CLASS/*.jpg and faces/PERSON/*.pgm; what is missing is named
and skipped. For each data set and seed fofx splits, searches, and is judged on its test rows; every peer then gets the same
columns and the same rows. Like the rungs of fofx a peer is fitted to the training rows alone, nothing is refitted with the
validation rows; "stopped" boosting looks at the validation rows to stop, the other peers do not look at them at all.

Each contender runs in a process of its own with the same number of threads. Seconds go from data in memory (fofx: from
the file) to test predictions, imports of libraries included; peak memory is the whole process's. The best peer is chosen by
its test score, in hindsight, which favours the peers. Noise is two standard errors of the difference, paired over all test
rows of all seeds, or over the seeds where that is larger; rows that share windows are alike, so for them it is a lower bound.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers import BORROWED, PEERS, Given, peers_for

SETS: dict[str, dict[str, Any]] = {
    "covid": {"path": "covid/covid.train.csv", "outputs": "tested_positive"},
    "covid windows": {"path": "covid/covid.train.csv", "outputs": "tested_positive", "group": "windows"},
    "hotel": {"path": "hotel/reviews.csv", "outputs": "label"},
    "food": {"path": "food", "outputs": "label"},
    "faces": {"path": "faces", "outputs": "label"},
}
Make = Callable[[dict], tuple[Any, dict]]  # spec -> what find takes, and find's options


# ------------------------------------------------------------------------------------- one contender, in its own process


def child(spec: dict, make: Make) -> None:
    """Run the one contender that `spec` names and print what it answered as one JSON line."""
    import warnings

    warnings.simplefilter("ignore")  # a peer that did not converge is judged as it is
    answer = fofx_answers(spec, make) if spec["who"] == "fofx" else peer_answers(spec)
    print("\n" + json.dumps(answer))


def peak_memory() -> float:
    """MB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def fofx_answers(spec: dict, make: Make) -> dict:
    data, options = make(spec)
    begun = time.perf_counter()
    import fofx
    from fofx.data.read import read

    given = read(data)
    function = fofx.find(given, budget=spec["budget"], seed=spec["seed"], out=spec["work"], name="run", **options)
    seconds, peak = time.perf_counter() - begun, peak_memory()

    import polars as pl
    from safetensors.numpy import load_file

    from fofx.prepare import fingerprint

    record, frame = function.record, given.frame  # find leaves in the table it was given the rows that it used
    if fingerprint(frame) != record["data"]["fingerprint"]:
        raise RuntimeError("the rows at hand are not those that fofx used")
    frame.write_parquet(Path(spec["work"]) / "frame.parquet")
    output = function.outputs[0]
    predicted = pl.read_parquet(function.run.path / "predictions.parquet").filter(pl.col("part") == "test")
    test = (load_file(function.run.path / "rows.safetensors")["part"] == 2).nonzero()[0]
    if predicted["row"].to_list() != test.tolist():
        raise RuntimeError("predictions.parquet does not hold the test rows of rows.safetensors")
    side = 0
    for field in function.fields:
        side = getattr(field, "original_side", side)
    return {
        "predictions": predicted[f"{output.name} predicted"].to_list(),
        "linear": output.answers(function.predict(frame[test], "linear")[output.name]),
        "truth": predicted[output.name].to_list(),
        "seconds": seconds,
        "peak": peak,
        "winner": function.winner,
        "metric": function.metric,
        "naive": next(rung.test for rung in function.rungs if rung.name == function.naive),
        "score": function.scores[function.metric],
        "rungs": [
            {"name": r.name, "validation": r.validation, "test": r.test, "seconds": r.seconds, "error": r.error}
            for r in function.rungs
        ],
        "leaks": sorted({notice.code for notice in function.warnings if notice.code.startswith("leak")}),
        "peers": peers_for({field.kind for field in function.fields}, side),
    }


def peer_answers(spec: dict) -> dict:
    given = Given.load(Path(spec["work"]), Path(spec["cache"]))
    begun = time.perf_counter()
    found = PEERS[spec["who"]](given).tolist()
    if given.classes:
        found = [given.classes[number] for number in found]
    return {"predictions": found, "seconds": time.perf_counter() - begun + sum(BORROWED), "peak": peak_memory()}


def ask(script: str, spec: dict, threads: int) -> dict:
    """The answer of one contender, from a process of its own."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names} | {"POLARS_MAX_THREADS": str(threads)}
    command = [sys.executable, script, "--child", json.dumps(spec)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **limits})
    if done.returncode:
        raise RuntimeError(f"{spec['set']}, seed {spec['seed']}, {spec['who']}: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout.splitlines()[-1])


# ------------------------------------------------------------------------------------------------------ scores and table


def score(metric: str, predictions: list, truth: list) -> float:
    if metric == "rmse":
        return math.sqrt(statistics.fmean((found - right) ** 2 for found, right in zip(predictions, truth)))
    return statistics.fmean(found == right for found, right in zip(predictions, truth))


def lead(metric: str, mine: list[list], theirs: list[list], truths: list[list]) -> tuple[float, float]:
    """By how much the first is better than the second (rmse: in its unit, accuracy: as a share), and the noise of that."""
    sign, losses, each = (-1 if metric == "rmse" else 1), [], []
    for one, other, truth in zip(mine, theirs, truths):
        a, b = score(metric, one, truth), score(metric, other, truth)
        each.append(sign * (a - b))
        if metric == "rmse":  # (x^2 - y^2) / (x + y) = x - y
            losses += [((f - t) ** 2 - (g - t) ** 2) / max(a + b, 1e-12) for f, g, t in zip(one, other, truth)]
        else:
            losses += [(g == t) - (f == t) for f, g, t in zip(one, other, truth)]
    error = statistics.stdev(losses) / math.sqrt(len(losses)) if len(losses) > 1 else 0.0
    if len(each) > 1:
        error = max(error, statistics.stdev(each) / math.sqrt(len(each)))
    return statistics.fmean(each), 2 * error


def contest(script: str, spec: dict, threads: int, root: Path, problems: list[str]) -> dict[str, dict] | None:
    """fofx, then every peer on its rows: {who: answer}. What fails is noted in `problems`."""
    prefix = f"{spec['set'].replace(' ', '-')}-{spec['seed']}-"
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    spec = {**spec, "work": str(work), "cache": str(root / f"{spec['set']}.npz")}
    try:
        found = {"fofx": ask(script, {**spec, "who": "fofx"}, threads)}
    except RuntimeError as problem:
        problems.append(str(problem))
        return None
    for who in found["fofx"]["peers"]:
        try:
            found[who] = ask(script, {**spec, "who": who}, threads)
        except RuntimeError as problem:
            problems.append(str(problem))
    if len(found) == 1:
        return None  # nothing to compare with
    print(f"{spec['set']}, seed {spec['seed']}: done", file=sys.stderr, flush=True)
    return found


def summary(rounds: list[dict[str, dict]]) -> dict[str, Any]:
    """What the rounds (one a seed) of one data set say: scores of all, the best peer, and the lead over it."""
    metric = rounds[0]["fofx"]["metric"]
    truths = [each["fofx"]["truth"] for each in rounds]
    everywhere = [who for who in rounds[0] if all(who in each for each in rounds)]
    scores = {who: [score(metric, r[who]["predictions"], t) for r, t in zip(rounds, truths)] for who in everywhere}
    for each, own in zip(rounds, scores["fofx"]):
        if not math.isclose(own, each["fofx"]["score"], rel_tol=1e-6, abs_tol=1e-9):
            raise RuntimeError(f"fofx says {each['fofx']['score']}, its predictions.parquet says {own}")
    mean = {who: statistics.fmean(found) for who, found in scores.items()}
    best = (min if metric == "rmse" else max)([who for who in everywhere if who != "fofx"], key=mean.__getitem__)
    answers = {who: [each[who]["predictions"] for each in rounds] for who in ("fofx", best)}
    linear = [each["fofx"]["linear"] for each in rounds]
    return {
        "metric": metric, "scores": scores, "mean": mean, "best": best,
        "lead": lead(metric, answers["fofx"], answers[best], truths),
        "over linear": lead(metric, answers["fofx"], linear, truths),
        "naive": statistics.fmean(each["fofx"]["naive"] for each in rounds),
        "winners": ", ".join(each["fofx"]["winner"] for each in rounds),
        "seconds": [statistics.fmean(each[who]["seconds"] for each in rounds) for who in ("fofx", best)],
        "peak": [max(each[who]["peak"] for each in rounds) for who in ("fofx", best)],
        "leaks": rounds[0]["fofx"]["leaks"],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with covid, hotel, food and faces")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help=f"some of: {', '.join(SETS)}; a word stands for all that begin with it")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rungs", action="store_true", help="also every rung's scores")
    parser.add_argument("--keep", type=Path, help="a folder to leave the runs in")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child), lambda spec: (spec["path"], spec["options"]))
        return 0
    if not options.data:
        parser.error("--data FOLDER is needed")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    wanted = (options.only or "").split(",")
    problems: list[str] = []
    results: dict[str, list[dict[str, dict]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, described in SETS.items():
            path = options.data / described["path"]
            if not name.startswith(tuple(word.strip() for word in wanted)):
                continue
            if not path.exists():
                print(f"skipped: {path} is not there")
                continue
            rest = {key: value for key, value in described.items() if key != "path"}
            rounds = [
                contest(__file__, {"set": name, "path": str(path), "options": rest, "seed": seed, "budget": options.budget},
                        options.threads, options.keep or Path(temporary), problems)
                for seed in range(options.seeds)
            ]  # fmt: skip
            results[name] = [each for each in rounds if each]
    show({name: rounds for name, rounds in results.items() if rounds}, options)
    for problem in problems:
        print(f"\nFAILED {problem}")
    return 1 if problems else 0


def show(results: dict[str, list[dict[str, dict]]], options: argparse.Namespace) -> None:
    print(f"\nbudget {options.budget:g} s, {options.seeds} seed(s), {options.threads} thread(s); fofx / best peer\n")
    print(
        "| data | metric | naive | winner, each seed | fofx, test | each seed | peers, test | lead ± noise | seconds | peak MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    verdicts: dict[str, list[str]] = {
        "behind beyond noise": [],
        "behind within noise": [],
        "behind its linear rung": [],
    }
    found = {name: summary(rounds) for name, rounds in results.items()}
    for name, one in found.items():
        peers = "; ".join(
            f"**{who} {value:.4f}**" if who == one["best"] else f"{who} {value:.4f}"
            for who, value in one["mean"].items()
            if who != "fofx"
        )
        each = " ".join(f"{value:.4f}" for value in one["scores"]["fofx"])
        ahead, noise = one["lead"]
        print(
            f"| {name} | {one['metric']} | {one['naive']:.4f} | {one['winners']} | {one['mean']['fofx']:.4f} | {each} | {peers}"
            f" | {ahead:+.4f} ± {noise:.4f} | {one['seconds'][0]:.1f} / {one['seconds'][1]:.1f}"
            f" | {one['peak'][0]:.0f} / {one['peak'][1]:.0f} |"
        )
        if ahead < 0:
            text = f"{name} ({ahead:+.4f} ± {noise:.4f} to {one['best']})"
            verdicts["behind beyond noise" if -ahead > noise else "behind within noise"].append(text)
        if -one["over linear"][0] > one["over linear"][1]:
            verdicts["behind its linear rung"].append(f"{name} ({one['over linear'][0]:+.4f})")
    if options.rungs:
        for name, rounds in results.items():
            print(f"\n{name}:")
            print_rungs(rounds)
    for name, one in found.items():
        if one["leaks"]:
            print(f"\n{name}: the run warned of {', '.join(one['leaks'])}")
    print()
    for verdict, texts in verdicts.items():
        print(f"{verdict}: {'; '.join(texts) or 'nowhere'}")


def print_rungs(rounds: list[dict[str, dict]]) -> None:
    """A line a rung: means over the rounds it was fitted in."""
    print("| rung | validation | test | seconds | of |\n|---|---|---|---|---|")
    names = dict.fromkeys(rung["name"] for each in rounds for rung in each["fofx"]["rungs"])
    for name in names:
        fitted = [r for each in rounds for r in each["fofx"]["rungs"] if r["name"] == name and r["test"] is not None]
        if not fitted:
            print(f"| {name} | - | - | - | 0 |")
            continue
        means = [statistics.fmean(rung[key] for rung in fitted) for key in ("validation", "test", "seconds")]
        print(f"| {name} | {means[0]:.4f} | {means[1]:.4f} | {means[2]:.1f} | {len(fitted)} |")


if __name__ == "__main__":
    sys.exit(main())
