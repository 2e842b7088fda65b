"""Tables that are in memory already: polars and pandas frames, dicts of columns, numpy arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from fofx.boxes.written import as_written
from fofx.data.table import Table, distinct_names
from fofx.errors import DataError, Notice
from fofx.fields import kinds


def from_polars(frame: pl.DataFrame, source: str = "DataFrame") -> Table:
    """A polars frame: distinct names, and every column a number, a boolean, a date or text."""
    if not frame.width:
        raise DataError("empty-file", f"{source} has no columns.")
    if not frame.height:
        raise DataError("no-rows", f"{source} has columns ({', '.join(frame.columns[:10])}) but no rows.")
    names, families = distinct_names(frame.columns)
    notes: list[Notice] = []
    columns, dropped = [], []
    for name, column in zip(names, frame.get_columns()):
        plain = _plain(column)
        if plain is None:
            dropped.append(name)
        else:
            columns.append(plain.alias(name))
    if dropped:
        text = f"Left out, because they hold raw bytes or objects: {', '.join(dropped[:5])}."
        notes.append(Notice("unreadable-columns", text, len(dropped)))
    if not columns:
        raise DataError("no-columns", f"{source} has no column of numbers, dates or text.")
    if families:
        notes.append(Notice("renamed-headers", f"{len(families)} repeated column name(s) got numbers.", len(families)))
    return Table(pl.DataFrame(columns), source, None, notes, reader={"format": "memory"}, families=families)


def _plain(column: pl.Series) -> pl.Series | None:
    kind = column.dtype
    if kind.is_float():
        return column.fill_nan(None)
    if kind in (pl.Boolean, pl.Date) or kind.is_integer():
        return column
    if kind == pl.Datetime:
        return column.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if kind == pl.Duration:
        return column.dt.total_microseconds() / 1e6
    if kind.is_decimal():
        return column.cast(pl.Float64)
    if kind == pl.String:
        return column.set(column == "", None)
    if isinstance(kind, pl.Array) and (len(kind.shape) > 1 or kind.inner.is_numeric()):
        return column  # pictures, videos, series
    if isinstance(kind, pl.List) and kind.inner.is_numeric():
        widths = column.list.len().drop_nulls()
        if widths.n_unique() == 1 and widths[0] > 1:  # a series
            return column.cast(pl.Array(pl.Float64, widths[0]))
    if kind == pl.Binary:  # the bytes of files, where a kind knows them
        return column if any(each.recognises(column) for each in kinds().values()) else None
    if kind in (pl.Categorical, pl.Enum, pl.Time, pl.Null):
        return column.cast(pl.String)
    if kind.is_nested():
        values = column.to_list()
        return pl.Series(
            column.name, [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in values]
        )
    return _from_objects(column.to_list()) if kind == pl.Object else None


def _from_objects(values: list[Any]) -> pl.Series | None:
    """A column of mixed Python values: numbers when all of them are, else text."""
    values = [
        None if v is None or v is pl.Null or (isinstance(v, float) and v != v) or str(v) in ("<NA>", "NaT") else v
        for v in values
    ]
    known = [value for value in values if value is not None]
    if any(isinstance(value, bytes | bytearray | memoryview) for value in known):
        return None
    if known and all(isinstance(value, bool | np.bool_) for value in known):
        return pl.Series([None if v is None else bool(v) for v in values], dtype=pl.Boolean)
    if known and all(isinstance(value, int | float | np.number) for value in known):
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64)
    text = [None if v is None else v if isinstance(v, str) else str(v) for v in values]
    return pl.Series([value or None for value in text], dtype=pl.String)


def from_columns(columns: Mapping[Any, Any], source: str = "columns") -> Table:
    """A dict of columns: lists, arrays or series of one length; single values stand for one row."""
    if not columns:
        raise DataError("empty-file", "The dict holds no columns.")
    ready: dict[str, pl.Series] = {}
    names, _ = distinct_names(columns)
    for name, values in zip(names, columns.values()):
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            values = [values]
        ready[name] = _series(name, values)
    lengths = {name: len(series) for name, series in ready.items()}
    if len(set(lengths.values())) > 1:
        raise DataError("unequal-columns", f"All columns need the same number of rows; got {lengths}.")
    return from_polars(pl.DataFrame(list(ready.values())), source)


def _series(name: str, values: Any) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if type(values).__module__.startswith(("pandas", "torch")):
        values = values.to_numpy() if hasattr(values, "to_numpy") else values.numpy()
    if isinstance(values, np.ndarray):
        if values.ndim in (3, 4, 5) and values.dtype == np.uint8:
            # one array a row: a picture (H, W) or (H, W, C), a video (F, H, W) or (F, H, W, C)
            return pl.Series(name, np.ascontiguousarray(values))
        if values.ndim == 3 and values.dtype.kind in "biu" and values.size:
            if values.min() < -1 or values.max() > 255:
                words = (
                    f"Column {name!r} holds whole numbers from {values.min()} to {values.max()}; maps take 0 to 255."
                )
                raise DataError("wrong-values", words)
            return pl.Series(name, np.ascontiguousarray(values.astype(np.uint8)))  # -1 becomes 255: void
        if values.ndim == 2 and values.dtype.kind in "iuf" and values.shape[1]:
            whole = np.float32 if values.dtype == np.float16 else values.dtype
            return pl.Series(name, np.ascontiguousarray(values, dtype=whole))  # a series, or samples of a sound
        if values.ndim != 1:
            raise DataError("wrong-shape", f"Column {name!r} has shape {values.shape}; a column is one value a row.")
        if values.dtype.kind in "biuf" and values.dtype != np.float16:
            return pl.Series(name, np.ascontiguousarray(values))
        values = values.tolist()
    values = list(values)
    if any(_holds_objects(value) for value in values[:100]):
        return pl.Series(name, [as_written(value) for value in values], dtype=pl.String)  # boxes, for example
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError, OverflowError, ValueError):
        plain = _from_objects(values)
        if plain is None:
            raise DataError("unreadable-columns", f"Column {name!r} holds raw bytes, not numbers or text.") from None
        return plain.alias(name)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict))


def from_pandas(frame: Any) -> Table:
    """A pandas frame (or series), without pyarrow. A named index becomes a column; a plain one is dropped."""
    if frame.__class__.__name__ == "Series":
        frame = frame.to_frame()
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else name for name in frame.columns]
    if not len(names):
        raise DataError("empty-file", "The DataFrame has no columns.")
    fresh, families = distinct_names(names)
    columns = []
    for place, name in enumerate(fresh):
        series = frame.iloc[:, place]
        kind = str(series.dtype)
        if kind.startswith("datetime64"):
            if getattr(series.dtype, "tz", None) is not None:
                series = series.dt.tz_localize(None)
            columns.append(pl.Series(name, series.to_numpy().astype("datetime64[us]")))
        elif kind.startswith("timedelta64"):
            columns.append(pl.Series(name, series.dt.total_seconds().to_numpy()))
        elif series.dtype.__class__.__module__.startswith("numpy") and series.dtype.kind in "biuf":
            columns.append(_series(name, series.to_numpy()))
        else:
            values = series.astype(object).to_list()
            plain = _from_objects(
                [value.isoformat() if hasattr(value, "isoformat") and value == value else value for value in values]
            )
            columns.append(
                (plain if plain is not None else pl.Series([None] * len(values), dtype=pl.Binary)).alias(name)
            )
    table = from_polars(pl.DataFrame(columns))
    table.families = families
    if families:
        table.notes.append(
            Notice("renamed-headers", f"{len(families)} repeated column name(s) got numbers.", len(families))
        )
    return table


def from_arrays(inputs: Any, output: Any = None) -> Table:
    """(X, y): X of shape (rows,) or (rows, columns) gives x or x1, x2 ...; y gives y, or y1, y2 ...

    X of shape (rows, H, W) or (rows, H, W, C) is one column "picture", of values 0..255; y of shape (rows, H, W) is "mask".
    """
    columns: dict[str, pl.Series] = {}
    rows = None
    for letter, values in (("x", inputs), ("y", output)):
        if values is None:
            continue
        if hasattr(values, "detach"):
            values = values.detach().cpu()
        try:
            values = np.asarray(values)
        except ValueError as error:
            raise DataError("wrong-shape", f"{letter} is not a regular array: {error}.") from None
        if rows is not None and len(np.atleast_1d(values)) != rows:
            raise DataError("unequal-columns", f"X has {rows} rows and y has {len(values)}; they need the same number.")
        if letter == "x" and values.ndim in (3, 4):
            columns["picture"], rows = _pictures(values), len(values)
            continue
        if letter == "y" and values.ndim == 3 and values.dtype.kind in "biu":
            columns["mask"], rows = _series("mask", values), len(values)
            continue
        if values.ndim not in (1, 2):
            expected = "(rows,), (rows, columns), or pictures (rows, height, width[, channels])"
            raise DataError("wrong-shape", f"{letter} has shape {values.shape}; expected {expected}.")
        rows = len(values)
        single = values.ndim == 1 or (letter == "y" and values.shape[1] == 1)
        grid = values.reshape(rows, -1) if rows else values.reshape(0, 1)
        for place in range(grid.shape[1]):
            name = letter if single else f"{letter}{place + 1}"
            columns[name] = _series(name, grid[:, place])
    return from_polars(pl.DataFrame(list(columns.values())), "arrays")


def _pictures(values: np.ndarray) -> pl.Series:
    """(N, H, W) or (N, H, W, C) as a column of arrays of bytes."""
    if values.size == 0 or (values.ndim == 4 and values.shape[3] not in (1, 3, 4)):
        shape = "(rows, height, width) or (rows, height, width, channels) with 1, 3 or 4 channels"
        raise DataError("wrong-shape", f"Pictures should have the shape {shape}; it is {values.shape}.")
    if values.dtype != np.uint8:
        whole = values.dtype.kind in "iuf" and np.isfinite(values).all() and values.min() >= 0 and values.max() <= 255
        if not whole or (values.dtype.kind == "f" and values.max() <= 1):
            raise DataError(
                "wrong-shape", "Pictures should be bytes (uint8) from 0 to 255; multiply shares of white by 255."
            )
        values = values.astype(np.uint8)
    return pl.Series("picture", np.ascontiguousarray(values))
