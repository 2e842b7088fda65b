"""What a rung answers all over the plane of two columns: the decision boundary, or the surface of a number.

The other inputs are held at their typical value (median, most frequent), or at the values of a row. So the picture is a cut
through the function, and a point drawn on it has other values in the other columns: it may lie on the wrong side of the
boundary and yet be answered rightly. With one column there is a curve. Shapes: V x W places of the grid, K classes, P points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from fofx.errors import FofxError, Notice, TaskError, nearest
from fofx.explain.occlude import variants_of
from fofx.fields.base import Field, Flat
from fofx.fields.category import Category, as_words
from fofx.fields.date import Date, as_seconds
from fofx.fields.number import Number, as_numbers
from fofx.finding import Finding
from fofx.see.answers import Which, drawn, output_of, rows_of
from fofx.see.rows import frame_of, numbers_of, row_error

SIDE, SIDE_WITH_MORE = 60, 20  # places along an axis; fewer when a text or picture goes along in every place
MOST_SIDE, MOST_POINTS = 200, 1500  # per axis, and drawn of each part
EPOCH = datetime(1970, 1, 1)
MARGIN = 0.05  # of the range, beyond the training rows on both sides


@dataclass
class Axis:
    """One column: its ticks in the user's own values (V,), numbers, datetimes (UTC) or words, and its kind."""

    name: str
    kind: str
    ticks: list


@dataclass
class Points:
    """P rows of a part. x, y: their values in the two columns, as the ticks are written, None where missing (y is None for a
    curve); right: their right answers; answered: the rung's; places: in the part; rows: in the data."""

    part: str
    places: np.ndarray
    rows: np.ndarray
    x: list
    y: list | None
    right: list
    answered: list


@dataclass
class Boundary:
    """A rung's answers on a grid.

    x, y   : the axes; y is None when only one column was asked for.
    values : (V, W) numbers, a line for each tick of y; for classes (V, W, K) probabilities. A curve is (W,) or (W, K).
    classes: the K names, or None for numbers. held: {input: value} for all the other inputs.
    points : of training and test rows; empty, with a notice, when the data are gone.
    """

    rung: str
    output: str
    x: Axis
    y: Axis | None
    values: np.ndarray
    classes: list[str] | None
    held: dict[str, Any]
    points: list[Points] = field(default_factory=list)
    notes: list[Notice] = field(default_factory=list)

    @property
    def answered(self) -> np.ndarray:
        """(V, W) the number of the class of the largest probability; for numbers, the values themselves."""
        return self.values if self.classes is None else self.values.argmax(axis=-1)


def boundary(
    function: Finding,
    columns: str | Sequence[str],
    rung: str | None = None,
    output: str | None = None,
    row: Which | None = None,
    side: int | None = None,
    part: str = "test",
    points: int = 400,
) -> Boundary:
    """The answers of a rung (by default the winner) over one or two columns of numbers, dates or categories.

    row   : the row whose values the other inputs keep (a place in `part`, a frame or a dict); None: the typical values.
    side  : ticks of an axis of numbers or dates; categories have one tick each. points: rows drawn of each part, at most.

    Raises TaskError "unknown-column", "no-axis" (a text or a picture cannot be an axis), "same-column", "row-needed" (a
    picture has no typical value), "bad-option", "unknown-rung", "unknown-output".
    """
    end = output_of(function, output)
    axes = axes_of(function, [columns] if isinstance(columns, str) else list(columns))
    others = [each for each in function.fields if each not in axes]
    large = any(not isinstance(each, Flat) for each in others)
    side = side or (SIDE_WITH_MORE if large else SIDE)
    if not 2 <= side <= MOST_SIDE or not 0 <= points <= MOST_POINTS:
        raise TaskError(
            "bad-option", f"Expected 2 to {MOST_SIDE} ticks and at most {MOST_POINTS} points, not {side}, {points}."
        )
    function.rung(rung or function.winner)
    held = held_row(function, others, row, part)
    notes: list[Notice] = []
    seen: dict[str, pl.DataFrame] = {}
    numbers: dict[str, np.ndarray] = {}
    for word in ("train", "test") if points or any(isinstance(each, Date) for each in axes) else ():
        try:
            all_ = numbers_of(function, word)
            numbers[word], _ = drawn(len(all_), max(points, 1), function.record["seed"])
            seen[word] = frame_of(function, word, numbers[word])
            numbers[f"{word} rows"] = all_[numbers[word]]
        except FofxError as problem:
            if not row_error(problem):
                raise
            text = f"The training and test rows cannot be drawn: {problem.message}"
            notes = [Notice("points-gone", text, points)]
    ticks = [ticks_of(each, side, seen) for each in axes]
    grid = grid_of(axes, ticks, held)
    predicted = function.predict(grid.select([each.name for each in function.fields]), rung)[end.name]
    shape = [tick.len() for tick in reversed(ticks)]  # y first
    number = end.kind == "number"
    drawn_points = [
        points_of(function, axes, rung, end.name, word, numbers[word], numbers[f"{word} rows"], frame)
        for word, frame in (seen if points else {}).items()
    ]
    names = [Axis(each.name, each.kind, tick.to_list()) for each, tick in zip(axes, ticks)]
    return Boundary(
        rung=rung or function.winner,
        output=end.name,
        x=names[0],
        y=names[1] if len(names) > 1 else None,
        values=predicted.reshape(shape if number else [*shape, predicted.shape[1]]),
        classes=None if number else list(end.names),  # type: ignore[attr-defined]
        held={name: held[name][0] for name in held.columns},
        points=drawn_points,
        notes=notes,
    )


def axes_of(function: Finding, columns: list[str]) -> list[Flat]:
    """The fields of one or two columns; TaskError when they cannot be axes."""
    if len(columns) not in (1, 2) or len(set(columns)) < len(columns):
        raise TaskError(
            "same-column", f"Give one column or two different ones, not {', '.join(map(repr, columns)) or 'none'}."
        )
    fields = {each.name: each for each in function.fields}
    able = [name for name, each in fields.items() if isinstance(each, Flat)]
    found = []
    for name in columns:
        if name not in fields:
            raise TaskError(
                "unknown-column",
                f"{name!r} is no input; inputs are {', '.join(list(fields)[:12])}.{nearest(name, fields)}",
            )
        if not isinstance(each := fields[name], Flat):
            known = f"columns that can: {', '.join(able[:12])}" if able else "`embedding` draws a map of such rows"
            raise TaskError("no-axis", f"A {each.kind} such as {name!r} cannot be an axis; {known}.")
        found.append(each)
    return found


def held_row(function: Finding, others: list[Field], row: Which | None, part: str) -> pl.DataFrame:
    """One row of the inputs that are not axes: typical values, or those of a row."""
    if row is not None:
        frame = rows_of(function, row, part)
        if frame.height != 1:
            raise TaskError("bad-option", f"Give one row whose values are kept, not {frame.height}.")
        return frame.select([each.name for each in others])
    pictures = [each.name for each in others if each.kind == "picture"]
    if pictures:
        raise TaskError(
            "row-needed", f"There is no typical picture for {pictures[0]!r}; give row=, whose picture is kept."
        )
    columns = []
    for each in others:
        if isinstance(each, Flat):
            columns.append(typical(each))
        else:
            columns.append(pl.Series(each.name, [getattr(each, "typical", "")], dtype=pl.String))
    return pl.DataFrame(columns)


def typical(field: Flat) -> pl.Series:
    """The one value that a column has typically, as occlusion puts it in the place of others."""
    kind = pl.Float64 if isinstance(field, Number) else pl.String
    return variants_of(field, pl.Series(field.name, [None], dtype=kind), 1).column[1:2]


def ticks_of(field: Flat, side: int, seen: dict[str, pl.DataFrame]) -> pl.Series:
    """The values along an axis: numbers and dates evenly from end to end of the training rows and a little beyond."""
    if isinstance(field, Category):
        return pl.Series(field.name, field.names, dtype=pl.String)
    if isinstance(field, Number):
        low, high = field.low, field.high
    else:
        assert isinstance(field, Date)
        known = np.concatenate([as_seconds(frame[field.name]) for frame in seen.values()] or [np.array([])])
        known = known[np.isfinite(known)]
        around = (field.mean - 2 * field.spread, field.mean + 2 * field.spread)  # when the rows are gone
        low, high = (float(known.min()), float(known.max())) if len(known) else around
    margin = MARGIN * (high - low) or max(abs(high), 1.0) * MARGIN
    places = np.linspace(low - margin, high + margin, side)
    if isinstance(field, Number):
        return pl.Series(field.name, places)
    return pl.Series(field.name, np.round(places * 1e6).astype(np.int64)).cast(pl.Datetime("us"))


def grid_of(axes: list[Flat], ticks: list[pl.Series], held: pl.DataFrame) -> pl.DataFrame:
    """All places of the grid as rows, x running fastest, with what is held in every one."""
    counts = [tick.len() for tick in ticks]
    total = int(np.prod(counts))
    across = np.tile(np.arange(counts[0]), total // counts[0])
    columns = [ticks[0][across]]
    if len(ticks) == 2:
        columns.append(ticks[1][np.repeat(np.arange(counts[1]), counts[0])])
    same = np.zeros(total, dtype=np.int64)
    return pl.DataFrame([*columns, *(held[name][same] for name in held.columns)])


def points_of(
    function: Finding,
    axes: list[Flat],
    rung: str | None,
    output: str,
    part: str,
    places: np.ndarray,
    rows: np.ndarray,
    frame: pl.DataFrame,
) -> Points:
    """Some rows of a part as points on the axes, with the rung's own answers to the whole rows."""
    end = output_of(function, output)
    said = end.answers(function.predict(frame, rung)[output])
    values = [values_of(each, frame[each.name]) for each in axes]
    right = frame[output].to_list() if end.kind == "number" else as_words(frame[output])
    return Points(part, places, rows, values[0], values[1] if len(axes) > 1 else None, right, said)


def values_of(field: Flat, column: pl.Series) -> list:
    """A column's values as the ticks of its axis are written; None where they are missing."""
    if isinstance(field, Number):
        return [None if np.isnan(value) else float(value) for value in as_numbers(column)]
    if isinstance(field, Date):
        return [None if np.isnan(s) else EPOCH + timedelta(seconds=float(s)) for s in as_seconds(column)]
    return as_words(column)
