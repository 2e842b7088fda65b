"""The linear rung: ridge regression for numbers, logistic regression for classes, on the flat matrix.

How strongly the weights are held small is chosen on the validation rows. Solved by scikit-learn, kept as plain weights.
Shapes: N rows, D features, K classes.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.base import Field, Output
from fofx.fields.number import Number
from fofx.rungs.base import Code, Rung, Tensors, Watch, by_kind, quoted
from fofx.rungs.features import Flattener, ngram_counter

RIDGE = (1000.0, 100.0, 10.0, 1.0, 0.1, 0.001)  # penalties tried for numbers
LOGISTIC = (0.01, 0.1, 1.0, 10.0, 100.0)  # C, the inverse of the penalty, tried for classes
NGRAMS = (1.0, 5.0, 25.0)  # C for the many, mostly empty columns of n-grams


class Linear(Rung):
    """y = X w + b for each output; classes through a softmax."""

    family = "linear"

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener = Flattener(fields)
        self.weights: Tensors = {}

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.flattener.fit(problem.train)
        train, validation = self.flattener.matrix(problem.train), self.flattener.matrix(problem.validation)
        balanced = "balanced" if problem.options.get("class_weights") else None
        chosen = self.recipe.get("strength", {})
        for output in self.outputs:
            truth, right = problem.truth(output), problem.truth(output, "validation")
            grid = RIDGE if isinstance(output, Number) else NGRAMS if self.flattener.texts else LOGISTIC
            tried = (chosen[output.name],) if output.name in chosen else grid
            best, worse, begun = np.inf, 0, time.monotonic()
            for number, strength in enumerate(tried):
                if isinstance(output, Number):
                    weight, bias = ridge(train, truth, strength)
                    cost = float(np.mean((validation @ weight[:, 0] + bias[0] - right) ** 2))
                else:
                    weight, bias = logistic(train, truth, output.size, strength, balanced, problem.seed)
                    cost = log_loss(validation @ weight + bias, right)
                watch({"what": "step", "fraction": (number + 1) / len(tried), "loss": cost})
                worse = worse + 1 if cost >= best else 0
                if cost < best:
                    best, chosen[output.name] = cost, strength
                    self.weights[f"{output.name}.weight"] = torch.from_numpy(weight)  # (D, K)
                    self.weights[f"{output.name}.bias"] = torch.from_numpy(bias)  # (K,)
                if worse == 2 or time.monotonic() - begun > 0.2 * seconds:
                    break  # from strong penalties to weak ones: it was best where it turned
        self.recipe["strength"] = chosen

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
        self.weights = {name: value for name, value in tensors.items() if not name.startswith("idf.")}

    def script(self, record: dict) -> Code:
        recipe = next(result["recipe"] for result in record["rungs"] if result["name"] == self.name)
        numbers = [isinstance(output, Number) for output in self.outputs]
        balanced = quoted("balanced") if record["asked"]["class_weights"] else None
        fits = ("ridge(x, truth, strength)", f"logistic(x, truth, output.size, strength, {balanced}, SEED)")
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
