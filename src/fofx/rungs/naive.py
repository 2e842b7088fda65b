"""The naive answer: the mean, the majority's shares, or, in time order, the last value. Every other rung must beat it."""

from __future__ import annotations

import numpy as np
import torch

from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.number import Number, as_numbers
from fofx.rungs.base import Code, Rung, Tensors, Watch, predict_lines


class Naive(Rung):
    """Predicts each output's mean or shares, whatever comes in."""

    family = "naive"
    words = ("mean", "majority", "naive", "nothing")
    height = 1
    serves = None

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        names = {output.naive_name for output in problem.outputs}
        return [names.pop() if len(names) == 1 else "naive"]

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.constants = {output.name: output.naive(problem.truth(output)) for output in self.outputs}

    def predict(self, inputs: Inputs) -> Predictions:
        return {name: np.repeat(value[None], len(inputs), axis=0) for name, value in self.constants.items()}

    def state(self) -> tuple[dict, Tensors]:
        return {}, {name: torch.from_numpy(np.atleast_1d(value)) for name, value in self.constants.items()}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.constants = {
            output.name: tensors[output.name].numpy()[0] if isinstance(output, Number) else tensors[output.name].numpy()
            for output in self.outputs
        }

    def script(self, record: dict) -> Code:
        fitted = "constants = {output.name: output.naive(output.truth(train[output.name])) for output in outputs}\n"
        said = "{name: np.repeat(value[None], frame.height, axis=0) for name, value in constants.items()}"
        return Code({}, [("model", fitted + predict_lines("The same for every row.", said))], [])


class LastValue(Rung):
    """In time order: tomorrow will be like today. `columns` says which input holds each output's last value."""

    family = "naive"
    words = ("last value",)
    height = 2

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return ["last value"] if problem.options.get("in_time") and last_value_columns(problem) else []

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.columns = last_value_columns(problem) or {}

    def predict(self, inputs: Inputs) -> Predictions:
        sources = {field.name: field for field in self.fields}
        found = {name: sources[column].latest(inputs.frame[column]) for name, column in self.columns.items()}
        means = {field.name: field.mean for field in self.fields if isinstance(field, Number)}
        return {name: np.where(np.isnan(v), means.get(self.columns[name], 0.0), v) for name, v in found.items()}

    def state(self) -> tuple[dict, Tensors]:
        return {"columns": self.columns}, {}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.columns = dict(data["columns"])

    def script(self, record: dict) -> Code:
        shelves = {field.shelf for field in self.fields if field.name in self.columns.values()}
        if shelves != {"columns"}:  # series
            said = f"{{name: {shelves.pop()}[column].latest(frame[column]) for name, column in LAST.items()}}"
            return Code({"LAST": self.columns}, [("model", predict_lines("The last value that is known.", said))], [])
        lines = "means = {field.name: field.mean for field in columns if isinstance(field, Number)}\n"
        lines += '\n\ndef predict(frame):\n    """The last value that is known; the mean where it is missing."""\n'
        lines += "    last = {name: as_numbers(frame[column]) for name, column in LAST.items()}\n"
        lines += "    return {name: np.where(np.isnan(v), means[LAST[name]], v) for name, v in last.items()}\n"
        return Code({"LAST": self.columns}, [("model", lines)], [as_numbers])


def last_value_columns(problem: Problem) -> dict[str, str] | None:
    """The input column that repeats, row by row, the previous row's output, for each output; None if there is none.

    Rows must be in time order. Nine rows in ten must agree exactly, so that gaps in the calendar do not hide it. A series that the
    output goes on with holds its last value by itself.
    """
    found = {}
    for output in problem.outputs:
        onward = next((field.name for field in problem.fields if field.steps_to(output.name)), None)
        if onward is not None:
            found[output.name] = onward
            continue
        if not isinstance(output, Number):
            return None
        before = problem.truth(output)[:-1]
        for field in problem.fields:
            if isinstance(field, Number) and len(before) > 3:
                now = as_numbers(problem.train_frame[field.name])[1:]
                if np.mean(now == before) > 0.9:
                    found[output.name] = field.name
                    break
        else:
            return None
    return found
