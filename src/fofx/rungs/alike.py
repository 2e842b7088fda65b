"""The rungs that learn a distance between two sides: `cosine` with a threshold, and `covariance`, which learns what to overlook.

With the weights of a pretrained network installed, `efficientnet-covariance` does the same on what that network sees.
See `fofx.classic.metric`. Shapes: P pairs, D numbers of a side.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from fofx.classic.metric import Cosine, Covariance, PairMetric
from fofx.encoded import Inputs, Predictions, Problem, pair_of
from fofx.errors import TaskError
from fofx.fields.base import Field, Output
from fofx.fields.category import Category
from fofx.fields.picture import Picture
from fofx.metrics import auc
from fofx.rungs.base import Code, Rung, Tensors, Watch, quoted
from fofx.rungs.frozen import FrozenPairFlattener, large_pictures, plan_for
from fofx.rungs.pair_features import PairFlattener
from fofx.rungs.trust import demand_sound

# Tried for `covariance`, the best on validation is kept: a rule, and so many of the most telling directions.
SETTINGS = (
    ("wccn", None),
    ("within", None),
    ("kissme", None),
    ("kissme", 2),
    ("kissme", 4),
    ("kissme", 8),
    ("kissme", 16),
)
MOST = 20_000  # training pairs that are used
MOST_KEPT = 128  # directions of a side


class Alike(Rung):
    """Two sides of one kind in, one of two classes out."""

    family = "classical"
    words: ClassVar[tuple[str, ...]] = ("cosine", "covariance")
    height = 2

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words) if fits(problem.fields, problem.outputs) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not fits(fields, outputs):
            words = f"{name!r} compares two inputs of one kind (two pictures, two sounds) and says one of two classes."
            raise TaskError("model-does-not-fit", words)

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener: PairFlattener = PairFlattener(fields)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        output = self.outputs[0]
        self.flattener.fit(problem.train)
        first, second = self.flattener.sides(problem.train, MOST)
        same = (problem.truth(output) == output.yes)[:MOST]  # type: ignore[attr-defined]
        if self.name != "cosine" and "rule" not in self.recipe:
            right = problem.truth(output, "validation") == output.yes  # type: ignore[attr-defined]
            asked = self.flattener.sides(problem.validation)
            best = -np.inf
            for place, setting in enumerate(SETTINGS):
                model = Covariance(setting[0], MOST_KEPT, setting[1])
                model.prepare(first.astype(np.float64), second.astype(np.float64), same)
                scores = model.contributions(*asked).sum(axis=1)
                order = auc(right.astype(np.int64), np.stack([-scores, scores], axis=1)) or 0.0  # threshold or not
                watch({"what": "step", "fraction": (place + 1) / len(SETTINGS), "loss": 1 - order})
                if order > best + 1e-4:
                    best, self.recipe["rule"] = order, list(setting)
        rule = self.recipe.get("rule")
        self.model: PairMetric = Covariance(rule[0], MOST_KEPT, rule[1]) if rule else Cosine()
        self.model.fit(first, second, same)

    def spread(self, model: PairMetric, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Probabilities (P, 2) in the order of the output's classes."""
        found = model.probabilities(first, second)
        return found if self.outputs[0].yes == 1 else found[:, ::-1]  # type: ignore[attr-defined]

    def predict(self, inputs: Inputs) -> Predictions:
        return {self.outputs[0].name: self.spread(self.model, *self.flattener.sides(inputs))}

    def state(self) -> tuple[dict, Tensors]:
        data, tensors = self.flattener.state()
        settings, arrays = self.model.state()
        return {**data, "model": settings}, tensors | {f"model.{k}": torch.from_numpy(v) for k, v in arrays.items()}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.flattener.restore(data, tensors)
        arrays = {k.removeprefix("model."): v.numpy() for k, v in tensors.items() if k.startswith("model.")}
        kind: type[PairMetric] = Covariance if "rule" in data["model"] else Cosine
        self.model = kind.from_state(data["model"], arrays)
        demand_sound(self.model)

    def script(self, record: dict) -> Code:
        output, pair = self.outputs[0], [quoted(field.name) for field in self.flattener.pair]
        kind = type(self.model)
        rule = (
            f"{quoted(self.model.rule)}, {MOST_KEPT}, {self.model.telling}"
            if isinstance(self.model, Covariance)
            else ""
        )
        yes = output.yes  # type: ignore[attr-defined]
        sides = f"side(train, {pair[0]})[:MOST], side(train, {pair[1]})[:MOST]"
        lines = f"right = output.truth(train[output.name])[:MOST] == {yes}  # the number of the class that says yes\n"
        lines += f"model = {kind.__name__}({rule}).fit({sides}, right)\n"
        lines += '\n\ndef predict(frame):\n    """How likely each class is."""\n'
        lines += f"    found = model.probabilities(side(frame, {pair[0]}), side(frame, {pair[1]}))\n"
        lines += f"    return {{output.name: found{'' if yes == 1 else '[:, ::-1]'}}}\n"
        things = [kind, *self.flattener.script_things]
        return Code({"MOST": MOST}, [("model", self.flattener.script_side()), ("optimize", lines)], things)


class FrozenAlike(Alike):
    """The same on the features of a pretrained network: what it sees in each picture, compared by a learnt distance."""

    family = "deep"
    words = ("efficientnet-covariance",)
    height = 8
    share = 0.5

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words) if fits(problem.fields, problem.outputs) and large_pictures(problem) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not all(isinstance(field, Picture) for field in fields):
            raise TaskError("model-does-not-fit", f"{name!r} compares two pictures; the inputs are {fields[0].kind}s.")

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener: FrozenPairFlattener = FrozenPairFlattener(fields)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.flattener.plan = self.recipe.get("look") or plan_for(problem, 0.75 * seconds)
        self.recipe["look"] = self.flattener.plan
        super().fit(problem, seconds, watch)


def fits(fields: list[Field], outputs: list[Output]) -> bool:
    """Whether two sides go in and one of two classes comes out."""
    return bool(pair_of(fields)) and len(outputs) == 1 and isinstance(outputs[0], Category) and outputs[0].size == 2
