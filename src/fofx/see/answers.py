"""What a rung said of a part's rows, beside what is right: the ground of calibration, confusion, mistakes and maps.

The winner's answers stand in predictions.parquet; those of other rungs, of training rows, and all probabilities are worked
out anew from the run's own rows. Rows are named as in `fofx.see.rows`: by place in the part, and by number in the data.
Shapes: N rows, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fofx.errors import FofxError, Notice, TaskError, nearest
from fofx.fields.base import Output
from fofx.fields.category import as_words
from fofx.finding import Finding
from fofx.function import Function
from fofx.see.rows import PARTS, frame_of, numbers_of, row_error

MOST = 20_000  # rows of which answers are worked out; more are drawn from, with a notice
Which = int | Sequence[int] | np.ndarray | pl.DataFrame | Mapping  # places in a part, a frame, or one row as a dict


@dataclass
class Answers:
    """N rows of a part with the right answer and the rung's.

    places, rows    : (N,) the place in the part, and the number of the row in the data.
    right, answered : N values as the user writes them. truth, predicted: the same as (N,) numbers, or class numbers with
                      -1 for a class that training never showed.
    sure            : (N,) the probability of the class that was answered; None for numbers.
    probabilities   : (N, K), when they were asked for; None for numbers.
    """

    output: Output
    rung: str
    part: str
    places: np.ndarray
    rows: np.ndarray
    right: list
    answered: list
    truth: np.ndarray
    predicted: np.ndarray
    sure: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    notes: list[Notice] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def wrong(self) -> np.ndarray:
        """(N,) bool: another class than the right one; for numbers, any other number."""
        return self.predicted != self.truth


def answers(
    function: Finding,
    rung: str | None = None,
    output: str | None = None,
    part: str = "test",
    probabilities: bool = False,
) -> Answers:
    """The answers of a rung (by default the winner) for one output (by default the first) on a part's rows.

    `probabilities` demands those of all classes. Raises TaskError "unknown-rung", "unknown-output", "unknown-part" or
    "no-classes" (boxes and masks), and RunError "data-gone" or "other-data" where the rows are needed and cannot be read again.
    """
    end, name = output_of(function, output), rung or function.winner
    demand_part(part)
    if end.mapped:
        words = (
            f"{end.name!r} holds {end.kind}, not one number or class a row; its answers are laid over their pictures"
        )
        raise TaskError("no-classes", f"{words}: see the report's mistakes, or the widget Overlay.")
    if name == function.winner and part != "train" and not (probabilities and end.kind == "category"):
        kept = kept_answers(function, end, part)
        if kept is not None:
            return kept
    function.rung(name)  # an unknown one is said before any file is read
    numbers = numbers_of(function, part)
    places, notes = drawn(len(numbers), MOST, function.record["seed"])
    frame = frame_of(function, part, places)
    predicted = function.predict(frame, name)[end.name]
    number = end.kind == "number"
    return Answers(
        output=end,
        rung=name,
        part=part,
        places=places,
        rows=numbers[places],
        right=frame[end.name].cast(pl.Float64).to_list() if number else as_words(frame[end.name]),
        answered=end.answers(predicted),
        truth=end.truth(frame[end.name]),
        predicted=predicted if number else predicted.argmax(axis=1),
        sure=None if number else predicted.max(axis=1),
        probabilities=None if number else predicted,
        notes=notes,
    )


def kept_answers(function: Finding, output: Output, part: str) -> Answers | None:
    """The winner's answers from predictions.parquet; None when the file is gone or has other columns."""
    said, sure = f"{output.name} predicted", f"{output.name} probability"
    number = output.kind == "number"
    if {"row", "part"} & {end.name for end in function.outputs}:
        return None  # an output took the place of the row numbers
    try:
        table = pl.read_parquet(function.run.path / "predictions.parquet").filter(pl.col("part") == part)
        return Answers(
            output=output,
            rung=function.winner,
            part=part,
            places=np.arange(table.height),
            rows=table["row"].to_numpy(),
            right=table[output.name].to_list(),
            answered=table[said].to_list(),
            truth=output.truth(table[output.name]),
            predicted=output.truth(table[said]),
            sure=None if number else table[sure].to_numpy(),
        )
    except (OSError, pl.exceptions.PolarsError):
        return None


def output_of(function: Finding, name: str | None = None) -> Output:
    """An output by its name, by default the first. TaskError "unknown-output"."""
    names = [end.name for end in function.outputs]
    if name is not None and name not in names:
        raise TaskError(
            "unknown-output", f"There is no output {name!r}; there are {', '.join(names)}.{nearest(name, names)}"
        )
    return function.outputs[0 if name is None else names.index(name)]


def class_number(output: Output, name: str) -> int:
    """The number of a class by its name. TaskError "unknown-class"; "no-classes" for numbers."""
    names = classes_of(output)
    if str(name) not in names:
        raise TaskError(
            "unknown-class",
            f"{output.name!r} has no class {name!r}; it has {', '.join(names[:12])}.{nearest(str(name), names)}",
        )
    return names.index(str(name))


def classes_of(output: Output, instead: str = "mistakes and calibration work for numbers") -> list[str]:
    """The names of an output's classes; TaskError "no-classes" when it holds numbers."""
    if output.kind != "category":
        raise TaskError("no-classes", f"{output.name!r} holds numbers, not classes; {instead}.")
    return list(output.names)  # type: ignore[attr-defined]


def rows_of(function: Finding, rows: Which | None, part: str = "test") -> pl.DataFrame:
    """The raw rows that are meant: places in a part (None: all), a frame with the input columns, or one row as a dict."""
    if isinstance(rows, pl.DataFrame | Mapping):
        if isinstance(function, Function):
            return function._rows(rows)[0]
        rows = pl.DataFrame({name: [value] for name, value in rows.items()}) if isinstance(rows, Mapping) else rows
        return rows.select([each.name for each in function.fields])
    return frame_of(function, part, None if rows is None else np.atleast_1d(np.asarray(rows, dtype=np.int64)))


def inputs_of(
    function: Finding, part: str, places: Sequence[int] | np.ndarray
) -> tuple[list[dict[str, Any]] | None, list[Notice]]:
    """The inputs of some rows as dicts, or None and a notice when the data are gone."""
    try:
        frame = frame_of(function, part, places)
    except FofxError as problem:
        if not row_error(problem):
            raise
        return None, [Notice("inputs-gone", f"The inputs cannot be shown: {problem.message}", len(places))]
    names = [each.name for each in function.fields]
    return [dict(zip(names, (frame[name][n] for name in names))) for n in range(frame.height)], []


def drawn(rows: int, most: int, seed: int) -> tuple[np.ndarray, list[Notice]]:
    """At most `most` of so many places, ascending, drawn by the seed; a notice when some are left out."""
    if rows <= most:
        return np.arange(rows), []
    order = np.random.Generator(np.random.PCG64(seed)).permutation(rows)[:most]
    return np.sort(order), [Notice("some-rows", f"Of {rows:,} rows {most:,} were drawn by the seed.", most)]


def demand_part(part: str) -> None:
    """TaskError "unknown-part" unless it is train, validation or test."""
    if part not in PARTS:
        raise TaskError("unknown-part", f"A part is train, validation or test, not {part!r}.{nearest(part, PARTS)}")
