"""The rung of gradient boosting: a few settings in turn, each for as many rounds as validation gains from and time allows.

The setting and its number of rounds that are best on the validation rows are kept in the recipe; fitted again from it, without a
look at time or validation, the model is the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from fofx.classic.fast_boosting import FastBoosting
from fofx.encoded import Problem, pair_of
from fofx.fields.base import Flat, Output
from fofx.fields.number import Number
from fofx.rungs.base import Watch
from fofx.rungs.classical import Classical, spread

MOST_ROUNDS = 1000
PATIENCE = 3.0  # stop when validation has not gained while trees weighing this much (rounds times rate) were added
LEAST_GAIN = 2e-5  # of the constant answer's loss: less is no gain
FEWEST = 50  # training rows: with fewer, boosting has too little to divide
FEW = 3000  # training rows: below, small trees are tried first
SMALL = (
    {"rate": 0.05, "leaves": 8, "min_leaf": 8, "penalty": 1.0},
    {"rate": 0.1, "leaves": 4, "min_leaf": 5, "penalty": 1.0},
)
LARGE = (
    {"rate": 0.1, "leaves": 31, "min_leaf": 20, "penalty": 0.0},
    {"rate": 0.05, "leaves": 16, "min_leaf": 20, "penalty": 1.0},
)


class Boosting(Classical):
    """Gradient boosting of small trees (Friedman 2001)."""

    words = ("boosting",)
    height = 6
    share = 1.5
    setting = "settings"
    most_rows = 1_000_000
    balanced = False  # whether the user wants every class to weigh the same

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        flat = all(isinstance(field, Flat) for field in problem.fields) or pair_of(problem.fields)
        return ["boosting"] if flat and len(problem.train) >= FEWEST else []

    def make(self, number: bool, value) -> FastBoosting:
        return FastBoosting("regression" if number else "classification", **value)

    def load(self, number: bool) -> type[FastBoosting]:
        return FastBoosting

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.flattener.fit(problem.train)
        train, validation = self.features(problem.train), self.features(problem.validation)
        kept = self.kept_rows(len(train), problem.seed)
        self.balanced = bool(problem.options.get("class_weights"))
        chosen = self.recipe.setdefault("chosen", {})
        for place, output in enumerate(self.outputs):
            number, truth = isinstance(output, Number), problem.truth(output)[kept]
            if output.name in chosen:
                self.models[output.name] = self.make(number, chosen[output.name]).fit(train[kept], truth)
                continue
            compile_all(number)
            right = problem.truth(output, "validation")
            until = time.monotonic() + seconds / len(self.outputs)
            settings = [*SMALL, *LARGE] if len(kept) < FEW else [LARGE[0], SMALL[0], LARGE[1]]
            best = np.inf
            for turn, setting in enumerate(settings):
                begun = time.monotonic()
                if turn and begun >= until:
                    break
                end = until if turn + 1 == len(settings) else (begun + until) / 2  # half of what is left
                value = {**setting, "rounds": MOST_ROUNDS, "balanced": self.balanced and not number}
                model = self.make(number, value)
                fraction = (place + (turn + 1) / len(settings)) / len(self.outputs)
                for step in rounds_until(end, model, (train[kept], truth), (validation, right)):
                    watch({"what": "step", "fraction": fraction, "loss": step["loss"]})
                cost = self.cost(model, output, validation, right)
                if turn == 0 or cost < best:
                    best, self.models[output.name] = cost, model
                    chosen[output.name] = {**value, "rounds": model.rounds}

    def cost(self, model, output: Output, validation, right: np.ndarray) -> float:
        """As the ladder will judge: squared error, or wrong answers with a little log loss."""
        if isinstance(output, Number):
            return super().cost(model, output, validation, right)
        scores = output.metrics(spread(model, validation, output.size), right)
        wrong = 1 - (scores["f1" if self.balanced else "accuracy"] or 0.0)
        return wrong + 0.1 * min(5.0, scores.get("log_loss") or 0.0)


def rounds_until(end: float, model: FastBoosting, train: tuple, validation: tuple) -> Iterator[dict]:
    """Yield the steps of fitting, until the time is over or validation gains no more; the best rounds are kept."""
    best, least, trifle = 0, np.inf, 0.0
    for step in model.steps(train[0], train[1], validation):
        yield step
        if step["round"] == 0:
            trifle = LEAST_GAIN * step["validation"]
        if step["validation"] < least - trifle:
            best, least = step["round"], step["validation"]
        elif (step["round"] - best) * model.rate >= PATIENCE:
            break
        if time.monotonic() >= end:
            break
    model.keep(best)


def compile_all(number: bool) -> None:
    """Compile now what is not yet compiled on this machine, so that it is not taken for the work of the first rounds."""
    features = np.arange(8.0)[:, None]
    model = FastBoosting("regression" if number else "classification", rounds=1, min_leaf=1)
    model.fit(features, features[:, 0] if number else np.arange(8) % 3).predict(features)
