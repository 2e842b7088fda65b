"""What find returns: a Function. Call it, score it, save and load it, ask it why, take its code home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fofx.data.read import read
from fofx.data.table import Table
from fofx.errors import DataError, FofxError, RunError, TaskError, nearest
from fofx.fields import field_class, make_field
from fofx.fields.number import Number
from fofx.finding import Answer, Finding, damaged, demand_sense
from fofx.ladder import scores_of
from fofx.prepare import row_marks
from fofx.run import Run
from fofx.task import Task

if TYPE_CHECKING:
    from fofx.rank import Ranked


class Function(Finding):
    """A function that was found. Made by `fofx.find` and `fofx.load`."""

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
        return self._answers_of_all(self.predict(frame), frame)

    def score(self, data: Any) -> dict[str, float]:
        """Every metric on rows whose answers are known. Rows without an answer are left out.

        Beside the metrics: `rows`, and `rows_in_training`, how many of them (inputs and answers alike) were among the rows
        that the function was learnt from; those make the scores look better than they are.
        """
        frame = self._columns(read(data), with_outputs=True)
        for output in self.outputs:
            column = frame[output.name]
            known = column.is_not_null() & (column.is_finite() if column.dtype.is_float() else True)
            frame = frame.filter(known)
        if frame.height == 0:
            raise DataError("no-answers", "No row has an answer to compare with.")
        return self._scores(frame) | {"rows": frame.height, "rows_in_training": self._seen_before(frame)}

    def _seen_before(self, frame: pl.DataFrame) -> int:
        """How many of these rows the run knows as training rows; 0 when it does not tell."""
        if not self.run.has("rows.safetensors"):
            return 0
        kept = self.run.read_tensors("rows.safetensors")
        if "mark" not in kept or kept["mark"].shape != kept["part"].shape:
            return 0
        trained = kept["mark"][kept["part"] == 0].numpy()
        return int(np.isin(row_marks(frame, self.task), trained).sum())

    def _scores(self, frame: pl.DataFrame) -> dict[str, float]:
        truths = {output.name: output.truth(frame[output.name]) for output in self.outputs}
        for output in self.outputs:
            if isinstance(output, Number) and np.isnan(truths[output.name]).any():
                raise DataError("not-numbers", f"{output.name!r} should hold numbers; some values are not.")
        return scores_of(self.outputs, self.predict(frame), truths)

    def explain(self, x: Any) -> Any:
        """Which columns, words or regions carried the answer for one row, by occlusion."""
        from fofx.explain import explain

        frame, _ = self._rows(x)
        return explain(self, frame[:1])

    def rank(self, x: Any, candidates: Sequence[Any], rung: str | None = None) -> list[Ranked]:
        """The candidates from the best to the worst, for a function that says yes or no to a pair: titles for a picture,
        pictures for a title, faces for a face. Each has `candidate`, `chance`, `place` and `number`.

        x: the value of one input (of the other one are the candidates), or a dict of all inputs but the one that is ranked.
        Raises TaskError "cannot-rank", "wrong-row".
        """
        from fofx.rank import rank

        return rank(self, x, candidates, rung)

    def forecast(self, data: Any = None) -> pl.DataFrame:
        """What comes next, with intervals, for functions found with `past` or `horizon`: after the end of the data that it was
        found with, or of another table of the same columns."""
        from fofx.ahead import forecast

        return forecast(self, data)

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

    # ---- rows

    def _rows(self, x: Any) -> tuple[pl.DataFrame, bool]:
        """What was given, as a frame with the input columns, and whether it was a single row."""
        names = [column.name for column in self.task.inputs]
        if isinstance(x, Mapping):
            kinds = {column.name: column.kind for column in self.task.inputs}
            many = any(_is_column(value, kinds.get(name, "")) for name, value in x.items())
            columns = x if many else {key: value[None] if _shape(value) else [value] for key, value in x.items()}
            return self._columns(read({key: _listed(value) for key, value in columns.items()})), not many
        if isinstance(x, str | int | float | bool | Path) or x is None:
            if len(names) != 1:
                raise TaskError(
                    "wrong-row", f"One row needs {len(names)} values ({', '.join(names[:8])}); one came: {x!r}."
                )
            return self._columns(read({names[0]: [str(x) if isinstance(x, Path) else x]})), True
        if isinstance(x, np.ndarray):
            if len(names) == 1 and field_class(self.task.inputs[0].kind).blank(names[0]).dtype.is_nested():
                single = not _is_column(x, self.task.inputs[0].kind)
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
            field_class(column.kind).absent(column.name, len(table))
            if column.name in missing
            else field_class(column.kind).as_kind(table.frame[found.get(column.name, column.name)].alias(column.name))
            for column in wanted
        ]
        return pl.DataFrame(columns)


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else ()


def _is_column(value: Any, kind: str = "") -> bool:
    """Values of many rows: a list, a series, an array of several values of the kind."""
    shape = _shape(value)
    if shape and kind:
        return field_class(kind).many(shape)
    return len(shape) == 1 or isinstance(value, list | tuple | pl.Series) or hasattr(value, "iloc")


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
        demand_sense(function)
    except FofxError:
        raise
    except Exception as problem:
        raise damaged(run, "run.json and fields.json do not fit", problem) from problem
    return function
