"""The average of the best rungs, taken when validation says that it helps (Caruana et al. 2004, greedy selection).

Models that err differently cancel each other's errors. Its members' predictions are averaged with whole-number weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fofx.encoded import Inputs, Predictions, Problem
from fofx.rungs.base import Rung, Tensors, Watch

ROUNDS = 10  # members taken, one after another; the same one may be taken again


class Average(Rung):
    """A weighted mean of other rungs' predictions. `members` are fitted rungs; `weights` count how often each was taken."""

    family = "average"
    words = ("average",)
    height = 100
    members: dict[str, Rung]
    weights: dict[str, int]

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        """Nothing is learnt here: `choose` takes the members, from predictions that are there already."""

    def predict(self, inputs: Inputs) -> Predictions:
        return mix({name: self.members[name].predict(inputs) for name in self.weights}, self.weights)

    def state(self) -> tuple[dict, Tensors]:
        return {"weights": self.weights}, {}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.weights = {str(name): int(count) for name, count in data["weights"].items()}


def mix(predictions: dict[str, Predictions], weights: dict[str, int]) -> Predictions:
    """The weighted mean, output by output."""
    total = sum(weights.values())
    names = next(iter(predictions.values())).keys()
    return {
        name: np.sum([predictions[member][name] * (count / total) for member, count in weights.items()], axis=0)
        for name in names
    }


def choose(predictions: dict[str, Predictions], cost: Callable[[Predictions], float]) -> tuple[dict[str, int], float]:
    """Greedy selection with replacement: take, again and again, the rung whose joining lowers `cost` most."""
    weights: dict[str, int] = {}
    best = np.inf
    for _ in range(ROUNDS):
        tried = {
            name: cost(
                mix({n: predictions[n] for n in {**weights, name: 0}}, {**weights, name: weights.get(name, 0) + 1})
            )
            for name in predictions
        }
        name = min(tried, key=tried.__getitem__)
        if tried[name] >= best - 1e-9:
            break
        best = tried[name]
        weights[name] = weights.get(name, 0) + 1
    return weights, float(best)
