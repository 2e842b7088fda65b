"""A small table that someone typed or pasted: text with one row a line, cells apart by comma, semicolon, tab or spaces.

Only for what fits on a screen; real data goes through `fofx.data`. N rows, D columns.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fofx.errors import DataError

LETTERS = 200_000  # of one paste


def cells(text: Any, rows: int = 2000, columns: int = 40) -> list[list[str]]:
    """The cells of pasted text, empty lines left out; every line has as many cells as the first."""
    if not isinstance(text, str) or not text.strip():
        raise DataError("empty-table", "Expected text with one row a line, got nothing.")
    if len(text) > LETTERS:
        raise DataError("too-many-rows", f"Expected at most {LETTERS:,} characters, got {len(text):,}.")
    text = text.replace("，", ",").replace("；", ";")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    mark = next((mark for mark in ("\t", ";", ",") if mark in lines[0]), None)
    try:
        table = (
            list(csv.reader(lines, delimiter=mark, skipinitialspace=True)) if mark else [line.split() for line in lines]
        )
    except csv.Error as error:
        raise DataError("bad-table", f"The text cannot be read as a table: {error}.") from error
    table = [[cell.strip() for cell in row] for row in table]
    if len(table) > rows:
        raise DataError("too-many-rows", f"Expected at most {rows:,} rows, got {len(table):,}.")
    if len(table[0]) > columns:
        raise DataError("too-many-columns", f"Expected at most {columns} columns, got {len(table[0])}.")
    for number, row in enumerate(table, 1):
        if len(row) != len(table[0]):
            raise DataError(
                "uneven-rows", f"Expected {len(table[0])} cells in every line, got {len(row)} in line {number}."
            )
    return table


def as_number(cell: str) -> float | None:
    """The finite number that a cell holds, or None."""
    try:
        value = float(cell.replace("−", "-"))
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e12 else None


def columns_of(text: Any, rows: int = 2000, columns: int = 40) -> dict[str, list[Any]]:
    """The columns of pasted text by name: numbers where every cell is one, else text.

    The first line holds the names, unless it holds numbers where the second line has numbers too.
    """
    table = cells(text, rows + 1, columns)
    first = [as_number(cell) is not None for cell in table[0]]
    below = [as_number(cell) is not None for cell in table[1]] if len(table) > 1 else first
    named = len(table) > 1 and not any(a and b for a, b in zip(first, below, strict=True))
    head = table.pop(0) if named else [f"x{number + 1}" for number in range(len(table[0]))]
    names: list[str] = []
    for number, name in enumerate(head):
        name = (name or f"x{number + 1}")[:60]
        names.append(name if name not in names else f"{name} ({number + 1})")
    if not table:
        raise DataError("empty-table", "Expected at least one row below the names.")
    found: dict[str, list[Any]] = {}
    for number, name in enumerate(names):
        column = [row[number] for row in table]
        values = [as_number(cell) for cell in column]
        found[name] = values if None not in values else [cell[:60] for cell in column]
    return found


def is_numeric(column: Sequence[Any]) -> bool:
    """Whether every value of a column is a finite number (True and False are not numbers)."""
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in column
    )


def plain(data: Any, rows: int = 2000) -> dict[str, list[Any]]:
    """Columns of a dict, a polars or a pandas table as plain lists: numbers stay, everything else becomes text."""
    if not isinstance(data, Mapping) and not hasattr(data, "columns"):
        raise DataError("bad-table", f"Expected columns by name (a dict or a table), got {type(data).__name__}.")
    names = list(data) if isinstance(data, Mapping) else list(data.columns)
    found = {}
    for name in names:
        values = data[name]
        values = values.tolist() if hasattr(values, "tolist") else list(values)
        if len(values) > rows:
            raise DataError("too-many-rows", f"Expected at most {rows:,} rows, got {len(values):,}.")
        found[str(name)[:60]] = values if is_numeric(values) else [str(value)[:60] for value in values]
    if not found or len({len(column) for column in found.values()}) != 1 or not next(iter(found.values())):
        raise DataError("bad-table", "Expected at least one column and one row, and equally long columns.")
    return found


def last_with_classes(table: Mapping[str, Sequence[Any]], most: int) -> str:
    """The column to answer when none is named: the last with 2 to `most` different values."""
    found = next((name for name in reversed(list(table)) if 2 <= len(set(map(str, table[name]))) <= most), None)
    if found is None or len(table) < 2:
        raise DataError(
            "too-few-columns", f"Expected a column with 2 to {most} classes, and another one to learn from."
        )
    return found
