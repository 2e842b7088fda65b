"""The classical rungs: K nearest neighbours, a decision tree, naive Bayes; their few settings are chosen on validation.

Shapes: N rows, D features, K classes.
"""

from __future__ import annotations

import inspect
import time
from typing import Any

import numpy as np
import torch

from fofx.classic.bayes import MultinomialBayes
from fofx.classic.fast import FastGaussianBayes, FastKNN, FastTree
from fofx.encoded import Inputs, Predictions, Problem, pair_of
from fofx.errors import TaskError
from fofx.fields.base import Field, Flat, Output
from fofx.fields.number import Number
from fofx.fields.text import Text
from fofx.rungs.base import Code, Rung, Tensors, Watch, by_kind, quoted
from fofx.rungs.features import Flattener, ngram_counter
from fofx.rungs.linear import log_loss
from fofx.rungs.pair_features import flattener_for
from fofx.rungs.trust import demand_sound

MOST_ROWS = 50_000  # neighbours are looked up among at most this many training rows, drawn by the seed


class Classical(Rung):
    """One classical model for each output, the setting with the best validation score of those tried."""

    family = "classical"

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if all(isinstance(each, Text) for each in fields) and not pair_of(fields):
            raise TaskError(
                "model-does-not-fit", f"{name!r} works on columns and pictures, but the inputs here are text."
            )

    setting: str = ""  # the word for what is varied
    values: tuple = ()
    most_rows = MOST_ROWS

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener: Flattener = flattener_for(fields)
        self.models: dict = {}

    def make(self, number: bool, value):
        raise NotImplementedError

    def load(self, number: bool):
        """The class whose `from_state` brings a saved model back."""
        raise NotImplementedError

    def features(self, inputs: Inputs):
        return self.flattener.dense(inputs)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        begun = time.monotonic()
        self.flattener.fit(problem.train)
        train, validation = self.features(problem.train), self.features(problem.validation)
        chosen = self.recipe.setdefault("chosen", {})
        kept = self.kept_rows(train.shape[0], problem.seed)
        for output in self.outputs:
            number = isinstance(output, Number)
            truth, right = problem.truth(output)[kept], problem.truth(output, "validation")
            values = (
                [chosen[output.name]] if output.name in chosen else [v for v in self.values if self.suits(v, len(kept))]
            )
            best = np.inf
            for value in values:
                model = self.make(number, value).fit(train[kept], truth)
                cost = self.cost(model, output, validation, right)
                watch({"what": "step", "fraction": (values.index(value) + 1) / len(values), "loss": cost})
                if cost < best:
                    best, chosen[output.name], self.models[output.name] = cost, value, model
                if time.monotonic() - begun > 0.5 * seconds:
                    break  # thousands of columns: better one setting than no time for the rungs above

    def kept_rows(self, rows: int, seed: int) -> np.ndarray:
        """The training rows that are used, ascending: all, or as many as are allowed, drawn by the seed."""
        if rows <= self.most_rows:
            return np.arange(rows)
        return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(rows)[: self.most_rows])

    def suits(self, value, rows: int) -> bool:
        return True

    def cost(self, model, output: Output, validation, right: np.ndarray) -> float:
        if isinstance(output, Number):
            return float(np.mean((model.predict(validation) - right) ** 2))
        probabilities = spread(model, validation, output.size)
        wrong = float(np.mean(probabilities.argmax(axis=1) != right))
        return wrong + 1e-3 * log_loss(np.log(probabilities + 1e-9), right)

    def predict(self, inputs: Inputs) -> Predictions:
        matrix = self.features(inputs)
        return {
            output.name: self.models[output.name].predict(matrix)
            if isinstance(output, Number)
            else spread(self.models[output.name], matrix, output.size)
            for output in self.outputs
        }

    def state(self) -> tuple[dict, Tensors]:
        data, tensors = self.flattener.state()
        models = {}
        for name, model in self.models.items():
            models[name], arrays = model.state()
            tensors |= {f"{name}.{key}": torch.from_numpy(np.array(value)) for key, value in arrays.items()}
        return {**data, "models": models}, tensors

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.flattener.restore(data, tensors)
        for output in self.outputs:
            prefix = output.name + "."
            arrays = {
                key.removeprefix(prefix): value.numpy()
                for key, value in tensors.items()
                if key.startswith(prefix) and "." not in key.removeprefix(prefix)  # "a.b" may be an output beside "a"
            }
            number = isinstance(output, Number)
            self.models[output.name] = self.load(number).from_state(data["models"][output.name], arrays)
            demand_sound(self.models[output.name])

    def script(self, record: dict) -> Code:
        counts = bool(self.flattener.texts) and isinstance(self, NaiveBayes)
        wanted = "counts" if counts else "dense"
        settings: dict = {}
        calls: list[str] = []
        things: list[Any] = []
        for output in self.outputs:
            model = self.models[output.name]
            plain = next(cls for cls in type(model).__mro__ if not cls.__name__.startswith("Fast"))  # the readable twin
            names = inspect.signature(plain).parameters
            options = {name: value for name, value in model.state()[0].items() if name in names}
            words = ", ".join(f"{name}={quoted(value)}" for name, value in options.items())
            calls.append(f"    {quoted(output.name)}: {plain.__name__}({words}),\n")
            things.append(plain)
        settings["MOST_ROWS"] = self.most_rows
        lines = f"x = {wanted}(train)\nkept = np.arange(x.shape[0])\nif len(kept) > MOST_ROWS:\n"
        lines += "    order = np.random.Generator(np.random.PCG64(SEED)).permutation(len(kept))\n"
        lines += "    kept = np.sort(order[:MOST_ROWS])\n"
        lines += f"models = {{\n{''.join(calls)}}}\nfor output in outputs:\n"
        lines += "    models[output.name].fit(x[kept], output.truth(train[output.name])[kept])\n"
        numbers = [isinstance(output, Number) for output in self.outputs]
        say = by_kind(("model.predict(x)", "spread(model, x, output.size)"), numbers)
        lines += '\n\ndef predict(frame):\n    """What the models say of each row."""\n'
        lines += (
            f"    x, found = {wanted}(frame), {{}}\n    for output in outputs:\n        model = models[output.name]\n"
        )
        lines += f"        found[output.name] = {say}\n    return found\n"
        model_lines = self.flattener.script_lines(wanted)
        things += [spread, *self.flattener.script_things, ngram_counter]
        return Code(settings, [("model", model_lines), ("optimize", lines)], things)


class Knn(Classical):
    """K nearest neighbours (Fix and Hodges 1951)."""

    words = ("knn",)
    height = 4
    setting = "k"
    values: tuple = (1, 3, 5, 9, 15, 25, 50, 100)

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return [] if problem.train.of(Text) and not pair_of(problem.fields) else ["knn"]

    def suits(self, value, rows: int) -> bool:
        return value <= max(1, rows // 3)

    def make(self, number: bool, value):
        return FastKNN(k=value, task="regression" if number else "classification", weights="distance")

    def load(self, number: bool):
        return FastKNN


class DecisionTree(Classical):
    """A decision tree (Breiman et al. 1984), its depth chosen on validation."""

    words = ("tree",)
    height = 5
    setting = "depth"
    values: tuple = (1, 2, 3, 4, 6, 8, 12, 16)

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return ["tree"] if problem.train.of(Flat) and not problem.train.of(Text) else []

    def make(self, number: bool, value):
        return FastTree("regression" if number else "classification", max_depth=value, min_leaf=1 if value <= 4 else 3)

    def load(self, number: bool):
        return FastTree


class NaiveBayes(Classical):
    """Naive Bayes: bell curves over columns and pixels; counts of n-grams for text. Classes only."""

    words = ("bayes",)
    height = 7
    setting = "smoothing"
    values: tuple = (1e-9, 1e-3, 1e-1)

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return [] if any(isinstance(output, Number) for output in problem.outputs) else ["bayes"]

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        Rung.demand.__func__(cls, name, fields, outputs)  # type: ignore[attr-defined]  # it does read texts
        if any(isinstance(output, Number) for output in outputs):
            raise TaskError("model-does-not-fit", f"{name!r} chooses between classes; here numbers should come out.")

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        if self.flattener.texts:
            self.values = (0.03, 0.1, 0.3, 1.0)

    def features(self, inputs: Inputs):
        return self.flattener.counts(inputs) if self.flattener.texts else self.flattener.dense(inputs)

    def make(self, number: bool, value):
        return MultinomialBayes(alpha=value) if self.flattener.texts else FastGaussianBayes(smoothing=value)

    def load(self, number: bool):
        return MultinomialBayes if self.flattener.texts else FastGaussianBayes


def spread(model, features, classes: int) -> np.ndarray:
    """A classifier's probabilities (N, seen classes) over all K classes; classes it never saw get 0."""
    table = np.zeros((features.shape[0], classes))
    table[:, np.asarray(model.classes, dtype=np.int64)] = model.probabilities(features)
    return table
