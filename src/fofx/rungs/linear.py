"""The linear rung: ridge regression for numbers, logistic regression for classes, on the flat matrix.

How strongly the weights are held small is chosen on the validation rows. Solved by scikit-learn, kept as plain weights.
Shapes: N rows, D features, K classes.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.base import Field, Output
from fofx.fields.number import Number
from fofx.rungs.base import Code, Rung, Tensors, Watch, by_kind, quoted
from fofx.rungs.features import Flattener, ngram_counter
from fofx.rungs.pair_features import flattener_for

RIDGE = (1000.0, 100.0, 10.0, 1.0, 0.1, 0.001)  # penalties tried for numbers, from the middle outwards
LOGISTIC = (0.01, 0.1, 1.0, 10.0, 100.0)  # C, the inverse of the penalty, tried for classes
NGRAMS = (1.0, 5.0, 25.0)  # C for the many, mostly empty columns of n-grams
SMALL = 50_000_000  # numbers in the matrix: below it, threads wait for one another longer than they work


class Linear(Rung):
    """y = X w + b for each output; classes through a softmax."""

    family = "linear"
    words = ("linear",)
    height = 3

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return ["linear"]

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener: Flattener = flattener_for(fields)
        self.weights: Tensors = {}

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.flattener.fit(problem.train)
        train, validation = self.flattener.matrix(problem.train), self.flattener.matrix(problem.validation)
        chosen = self.recipe.get("strength", {})
        threads = threadpool_limits(1 if train.shape[0] * train.shape[1] < SMALL else None)
        for output in self.outputs:
            truth, right = problem.truth(output), problem.truth(output, "validation")
            grid = self.grid(output, train.shape)
            lines: dict[float, tuple[np.ndarray, np.ndarray]] = {}

            def cost(strength: float, output=output, truth=truth, right=right, lines=lines) -> float:
                watch({"what": "step", "fraction": (len(lines) + 1) / 6})
                if isinstance(output, Number):
                    weight, bias = lines[strength] = ridge(train, truth, strength)
                    return float(np.mean((validation @ weight[:, 0] + bias[0] - right) ** 2))
                weight, bias = lines[strength] = self.classes(train, truth, output, strength, problem)
                return log_loss(validation @ weight + bias, right)

            with threads:
                if output.name in chosen:
                    cost(chosen[output.name])
                else:
                    chosen[output.name] = lowest(grid, cost, time.monotonic() + 0.3 * seconds)
            weight, bias = lines[chosen[output.name]]
            self.weights[f"{output.name}.weight"] = torch.from_numpy(weight)  # (D, K)
            self.weights[f"{output.name}.bias"] = torch.from_numpy(bias)  # (K,)
        self.recipe["strength"] = chosen

    def grid(self, output: Output, shape: tuple[int, int]) -> tuple:
        """The strengths that are tried for a matrix of this shape, from the middle outwards."""
        return RIDGE if isinstance(output, Number) else NGRAMS if self.flattener.texts else LOGISTIC

    def classes(self, matrix, truth: np.ndarray, output: Output, strength: float, problem: Problem):
        """Weight (D, K) and bias (K,) that tell the classes apart."""
        balanced = "balanced" if problem.options.get("class_weights") else None
        return logistic(matrix, truth, output.size, strength, balanced, problem.seed)

    def predict(self, inputs: Inputs) -> Predictions:
        matrix = self.flattener.matrix(inputs)
        found: Predictions = {}
        for output in self.outputs:
            weight, bias = self.weights[f"{output.name}.weight"].numpy(), self.weights[f"{output.name}.bias"].numpy()
            scores = np.asarray(matrix @ weight) + bias  # (N, K)
            found[output.name] = scores[:, 0] if isinstance(output, Number) else softmax(scores)
        return found

    def state(self) -> tuple[dict, Tensors]:
        data, tensors = self.flattener.state()
        return data, {**tensors, **self.weights}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.flattener.restore(data, tensors)
        names = [f"{output.name}.{part}" for output in self.outputs for part in ("weight", "bias")]
        self.weights = {name: tensors[name] for name in names}

    def script_classes(self, balanced: str | None) -> str:
        """The call that tells classes apart, in an ejected script."""
        return f"logistic(x, truth, output.size, strength, {balanced}, SEED)"

    def script(self, record: dict) -> Code:
        recipe = next(result["recipe"] for result in record["rungs"] if result["name"] == self.name)
        numbers = [isinstance(output, Number) for output in self.outputs]
        balanced = quoted("balanced") if record["asked"]["class_weights"] else None
        fits = ("ridge(x, truth, strength)", self.script_classes(balanced))
        said = ("scores[:, 0]", "softmax(scores)")
        fit, say = [f"lines[output.name] = {each}" for each in fits], by_kind(said, numbers)
        chosen = f"    {fit[not numbers[0]]}\n"
        if len(set(numbers)) == 2:
            chosen = f"    if isinstance(output, Number):\n        {fit[0]}\n    else:\n        {fit[1]}\n"
        lines = "x = matrix(train)\nlines = {}\nfor output in outputs:\n    truth = output.truth(train[output.name])\n"
        lines += f"    strength = STRENGTH[output.name]  # chosen on validation\n{chosen}\n\n"
        lines += 'def predict(frame):\n    """y = X w + b."""\n    x, found = matrix(frame), {}\n    for output in outputs:\n'
        lines += "        weight, bias = lines[output.name]\n        scores = np.asarray(x @ weight) + bias\n"
        lines += f"        found[output.name] = {say}\n    return found\n"
        model = self.flattener.script_lines("matrix")
        things = [ridge, logistic, softmax, *self.flattener.script_things, ngram_counter]
        return Code({"STRENGTH": recipe["strength"]}, [("model", model), ("optimize", lines)], things)


def lowest(grid: tuple, cost: Callable[[float], float], deadline: float) -> float:
    """The value of a grid with the lowest cost, looked for from the middle downhill, until the deadline."""
    best = place = len(grid) // 2
    least = cost(grid[place])
    for way in (-1, 1):
        at = place + way
        while 0 <= at < len(grid) and time.monotonic() < deadline:
            now = cost(grid[at])
            if now >= least:
                break
            best, least = at, now
            at += way
        if best != place:
            break
    return grid[best]


def ridge(matrix, truth: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Weight (D, 1) and bias (1,) that minimise |X w + b - y|^2 + penalty |w|^2 (Hoerl and Kennard 1970)."""
    middle = truth.mean()  # solved in spreads around the mean: in 32 bits large answers would lose their digits
    spread = (truth - middle).std() or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns that repeat each other: the penalty settles which share each gets
        model = Ridge(alpha=penalty).fit(matrix, (truth - middle) / spread)
    weight, bias = model.coef_.astype(np.float64) * spread, model.intercept_ * spread + middle
    return weight[:, None], np.array([bias], dtype=np.float64)


def logistic(matrix, truth, classes: int, strength: float, balanced: str | None, seed: int):
    """Weight (D, K) and bias (K,) of multinomial logistic regression; classes absent from `truth` get -20."""
    present = np.unique(truth)
    weight = np.zeros((matrix.shape[1], classes))
    bias = np.full(classes, -20.0)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weight, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged in max_iter steps: validation judges the result as it is
        model = LogisticRegression(C=strength, max_iter=300, tol=1e-4, class_weight=balanced, random_state=seed)
        model.fit(matrix, truth)
    if len(present) == 2:
        weight[:, present[1]], bias[present] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weight[:, present], bias[present] = model.coef_.T, model.intercept_
    return weight, bias


def softmax(scores: np.ndarray) -> np.ndarray:
    """Scores (N, K) to probabilities."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_loss(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean of -log p(right class)."""
    chosen = softmax(np.asarray(scores))[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(chosen, 1e-12, None)).mean())
