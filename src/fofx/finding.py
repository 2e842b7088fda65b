"""What was found, as plain parts: the run, the task, the fields and the fitted rungs. `Function` adds what a user does with it.

The report, the explanations and the ejected script are made from this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fofx.encoded import Inputs, Predictions
from fofx.errors import FofxError, Notice, RunError, TaskError, nearest
from fofx.fields import Field, Output, field_class
from fofx.ladder import Result, make_rung
from fofx.run import Run, rung_folder
from fofx.rungs.average import Average
from fofx.rungs.base import Rung
from fofx.task import Task


@dataclass(frozen=True)
class Answer:
    """One answer. `value` is a number or a class (a dict of them with several outputs).

    `probabilities` {class: chance} for a class; `interval` (low, high) for a number, in which nine in ten right answers of
    the validation rows lay; None where they do not apply.
    """

    value: Any
    probabilities: dict[str, float] | None = None
    interval: tuple[float, float] | None = None


class Finding:
    """A run with its rungs at hand; a rung is read from the run when first asked for."""

    def __init__(
        self, run: Run, record: dict, task: Task, fields: list[Field], outputs: list[Output], rungs: dict[str, Rung]
    ) -> None:
        self.run, self.record, self.task, self.fields, self.outputs = run, record, task, fields, outputs
        self._rungs = rungs
        self.winner: str = record["winner"]
        self.naive: str = record["naive"]
        self.metric: str = record["metric"]
        self.scores: dict[str, float] = record["scores"]
        self.rungs = [Result.from_json(result) for result in record["rungs"]]
        self.warnings = [Notice(**notice) for notice in record["warnings"]]
        self.report_path = run.path / "report.html"
        self.test_frame: pl.DataFrame | None = None  # the raw test rows, and every rung's answers, right after find
        self.test_predictions: dict[str, Predictions] = {}

    def __repr__(self) -> str:
        best = next(result for result in self.rungs if result.name == self.winner)
        score = "no test score" if best.test is None else f"test {self.metric} {best.test:.4g}"
        return f"<Function {self.task}: {self.winner}, {score}, run {self.run.path}>"

    def predict(self, frame: pl.DataFrame, rung: str | None = None) -> Predictions:
        """Raw predictions by output: (N,) numbers or (N, classes) probabilities, from the winner or another rung."""
        return self.rung(rung or self.winner).predict(Inputs(frame, self.fields))

    def write_winner(self) -> None:
        """weights.safetensors: the tensors of every rung that the winner needs, each under its rung's name."""
        tensors: dict = {}
        for name in self._needed(self.winner):
            tensors |= {f"{name}/{key}": value for key, value in self._rungs[name].state()[1].items()}
        self.run.write_tensors("weights.safetensors", tensors)

    def _needed(self, name: str) -> list[str]:
        return list(self.rung(name).weights) if name == "average" else [name]  # type: ignore[attr-defined]

    def rung(self, name: str) -> Rung:
        """A fitted rung of the ladder, read from the run when first asked for."""
        if name not in self._rungs:
            known = [result.name for result in self.rungs if result.error is None]
            if name not in known:
                raise TaskError(
                    "unknown-rung",
                    f"There is no rung {name!r} in this run; it has {', '.join(known)}.{nearest(name, known)}",
                )
            rung = make_rung(name, self.fields, self.outputs)
            whole = name in self._needed_kept and self.run.has("weights.safetensors")
            restored(rung, self.run, "weights.safetensors" if whole else None)
            if isinstance(rung, Average):
                if name in rung.weights or not rung.weights:
                    raise RunError("damaged-run", f"The average of {self.run.path} names no rungs to average.")
                rung.members = {member: self.rung(member) for member in rung.weights}
            self._try(rung)
            self._rungs[name] = rung
        return self._rungs[name]

    def _try(self, rung: Rung) -> None:
        """One row without values goes through what was read from files, so that damage shows now and under its name."""
        columns = [field_class(column.kind).blank(column.name) for column in self.task.inputs]
        try:
            frame = pl.DataFrame(columns)
            found = rung.predict(Inputs(frame, self.fields))
            for output in self.outputs:
                right = (1, *output.prediction_shape())
                if found[output.name].shape != right:
                    raise ValueError(f"its answers have the shape {found[output.name].shape}, not {right}")
            self._answers_of_all(found, frame)
        except Exception as problem:
            raise damaged(self.run, f"its rung {rung.name!r} cannot answer", problem) from problem

    @property
    def _needed_kept(self) -> list[str]:
        chosen = next((r for r in self.rungs if r.name == self.winner), None)
        return list(chosen.recipe.get("weights", {})) if chosen and self.winner == "average" else [self.winner]

    def _answers_of_all(self, predictions: Predictions, frame: pl.DataFrame) -> list[Answer]:
        each = [self._answers_of(output, predictions[output.name], frame) for output in self.outputs]
        if len(each) == 1:
            return each[0]
        names = [output.name for output in self.outputs]
        return [Answer({name: answer.value for name, answer in zip(names, row)}) for row in zip(*each)]

    def _answers_of(self, output: Output, predictions: np.ndarray, frame: pl.DataFrame) -> list[Answer]:
        reach = self.record.get("interval", {}).get(output.name)
        return [Answer(**told) for told in output.told_of(predictions, frame, reach)]


def restored(rung: Rung, run: Run, winners: str | None = None) -> Result:
    """Set what the run keeps of a rung; RunError when it is damaged. `winners` is the file that holds several rungs."""
    folder = rung_folder(rung.name)
    kept = run.read(f"{folder}/rung.json")
    tensors = run.read_tensors(winners or f"{folder}/weights.safetensors")
    if winners:
        start = f"{rung.name}/"  # a name may hold slashes of its own
        tensors = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
    try:
        rung.restore(kept["state"], tensors)
        return Result.from_json(kept["result"])
    except FofxError:
        raise
    except Exception as problem:  # whatever a damaged file may cause, it is one clear error
        raise damaged(run, f"its rung {rung.name!r} cannot be restored", problem) from problem


def damaged(run: Run, what: str, problem: Exception) -> RunError:
    """The error for a run whose files are whole but make no sense together."""
    said = (str(problem).splitlines() or [repr(problem)])[0][:200]
    return RunError("damaged-run", f"{run.path} is damaged: {what}: {said}")


def demand_sense(function: Finding) -> None:
    """ValueError where what was read contradicts itself."""
    task, record = function.task, function.record
    for columns, fields in ((task.inputs, function.fields), (task.outputs, function.outputs)):
        if not columns or [(c.name, c.kind) for c in columns] != [(f.name, f.kind) for f in fields]:
            raise ValueError("the task and the fields are not of the same columns")
    if not all(isinstance(output, Output) for output in function.outputs):
        raise ValueError("an output is of a kind that cannot come out")
    fitted = {result.name: result for result in function.rungs if result.error is None}
    if function.winner not in fitted or function.naive not in fitted or not isinstance(function.metric, str):
        raise ValueError("the winner is none of the rungs")
    if not all(isinstance(result.name, str) for result in function.rungs):
        raise ValueError("a rung has no name")
    if not isinstance(function.scores, dict) or not all(isinstance(r.recipe, dict) for r in function.rungs):
        raise ValueError("scores and recipes should be objects")
    numbers = [*function.scores.values(), *record.get("interval", {}).values()]
    numbers += [value for r in function.rungs for value in (r.seconds, r.validation, r.test)]
    if not all(value is None or (isinstance(value, int | float) and abs(value) < 1e308) for value in numbers):
        raise ValueError("a score is no number")
    if not all(isinstance(word, str) for n in function.warnings for word in (n.code, n.text)):
        raise ValueError("a warning is no text")
