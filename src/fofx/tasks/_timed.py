"""Series of one's own for the tasks that forecast: which column is the time, and which is asked for."""

from __future__ import annotations

from typing import Any


def timed(path: str, **options: Any) -> dict[str, Any]:
    """Arguments of `find` for a table in time order: its first column that reads as moments is the time, its last column of numbers
    is asked for. Raises TaskError "no-output" when there is no column of numbers."""
    import numpy as np
    import polars as pl

    from fofx.data.moments import moments_of
    from fofx.data.read import read
    from fofx.errors import TaskError

    frame = read(path).frame
    time = None
    for name in frame.columns:
        column = frame[name].drop_nulls().head(200)
        dated = column.dtype.is_temporal() or (column.dtype == pl.String and column.len() > 0)
        if dated and np.isfinite(moments_of(column)[0]).mean() > 0.9:
            time = name
            break
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric() and name != time]
    if (
        time is None
        and len(numbers) > 1
        and frame[numbers[0]].is_sorted()
        and frame[numbers[0]].n_unique() == frame.height
    ):
        time = numbers.pop(0)  # years, or a counter
    if not numbers:
        raise TaskError("no-output", f"{path} has no column of numbers that could be forecast.")
    return {"data": path, "outputs": numbers[-1], **({"time": time} if time is not None else {}), **options}
