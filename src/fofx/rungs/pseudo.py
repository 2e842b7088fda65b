"""Pseudo-labels (Lee 2013): the best rung so far answers the unlabelled rows; those of which it is sure join the training rows,
and the same model learns once more from all of them. Like every rung it is judged on the validation rows, which are all labelled.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from fofx.encoded import Inputs, Predictions, Problem
from fofx.errors import FindError, TaskError
from fofx.fields.base import Field, Output
from fofx.fields.category import Category
from fofx.rungs import fresh
from fofx.rungs.base import Rung, Tensors, Watch

SURE = 0.9  # the chance of its class that the teacher must give a row
MOST = 3  # times as many pseudo-labelled rows as labelled ones: beyond, the teacher's mistakes outweigh the labels


class PseudoLabels(Rung):
    """The teacher's model, taught by the labels and by the teacher's own sure answers."""

    family = "deep"
    words = ("pseudo-labels",)
    height = 90
    share = 3.0

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.student: Rung | None = None
        self.below: dict[str, Rung] = {}
        self.costs: dict[str, float] = {}

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        alone = len(problem.outputs) == 1 and isinstance(problem.outputs[0], Category)
        return list(cls.words) if problem.unlabelled is not None and alone else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if len(outputs) != 1 or not isinstance(outputs[0], Category):
            raise TaskError("model-does-not-fit", f"{name!r} chooses between the classes of one output.")

    def meet(self, below: dict[str, Rung], costs: dict[str, float]) -> None:
        self.below, self.costs = below, {name: costs[name] for name in below if below[name].family != "naive"}

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        if problem.unlabelled is None:
            raise FindError("no-unlabelled-rows", "there are no unlabelled rows")
        output = problem.outputs[0]
        name = self.recipe.setdefault("teacher", min(self.costs, key=self.costs.__getitem__, default=""))
        if name not in self.below:
            raise FindError("no-teacher", "no rung below could answer the unlabelled rows")
        sure, labels = self.answered(self.below[name].predict(problem.unlabelled), len(problem.train), output)
        if not len(sure):
            raise FindError(
                "no-sure-rows", f"{name} was sure ({SURE:.0%}) of none of the {len(problem.unlabelled)} unlabelled rows"
            )
        self.recipe["rows"] = len(sure)
        columns = [field.name for field in problem.fields]
        kind = problem.train_frame.schema[output.name]
        given = pl.Series(output.name, labels, dtype=pl.String).cast(kind)
        added = problem.unlabelled.frame[sure].with_columns(given).select([*columns, output.name])
        frame = pl.concat([problem.train_frame.select([*columns, output.name]), added], how="vertical_relaxed")
        self.student = fresh(name, self.fields, self.outputs)
        self.student.place, self.student.recipe = self.place, self.recipe.setdefault("student", {})
        self.student.fit(replace(problem, train=Inputs(frame, problem.fields), train_frame=frame), seconds, watch)

    @staticmethod
    def answered(predictions: Predictions, labelled: int, output: Output) -> tuple[np.ndarray, list[str]]:
        """The unlabelled rows that count, the surest first, and their pseudo-labels."""
        chances = predictions[output.name]
        best = chances.max(axis=1)  # (N,)
        order = np.argsort(-best, kind="stable")[: MOST * labelled]
        sure = np.sort(order[best[order] >= SURE])
        return sure, [str(value) for value in output.answers(chances[sure])]

    def predict(self, inputs: Inputs) -> Predictions:
        assert self.student is not None
        return self.student.predict(inputs)

    def state(self) -> tuple[dict, Tensors]:
        assert self.student is not None
        data, tensors = self.student.state()
        return {"student": self.student.name, "state": data}, tensors

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.student = fresh(str(data["student"]), self.fields, self.outputs)
        self.student.restore(data["state"], tensors)
