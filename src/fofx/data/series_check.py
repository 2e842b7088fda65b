"""What is said of series before rows are made of them: columns that cannot be used, odd moments, what was filled and left out.

Errors are raised before work starts; everything else is a notice with its count.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fofx.errors import DataError, Notice, TaskError, nearest

MANY_REPEATS = 0.2  # of the rows on the moment of another row: these are several series, not slips


def variables_of(
    frame: pl.DataFrame, outputs: list[str], inputs: list[str] | None, time: str | None, group: str | None
) -> list[str]:
    """Columns whose past is seen: the outputs and the inputs, all of them numbers."""
    asked = [*outputs, *(inputs or []), *(name for name in (time, group) if name is not None)]
    for name in asked:
        if name not in frame.columns:
            hint = nearest(name, frame.columns)
            raise TaskError("unknown-column", f"There is no column {name!r}.{hint} The columns are: {frame.columns}.")
    if not outputs:
        raise TaskError("no-output", "Say which series should be forecast: outputs='NAME'.")
    if inputs is None:
        inputs = [
            name
            for name, kind in frame.schema.items()
            if (kind.is_numeric() or kind == pl.Boolean) and name not in (time, group)
        ]
    for name in [*outputs, *inputs]:
        column = frame[name]
        if column.dtype.is_nested() or (
            column.null_count() < len(column) == column.cast(pl.Float64, strict=False).null_count()
        ):
            raise DataError("not-numbers", f"{name!r} should hold numbers in time order; it holds {column.dtype}.")
    return list(dict.fromkeys([*outputs, *inputs]))


def look(frame: pl.DataFrame, series: list, found: dict, plan: dict) -> list[Notice]:
    """Notices about the time column; errors when it holds no moments, or many rows of one moment."""
    time, notes = plan["time"], []
    if not series:
        example = frame[time][0] if frame.height else None
        raise DataError(
            "not-moments", f"{time!r} should hold dates, times or numbers in time order; it holds {example!r}."
        )
    for number, name in enumerate(plan["variables"]):
        if not any(np.isfinite(values[:, number]).any() for _, _, values in series):
            raise DataError("not-numbers", f"{name!r} holds no number at all.")
    if found["no_moment"]:
        text = f"{found['no_moment']} row(s) have no readable moment in {time!r}; they are left out."
        notes.append(Notice("series-no-moment", text, found["no_moment"]))
    if found["repeated"] > MANY_REPEATS * frame.height:
        words = [name for name in frame.columns if name not in (time, *plan["variables"]) and name != plan["group"]]
        hint = f" Perhaps it is {words[0]!r}." if words else ""
        raise DataError(
            "repeated-moments",
            f"{found['repeated']} of {frame.height} rows have the same moment in {time!r} as another row. If the table holds "
            f"several series, say which column tells them apart: group='NAME'.{hint}",
        )
    if found["repeated"]:
        text = f"{found['repeated']} row(s) have the same moment as another row; their mean is used."
        notes.append(Notice("series-repeated", text, found["repeated"]))
    if found["unsorted"]:
        text = f"The rows were not in time order ({found['unsorted']} times a later row came first); they were sorted."
        notes.append(Notice("series-sorted", text, found["unsorted"]))
    return notes


def too_short(lengths: list[int], past: int, horizon: int) -> str:
    """What is needed: a horizon each to learn from and to choose by, and one row to judge by."""
    need = past + horizon - 1 + 2 * horizon + 1
    return (
        f"The longest series has {max(lengths)} values in a row. To see {past} and answer {horizon}, with rows to learn from, to "
        f"choose by and to judge by, at least {need} are needed without a gap. Use a smaller past or horizon, or more data."
    )


def said(counts: dict, series: int, crossing: int, plan: dict) -> list[Notice]:
    """Notices about what was filled and left out."""
    notes = []
    if counts["filled"]:
        text = f"{counts['filled']} missing value(s) inside the series were filled with the last known value."
        notes.append(Notice("series-filled", text + " None of them is asked for as an answer.", counts["filled"]))
    if counts["gaps"]:
        text = f"{counts['gaps']} gap(s) are longer than {plan['longest']} steps; no row reaches across them."
        notes.append(Notice("series-gaps", text, counts["gaps"]))
    if counts["left"]:
        text = f"{counts['left']} of {series} series are too short for {plan['past']} past and {plan['horizon']} next values."
        notes.append(Notice("series-left-out", text, counts["left"]))
    if crossing:
        text = f"{crossing} row(s) ask across the border between two parts; they are left out."
        notes.append(Notice("series-borders", text, crossing))
    return notes
