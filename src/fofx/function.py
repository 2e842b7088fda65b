"""What find returns: a Function. Call it, score it, save and load it, ask it why, take its code home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fofx.data.read import read
from fofx.data.table import Table
from fofx.encoded import Inputs, Predictions
from fofx.errors import DataError, FofxError, Notice, RunError, TaskError, nearest
from fofx.fields import Field, Output, make_field
from fofx.ladder import Result, make_rung, scores_of
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


class Function:
    """A function that was found. Made by `fofx.find` and `fofx.load`."""

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

    # ---- use

    def __call__(self, x: Any) -> Answer | list[Answer]:
        """The answer for one row (a dict, a sequence in the order of the inputs, or a single value), or a list of answers
        for many (a frame, a table, a list of rows, a dict of lists, a 2-D array)."""
        frame, single = self._rows(x)
        answers = self.answers(frame)
        return answers[0] if single else answers

    def answers(self, frame: pl.DataFrame) -> list[Answer]:
        """An Answer for each row of a frame that has the input columns."""
        if frame.height == 0:
            return []
        return self._answers_of_all(self.predict(frame))

    def _answers_of_all(self, predictions: Predictions) -> list[Answer]:
        each = [self._answers_of(output, predictions[output.name]) for output in self.outputs]
        if len(each) == 1:
            return each[0]
        names = [output.name for output in self.outputs]
        return [Answer({name: answer.value for name, answer in zip(names, row)}) for row in zip(*each)]

    def predict(self, frame: pl.DataFrame, rung: str | None = None) -> Predictions:
        """Raw predictions by output: (N,) numbers or (N, classes) probabilities, from the winner or another rung."""
        return self.rung(rung or self.winner).predict(Inputs(frame, self.fields))

    def score(self, data: Any) -> dict[str, float]:
        """Every metric on rows whose answers are known. Rows without an answer are left out."""
        frame = self._columns(read(data), with_outputs=True)
        for output in self.outputs:
            column = frame[output.name]
            known = column.is_not_null() & (column.is_finite() if column.dtype.is_float() else True)
            frame = frame.filter(known)
        if frame.height == 0:
            raise DataError("no-answers", "No row has an answer to compare with.")
        truths = {output.name: output.truth(frame[output.name]) for output in self.outputs}
        for output in self.outputs:
            if output.kind == "number" and np.isnan(truths[output.name]).any():
                raise DataError("not-numbers", f"{output.name!r} should hold numbers; some values are not.")
        return scores_of(self.outputs, self.predict(frame), truths) | {"rows": frame.height}

    def explain(self, x: Any) -> Any:
        """Which columns, words or regions carried the answer for one row, by occlusion."""
        from fofx.explain import explain

        frame, _ = self._rows(x)
        return explain(self, frame[:1])

    # ---- keep

    def save(self, path: str | Path) -> Path:
        """A copy of the whole run at a new place."""
        return self.run.save_to(path)

    def eject(self, path: str | Path | None = None, rung: str | None = None) -> Path:
        """The run as one plain PyTorch file without fofx, at `path` (by default in the run folder)."""
        from fofx.eject import eject

        return eject(self, path, rung)

    def report(self, path: str | Path | None = None, lang: str = "en") -> Path:
        """The report as one self-contained HTML file."""
        from fofx.report import write_report

        return write_report(self, Path(path) if path else self.report_path, lang)

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
        columns = [
            pl.Series(column.name, np.zeros((1, 8, 8), np.uint8))
            if column.kind == "picture"
            else pl.Series(column.name, [None], dtype=pl.Float64 if column.kind == "number" else pl.String)
            for column in self.task.inputs
        ]
        try:
            found = rung.predict(Inputs(pl.DataFrame(columns), self.fields))
            for output in self.outputs:
                right = (1,) if output.kind == "number" else (1, output.size)
                if found[output.name].shape != right:
                    raise ValueError(f"its answers have the shape {found[output.name].shape}, not {right}")
            self._answers_of_all(found)
        except Exception as problem:
            raise damaged(self.run, f"its rung {rung.name!r} cannot answer", problem) from problem

    @property
    def _needed_kept(self) -> list[str]:
        chosen = next((r for r in self.rungs if r.name == self.winner), None)
        return list(chosen.recipe.get("weights", {})) if chosen and self.winner == "average" else [self.winner]

    # ---- rows

    def _rows(self, x: Any) -> tuple[pl.DataFrame, bool]:
        """What was given, as a frame with the input columns, and whether it was a single row."""
        names = [column.name for column in self.task.inputs]
        if isinstance(x, Mapping):
            many = any(_is_column(value) for value in x.values())
            columns = x if many else {key: value[None] if _shape(value) else [value] for key, value in x.items()}
            return self._columns(read({key: _listed(value) for key, value in columns.items()})), not many
        if isinstance(x, str | int | float | bool | Path) or x is None:
            if len(names) != 1:
                raise TaskError(
                    "wrong-row", f"One row needs {len(names)} values ({', '.join(names[:8])}); one came: {x!r}."
                )
            return self._columns(read({names[0]: [str(x) if isinstance(x, Path) else x]})), True
        if isinstance(x, np.ndarray):
            if len(names) == 1 and self.task.inputs[0].kind == "picture" and x.ndim in (2, 3, 4):
                single = not _is_column(x)
                return self._columns(read({names[0]: x[None] if single else x})), single
            x = x.tolist()
        if isinstance(x, Sequence):
            if len(x) == 0:
                raise TaskError("wrong-row", "There is no row in what was given.")
            if isinstance(x[0], Mapping):
                keys = list(dict.fromkeys(key for row in x for key in row))
                return self._columns(read({key: [row.get(key) for row in x] for key in keys})), False
            if isinstance(x[0], list | tuple) or len(_shape(x[0])) == 1:
                return self._columns(
                    read({name: [row[n] for row in self._even(x)] for n, name in enumerate(names)})
                ), False
            if len(names) == 1:
                return self._columns(read({names[0]: _listed(list(x))})), False
            return self._columns(read({name: [value] for name, value in zip(names, self._even([x])[0])})), True
        return self._columns(read(x)), False

    def _even(self, rows: Sequence) -> Sequence:
        count = len(self.task.inputs)
        wrong = next((row for row in rows if len(row) != count), None)
        if wrong is not None:
            names = ", ".join(column.name for column in self.task.inputs[:8])
            raise TaskError(
                "wrong-row", f"A row needs {count} values ({names}{' ...' if count > 8 else ''}); one has {len(wrong)}."
            )
        return rows

    def _columns(self, table: Table, with_outputs: bool = False) -> pl.DataFrame:
        """The columns that are needed, as the kinds that they had when learning."""
        wanted = [*self.task.inputs, *(self.task.outputs if with_outputs else ())]
        missing = [column.name for column in wanted if column.name not in table.frame.columns]
        found = {}
        for name in missing:
            try:
                found[name] = table.resolve(name)
            except TaskError:
                continue
        missing = [name for name in missing if name not in found]
        outputs = {column.name for column in self.task.outputs}
        if any(name in outputs for name in missing) or len(missing) == len(wanted):
            shown = ", ".join(missing[:8])
            raise TaskError(
                "missing-columns",
                f"These columns are needed but are not there: {shown}.{nearest(missing[0], table.frame.columns)}",
            )
        columns = [
            pl.Series(column.name, [None] * len(table), dtype=pl.Float64 if column.kind == "number" else pl.String)
            if column.name in missing
            else self._as_kind(table.frame[found.get(column.name, column.name)].alias(column.name), column.kind)
            for column in wanted
        ]
        return pl.DataFrame(columns)

    @staticmethod
    def _as_kind(column: pl.Series, kind: str) -> pl.Series:
        if kind == "number" and not column.dtype.is_numeric() and column.dtype != pl.Boolean:
            numbers = column.cast(pl.Float64, strict=False)
            if column.len() and numbers.null_count() == column.len() and column.null_count() < column.len():
                raise DataError(
                    "not-numbers", f"{column.name!r} should hold numbers; it holds {column.drop_nulls()[0]!r}."
                )
            return numbers
        if kind == "text" and column.dtype != pl.String:
            return column.cast(pl.String)
        return column

    def _answers_of(self, output: Output, predictions: np.ndarray) -> list[Answer]:
        values = output.answers(predictions)
        if output.kind == "number":
            reach = self.record.get("interval", {}).get(output.name)
            return [Answer(v, interval=None if reach is None else (v - reach, v + reach)) for v in values]
        names = output.names  # type: ignore[attr-defined]
        return [Answer(v, probabilities=dict(zip(names, map(float, row)))) for v, row in zip(values, predictions)]


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


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else ()


def _is_column(value: Any) -> bool:
    """Values of many rows: a list, a series, an array (N,); or pictures (N, H, W) or (N, H, W, C), of which (H, W) and
    (H, W, 3 or 4) are one."""
    shape = _shape(value)
    if len(shape) == 3:
        return shape[2] not in (3, 4)
    return len(shape) in (1, 4) or isinstance(value, list | tuple | pl.Series) or hasattr(value, "iloc")


def _listed(value: Any) -> Any:
    if (
        isinstance(value, list | tuple)
        and value
        and len({_shape(each) for each in value}) == 1
        and len(_shape(value[0])) > 1
    ):
        return np.stack(value)  # a list of pictures of one size
    return list(value) if isinstance(value, tuple) else value


def load(path: str | Path) -> Function:
    """A Function again from its run: a folder, or a run's name below ./runs. Runs none of the run's code: there is none."""
    run = Run.open(path)
    record = run.read("run.json")
    if record.get("status") != "done":
        raise RunError("unfinished-run", f"{run.path} was not finished; go on with fofx.find(resume={str(path)!r}).")
    states = run.read("fields.json")
    try:
        task = Task.from_json(record["task"])
        fields = [make_field(state) for state in states["inputs"]]
        outputs = [make_field(state) for state in states["outputs"]]
        function = Function(run, record, task, fields, outputs, {})  # type: ignore[arg-type]
        _demand_sense(function)
    except FofxError:
        raise
    except Exception as problem:
        raise damaged(run, "run.json and fields.json do not fit", problem) from problem
    return function


def _demand_sense(function: Function) -> None:
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
