"""Columns of boxes in tables: cells of JSON, or lists of {"label", "box"} in memory, next to a column of pictures.

[{"label": "sheep", "box": [left, top, width, height]}] in pixels becomes the text of fofx.boxes.written, with the size of the
row's picture; a dict {"size", "boxes"} may say the size itself. What cannot be used is set aside and said, as for files.
"""

from __future__ import annotations

import json
import math
from collections import Counter

import polars as pl

from fofx.boxes.written import Badly, read_written, size_of, written
from fofx.data.marked import Drawn, Look, Marked, look, notes_of, usable
from fofx.data.table import Table


def holds_boxes(column: pl.Series) -> bool:
    """Whether most cells of a text column are boxes: lists of objects with a "box", or objects with "boxes"."""
    if column.dtype != pl.String:
        return False
    few = column.drop_nulls().head(100).to_list()
    if not few or not all(cell.lstrip()[:1] in ("[", "{") for cell in few[:5]):
        return False
    kinds = [_looks_like_boxes(cell) for cell in few]
    return kinds.count(True) >= max(1, kinds.count(False))


def _looks_like_boxes(cell: str) -> bool | None:
    """None for an empty list, which could be anything."""
    try:
        value = json.loads(cell)
    except (json.JSONDecodeError, RecursionError):
        return False
    if isinstance(value, dict):
        return isinstance(value.get("boxes"), list)
    if not isinstance(value, list):
        return False
    return all(isinstance(one, dict) and "box" in one for one in value) if value else None


def find_box_columns(table: Table) -> None:
    """Mark the columns of boxes and write them in the one form, measured against the one column of pictures (in place)."""
    pictures = [name for name in table.frame.columns if _kind(table, name) == "picture"]
    for name in table.frame.columns:
        if table.kinds.get(name) is None and holds_boxes(table.frame[name]):
            table.kinds[name] = "boxes"
            if len(pictures) == 1:
                settle(table, name, pictures[0])


def _kind(table: Table, name: str) -> str | None:
    column = table.frame[name]
    arrays = isinstance(column.dtype, pl.Array) and len(column.dtype.shape) in (2, 3)
    return table.kinds.get(name) or ("picture" if arrays else None)


def settle(table: Table, name: str, picture: str) -> None:
    """Write a column of boxes in the one form. A cell that is no list of boxes stays as it is: its row is set aside later."""
    pictures = table.frame[picture]
    counts: Counter[str] = Counter()
    cells: list[str | None] = []
    for row, cell in enumerate(table.frame[name].to_list()):
        if cell is None:
            cells.append(None)
            continue
        seen = _seen(pictures, row)
        marked = _marked(cell)
        if seen is None or marked is None:
            cells.append(_as_it_is(cell))
            continue
        boxes = usable(marked, seen, counts)
        counts["empty pictures"] += not boxes
        cells.append(written(seen.size, boxes))
    table.frame = table.frame.with_columns(pl.Series(name, cells, dtype=pl.String))
    table.notes += notes_of(counts)


def _seen(pictures: pl.Series, row: int) -> Look | None:
    if isinstance(pictures.dtype, pl.Array):
        height, width = pictures.dtype.shape[:2]
        return Look((width, height), 1)
    path = pictures[row]
    seen = look(path) if path else "no picture is given"
    return seen if isinstance(seen, Look) else None


def _as_it_is(cell: str) -> str:
    """The cell in the one form where it says its own size, else untouched."""
    try:
        return written(*read_written(cell))
    except Badly:
        return cell


def _marked(cell: str) -> Marked | None:
    """What a cell says, as a reader of files would give it; None when it is no list of boxes."""
    try:
        value = json.loads(cell)
        size = size_of(value.get("size")) if isinstance(value, dict) else None
    except (json.JSONDecodeError, RecursionError, Badly):
        return None
    rows = value.get("boxes") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        return None
    return Marked((), [_drawn(one) for one in rows], None, size)


def _drawn(one: dict) -> Drawn:
    label = one.get("label")
    text = None if label is None else str(label).strip() or None
    box = one.get("box")
    if not isinstance(box, list) or len(box) != 4 or not all(type(side) in (int, float) for side in box):
        return Drawn(text, (math.nan,) * 4)
    left, top, width, height = map(float, box)
    return Drawn(text, (left, top, left + width, top + height), crowd=bool(one.get("crowd")))
