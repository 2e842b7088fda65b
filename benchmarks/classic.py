"""K nearest neighbours, decision tree, gradient boosting and naive Bayes against scikit-learn on 50,000 rows x 20 columns.

Both sides fit and answer in turn, in one process, several times; the ratio is the median over those pairs of
scikit-learn's seconds divided by ours: above 1 fofx is faster. The first run of each side, which for fofx compiles, is
not counted. Peak memory is what the resident size grows by over data and libraries, each model in a process of its own.
K nearest neighbours answers 5,000 rows, all others 50,000. `same` is the share of equal answers on new rows; a tree
grown to the end has ties, which scikit-learn breaks by its random state: `itself` is its agreement with another state.
Boosting adds 100 rounds on each side, 31 leaves a tree, no early stopping; bins and rounding differ a little. `score` is the
accuracy on the new rows, or r2 of numbers: fofx / scikit-learn. scikit-learn's boosting works on as many threads as
OMP_NUM_THREADS allows; ours on two where a round has several trees, and to answer.

Run: python benchmarks/classic.py [--repeats 5] [--dtype float64] [--only boosting]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

ROWS, COLUMNS, ASKED = 50_000, 20, 5_000


def data(dtype):
    """Training rows and new rows, and the targets of both (classes, numbers); mixed classes, no column useless."""
    from sklearn.datasets import make_classification

    features, target = make_classification(
        2 * ROWS, COLUMNS, n_informative=10, n_classes=3, n_clusters_per_class=3, flip_y=0.05, random_state=0
    )
    numbers = features[:, 0] * features[:, 1] + np.abs(features[:, 2]) + np.random.default_rng(0).normal(size=2 * ROWS)
    features = features.astype(dtype)
    return features[:ROWS], features[ROWS:], target, numbers


def contest():
    """name: (ours, theirs, theirs with another random state or None, options)."""
    from sklearn import ensemble, naive_bayes, neighbors, tree

    from fofx.classic.bayes import BernoulliBayes, MultinomialBayes
    from fofx.classic.fast import FastGaussianBayes, FastKNN, FastTree
    from fofx.classic.fast_boosting import FastBoosting

    classifier, regressor = tree.DecisionTreeClassifier, tree.DecisionTreeRegressor
    return {
        "KNN, k = 5": (lambda: FastKNN(5), lambda: neighbors.KNeighborsClassifier(5), None),
        "KNN regression": (
            lambda: FastKNN(5, "regression", "distance"),
            lambda: neighbors.KNeighborsRegressor(5, weights="distance"),
            None,
        ),
        "tree, gini, 8 deep": (
            lambda: FastTree(max_depth=8),
            lambda: classifier(max_depth=8, random_state=0),
            lambda: classifier(max_depth=8, random_state=1),
        ),
        "tree, gini, to the end": (FastTree, lambda: classifier(random_state=0), lambda: classifier(random_state=1)),
        "tree, entropy, 8 deep": (
            lambda: FastTree(criterion="entropy", max_depth=8),
            lambda: classifier(criterion="entropy", max_depth=8, random_state=0),
            lambda: classifier(criterion="entropy", max_depth=8, random_state=1),
        ),
        "tree regression, 8 deep": (
            lambda: FastTree("regression", max_depth=8),
            lambda: regressor(max_depth=8, random_state=0),
            lambda: regressor(max_depth=8, random_state=1),
        ),
        "boosting, 3 classes": (
            lambda: FastBoosting(rounds=100),
            lambda: ensemble.HistGradientBoostingClassifier(early_stopping=False),
            None,
        ),
        "boosting, 2 classes": (
            lambda: FastBoosting(rounds=100),
            lambda: ensemble.HistGradientBoostingClassifier(early_stopping=False),
            None,
        ),
        "boosting regression": (
            lambda: FastBoosting("regression", rounds=100),
            lambda: ensemble.HistGradientBoostingRegressor(early_stopping=False),
            None,
        ),
        "Gaussian naive Bayes": (FastGaussianBayes, naive_bayes.GaussianNB, None),
        "multinomial naive Bayes": (MultinomialBayes, naive_bayes.MultinomialNB, None),
        "Bernoulli naive Bayes": (BernoulliBayes, naive_bayes.BernoulliNB, None),
    }


def given(name, dtype):
    """What one contest fits and asks, and the right answers."""
    features, asked, target, numbers = data(dtype)
    if name.startswith("multinomial"):
        features, asked = (np.floor(np.abs(part)) for part in (features, asked))
    target = numbers if "regression" in name else target > 0 if "2 classes" in name else target
    asked = asked[:ASKED] if name.startswith("KNN") else asked
    return features, target[:ROWS], asked, target[ROWS : ROWS + len(asked)]


def timed(make, features, target, asked):
    """Seconds to fit, seconds to predict, and the answers."""
    start = time.perf_counter()
    model = make().fit(features, target)
    fitted = time.perf_counter()
    answers = model.predict(asked)
    return fitted - start, time.perf_counter() - fitted, answers


def same(one, other):
    """The share of equal answers (numbers: to one part in a million)."""
    return float(np.mean(np.isclose(one, other, rtol=1e-6) if one.dtype.kind == "f" else one == other))


def good(answers, right):
    """Accuracy, or r2 of numbers."""
    if right.dtype.kind != "f":
        return float(np.mean(answers == right))
    return float(1 - np.mean((answers - right) ** 2) / right.var())


def peak(name, side, dtype):
    """MiB that fitting and predicting add to a process that holds the data and the libraries."""
    command = [sys.executable, __file__, "--peak", name, "--side", str(side), "--dtype", dtype]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_peak(name, side, dtype):
    features, target, asked, _ = given(name, dtype)
    make = contest()[name][side]
    few = 300
    make().fit(features[:few], target[:few]).predict(asked[:few])  # compiled code and thread pools are not the model's
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/clear_refs", "w") as reset:  # start the peak anew (Linux)
        reset.write("5")
    now = memory("VmRSS")
    timed(make, features, target, asked)
    print(
        (memory("VmHWM") - now) / 1024 if now else (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    )


def memory(word):
    """A line of /proc/self/status in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(word))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    options.add_argument("--only", default="", help="only contests whose name holds this word")
    options.add_argument("--peak", help=argparse.SUPPRESS)
    options.add_argument("--side", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.peak:
        measure_peak(chosen.peak, chosen.side, chosen.dtype)
        return
    print(
        f"{ROWS:,} x {COLUMNS} {chosen.dtype}; KNN asked {ASKED:,} rows, others {ROWS:,}; medians of {chosen.repeats}"
    )
    print("ratio = scikit-learn's seconds / fofx's, above 1 fofx is faster; ms and MiB: fofx / scikit-learn\n")
    print(
        f"{'':24}{'fit x':>7}{'predict x':>10}  {'fit ms':>15} {'predict ms':>15} {'same':>8} {'itself':>8} {'peak MiB':>12} {'score':>15}"
    )
    for name, (ours, theirs, other) in contest().items():
        if chosen.only not in name:
            continue
        features, target, asked, right = given(name, chosen.dtype)
        pairs = []
        for _ in range(chosen.repeats + 1):
            mine, peers = timed(ours, features, target, asked), timed(theirs, features, target, asked)
            pairs.append((mine, peers))
        scores = f"{good(pairs[0][0][2], right):.4f} / {good(pairs[0][1][2], right):.4f}"
        equal, pairs = f"{same(pairs[0][0][2], pairs[0][1][2]):.4f}", pairs[1:]
        if name.startswith("boosting"):
            equal = ""  # bins and rounding differ: see the scores
        itself = f"{same(timed(other, features, target, asked)[2], pairs[0][1][2]):.4f}" if other else ""
        fit, predict = (statistics.median(b[part] / a[part] for a, b in pairs) for part in (0, 1))
        both = [
            f"{statistics.median(a[part] for a, _ in pairs) * 1e3:.1f} / {statistics.median(b[part] for _, b in pairs) * 1e3:.1f}"
            for part in (0, 1)
        ]
        grown = f"{peak(name, 0, chosen.dtype):.0f} / {peak(name, 1, chosen.dtype):.0f}"
        print(
            f"{name:24}{fit:7.2f}{predict:10.2f}  {both[0]:>15} {both[1]:>15} {equal:>8} {itself:>8} {grown:>12} {scores:>15}",
            flush=True,
        )


if __name__ == "__main__":
    main()
