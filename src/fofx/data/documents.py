"""Read tables from structured files: Excel, JSON (lines, an array, columns) and Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from fofx.data.again import as_text, text_cells
from fofx.data.encoding import find_encoding
from fofx.data.frames import from_polars
from fofx.data.sniff import is_number
from fofx.data.table import Table
from fofx.data.tables import encoding_notes, finish, from_cells
from fofx.errors import DataError, Notice


def read_excel(path: Path, limit: int | None) -> Table:
    """The first sheet of an Excel file, cells as text first, so that mixed columns cannot fail."""
    try:
        import fastexcel
    except ImportError:
        raise DataError(
            "excel-reader-missing",
            'Reading Excel needs one more package: pip install "fofx[data]" (or save the sheet as CSV).',
        ) from None
    notes: list[Notice] = []
    try:
        sheets = fastexcel.read_excel(path).sheet_names
        columns = text_cells(path, {"format": "excel", "header": False})
    except Exception as error:  # the reader's errors share no base class with polars'
        raise DataError(
            "unreadable-table", f"{path.name} cannot be read as an Excel file: {str(error).splitlines()[0]}"
        ) from None
    if len(sheets) > 1:
        notes.append(
            Notice("sheets", f"Only the first of {len(sheets)} sheets was read: {sheets[0]!r}.", len(sheets) - 1)
        )
    if not columns or not len(columns[0]):
        raise DataError("empty-file", f"{path.name} has no cell with a value in its first sheet.")
    first = [column[0] for column in columns]
    cells = [cell for cell in first if cell]
    header = not (cells and all(is_number(cell) for cell in cells))
    names = first if header else [f"column_{number + 1}" for number in range(len(columns))]
    if not header:
        notes.append(
            Notice(
                "no-header",
                "The first row looks like data, not names; the columns are called column_1, column_2 ...",
                len(columns),
            )
        )
    return from_cells(path, {"format": "excel", "header": header}, names, notes, limit)


def read_json(path: Path, limit: int | None) -> Table:
    """JSON lines (an object a line), a JSON array of objects, or one object of equally long columns."""
    encoding = find_encoding(path)
    text = path.read_bytes().decode(encoding).removeprefix("\ufeff")
    reader: dict[str, Any] = {"format": "json", "encoding": encoding}
    try:
        rows = json.loads(text)
        if isinstance(rows, dict) and not (rows and all(isinstance(value, list) for value in rows.values())):
            rows, reader["format"] = [rows], "jsonl"
        elif isinstance(rows, dict):
            rows = [dict(zip(rows, values)) for values in zip(*rows.values())]
    except json.JSONDecodeError:
        rows, reader["format"] = [], "jsonl"
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise DataError("bad-json", f"Line {number} of {path.name} is not JSON: {error.msg}.") from None
    except RecursionError:
        raise DataError("bad-json", f"{path.name} is nested too deeply to be a table.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("bad-json", f'{path.name}: expected one JSON object a row, such as {{"x": 1, "y": 2}}.')
    if not rows:
        raise DataError("no-rows", f"{path.name} holds no rows.")
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if not keys:
        raise DataError("no-rows", f"{path.name} holds rows without any value.")
    reader["keys"] = keys
    frame = pl.DataFrame(
        [
            pl.Series(str(place), [as_text(row.get(key)) for row in rows[:limit]], dtype=pl.String)
            for place, key in enumerate(keys)
        ]
    )
    return finish(path, reader, list(keys), frame, encoding_notes(encoding))


def read_parquet(path: Path, limit: int | None) -> Table:
    try:
        frame = pl.read_parquet(path, n_rows=limit, glob=False)
    except PolarsError as error:
        raise DataError(
            "unreadable-table", f"{path.name} cannot be read as a Parquet file: {str(error).splitlines()[0]}"
        ) from None
    table = from_polars(frame, path.name)
    types = {name: str(kind).partition("(")[0] for name, kind in table.frame.schema.items()}
    table.path = str(path)
    table.reader = {"format": "parquet", "names": table.frame.columns, "types": types}
    return table
