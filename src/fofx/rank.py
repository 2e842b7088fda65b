"""Which of many candidates fits best: a function that says yes or no to a pair, asked about each candidate in turn.

Titles for a picture, pictures for a title, or those of many faces that show the same person as one. Any rung can rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fofx.data.read import read
from fofx.errors import FofxError, TaskError
from fofx.fields import field_class
from fofx.fields.category import Category
from fofx.task import Column

if TYPE_CHECKING:
    from fofx.function import Function


@dataclass(frozen=True)
class Ranked:
    """A candidate, how likely it fits (0 to 1), its place (1 is the best) and its number among those that were given."""

    candidate: Any
    chance: float
    place: int
    number: int


def rank(function: Function, x: Any, candidates: Sequence[Any], rung: str | None = None) -> list[Ranked]:
    """The candidates from the best to the worst; of equals the one given first. See `Function.rank`."""
    output = function.outputs[0]
    if len(function.outputs) != 1 or not isinstance(output, Category) or output.size != 2:
        raise TaskError("cannot-rank", f"Ranking needs a function that says yes or no; this one is {function.task}.")
    candidates = [str(each) if isinstance(each, Path) else each for each in candidates]
    if not candidates:
        raise TaskError("wrong-row", "There is no candidate to rank.")
    given, free = sides(function, x, candidates)
    columns = {name: _column([value] * len(candidates)) for name, value in given.items()}
    columns[free] = _column(candidates)
    frame, _ = function._rows(columns)
    bad = [row for row, _ in field_class(_kind_of(function, free)).broken(frame[free])]
    if bad:
        raise TaskError("wrong-row", f"{len(bad)} candidates cannot be read; the first is {candidates[bad[0]]!r}.")
    chances = function.predict(frame, rung)[output.name][:, output.yes]  # (N,)
    order = np.argsort(-chances, kind="stable")
    return [
        Ranked(candidates[row], float(chances[row]), place, int(row)) for place, row in enumerate(order.tolist(), 1)
    ]


def sides(function: Function, x: Any, candidates: list[Any]) -> tuple[dict[str, Any], str]:
    """The inputs that `x` gives, and the name of the one that the candidates are for."""
    columns = list(function.task.inputs)
    if isinstance(x, Mapping):
        missing = [column.name for column in columns if column.name not in x]
        if len(missing) != 1:
            raise TaskError(
                "wrong-row",
                f"x should give every input but the one that is ranked; the inputs are "
                f"{', '.join(column.name for column in columns)}, and {len(missing)} are not given.",
            )
        return {name: value for name, value in x.items() if name != missing[0]}, missing[0]
    if len(columns) != 2:
        raise TaskError(
            "wrong-row", f"With {len(columns)} inputs, x should be a dict of all but the one that is ranked."
        )
    x = str(x) if isinstance(x, Path) else x
    one, two = columns
    for own, other in ((one, two), (two, one)):
        if _takes(own, [x]) and any(_takes(other, [each]) for each in candidates[:3]):
            return {own.name: x}, other.name
    kinds = f"{one.name} ({one.kind}) and {two.name} ({two.kind})"
    raise TaskError("wrong-row", f"x and the candidates should be for {kinds}, one each; x is {x!r:.80}.")


def _takes(column: Column, values: list[Any]) -> bool:
    """Whether such values can stand in a column: a picture that opens, a text."""
    kind = field_class(column.kind)
    try:
        series = read({column.name: _column(values)}).frame[column.name]
        arrays_fit = not isinstance(series.dtype, pl.Array) or kind.recognises(series)
        return arrays_fit and not kind.broken(series)
    except (FofxError, pl.exceptions.PolarsError, TypeError, ValueError):
        return False


def _column(values: list[Any]) -> Any:
    return np.stack(values) if isinstance(values[0], np.ndarray) else values


def _kind_of(function: Function, name: str) -> str:
    return next(column.kind for column in function.task.inputs if column.name == name)
