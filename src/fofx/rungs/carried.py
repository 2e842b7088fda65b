"""Naive answers for series, which know only the past of what they forecast: the value of one season ago, and the drift.

They stand beside the last value (`rungs.naive`). A forecaster that does not beat all three has found nothing.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fofx.encoded import Inputs, Predictions, Problem
from fofx.errors import TaskError
from fofx.fields import Field, Output
from fofx.fields.series import Series
from fofx.rungs.base import Code, Rung, Tensors, Watch, predict_lines
from fofx.series import naive_drift, naive_seasonal


def onward(fields: list[Field], outputs: list[Output]) -> dict[str, tuple[Series, int]] | None:
    """For each output the series that it goes on with, and how many steps ahead; None where one goes on with none."""
    found = {}
    for output in outputs:
        source = next((field for field in fields if isinstance(field, Series) and field.steps_to(output.name)), None)
        if source is None:
            return None
        found[output.name] = source, source.steps_to(output.name) or 1
    return found


class Carried(Rung):
    """Carries the past on by a rule that learns nothing. `steps` says how many steps ahead each output lies."""

    family = "naive"
    rule: ClassVar[str] = ""

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if onward(fields, outputs) is None:
            words = (
                f"{name!r} goes on with a series that goes in (find(..., time=COLUMN, horizon=1)); here there is none."
            )
            raise TaskError("model-does-not-fit", words)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        found = onward(self.fields, self.outputs) or {}
        self.steps: dict[str, tuple[str, int]] = {name: (source.name, steps) for name, (source, steps) in found.items()}

    def ahead(self, past: np.ndarray, steps: int) -> np.ndarray:
        """The value `steps` after each past, (N, P) -> (N,)."""
        raise NotImplementedError

    def predict(self, inputs: Inputs) -> Predictions:
        sources = {field.name: field for field in self.fields if isinstance(field, Series)}
        pasts = {column: sources[column].pasts(inputs.frame[column]) for column, _ in self.steps.values()}
        return {name: self.ahead(pasts[column], steps) for name, (column, steps) in self.steps.items()}

    def state(self) -> tuple[dict, Tensors]:
        return {"steps": self.steps}, {}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.steps = {name: (str(column), int(steps)) for name, (column, steps) in data["steps"].items()}

    def code(self, settings: dict, call: str, thing: object) -> Code:
        said = f"{{name: {call}[:, -1] for name, (column, steps) in STEPS.items()}}"
        lines = predict_lines("Nothing is learnt: the past goes on by a rule.", said)
        steps = {name: [column, count] for name, (column, count) in self.steps.items()}
        return Code({"STEPS": steps, **settings}, [("model", lines)], [thing])


class SeasonalValue(Carried):
    """Like the same time of the last season."""

    words = ("seasonal value",)
    height = 2

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return ["seasonal value"] if _season(onward(problem.fields, problem.outputs)) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not _season(onward(fields, outputs)):
            words = "'seasonal value' needs a series that repeats, and a past of at least one season; no such season was found."
            raise TaskError("model-does-not-fit", words)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        super().fit(problem, seconds, watch)
        self.season = _season(onward(self.fields, self.outputs)) or 1

    def ahead(self, past: np.ndarray, steps: int) -> np.ndarray:
        return naive_seasonal(past, steps, self.season)[:, -1]

    def state(self) -> tuple[dict, Tensors]:
        return {"steps": self.steps, "season": self.season}, {}

    def restore(self, data: dict, tensors: Tensors) -> None:
        super().restore(data, tensors)
        self.season = int(data["season"])

    def script(self, record: dict) -> Code:
        call = "naive_seasonal(series[column].pasts(frame[column]), steps, SEASON)"
        return self.code({"SEASON": self.season}, call, naive_seasonal)


def _season(found: dict[str, tuple[Series, int]] | None) -> int | None:
    """The season of the series, where every past holds one."""
    seasons = {
        source.season if source.season and source.past >= source.season else None
        for source, _ in (found or {}).values()
    }
    return seasons.pop() if len(seasons) == 1 else None


class Drift(Carried):
    """As it went on the whole: the straight line through the first and the last value of the past."""

    words = ("drift",)
    height = 2

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        found = onward(problem.fields, problem.outputs)
        return ["drift"] if found and all(source.past > 1 for source, _ in found.values()) else []

    def ahead(self, past: np.ndarray, steps: int) -> np.ndarray:
        return naive_drift(past, steps)[:, -1]

    def script(self, record: dict) -> Code:
        return self.code({}, "naive_drift(series[column].pasts(frame[column]), steps)", naive_drift)
