"""Boxes as text, the form in which a table holds them, and back.

{"size": [W, H], "boxes": [{"label": "sheep", "box": [left, top, width, height]}]}: pixels of the picture as it is seen, W wide and
H high. An answer has a "score" beside each box; a region of objects that nobody drew one by one has "crowd": true.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

Box = tuple[str, tuple[float, float, float, float], bool]
"""One object: its class; left, top, width, height in pixels; whether it is a crowd."""


class Badly(ValueError):
    """Why a value is no list of boxes, in words."""


def written(size: tuple[int, int], boxes: Iterable[Box]) -> str:
    """The text of a picture's boxes; pixels are kept to a hundredth."""
    rows = []
    for label, box, crowd in boxes:
        row: dict[str, Any] = {"label": label, "box": [short(side) for side in box]}
        rows.append(row | ({"crowd": True} if crowd else {}))
    return json.dumps({"size": [int(size[0]), int(size[1])], "boxes": rows}, ensure_ascii=False)


def as_written(cell: Any) -> str | None:
    """A cell of boxes that came as Python values, as JSON; numbers of NumPy are numbers."""
    if cell is None or isinstance(cell, str):
        return cell
    return json.dumps(cell, ensure_ascii=False, default=lambda other: other.tolist())


def short(value: float) -> int | float:
    """To a hundredth; whole numbers without a point."""
    rounded = round(float(value), 2)
    return int(rounded) if rounded == int(rounded) else rounded


def read_written(value: Any, size: tuple[int, int] | None = None) -> tuple[tuple[int, int], list]:
    """(width, height) and the boxes (`Box`) of one cell: the text above, the same as a dict, or a bare list of {"label", "box"}.

    A bare list says no size; then `size` is the picture's. Raises Badly.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            raise Badly("it is no JSON") from None
    if isinstance(value, dict):
        if "boxes" not in value:
            raise Badly('it has no "boxes"')
        size, value = size_of(value.get("size")) or size, value["boxes"]
    if not isinstance(value, list | tuple):
        raise Badly('it is no list of {"label", "box"}')
    if size is None:
        raise Badly('it says no "size": [width, height] of its picture')
    return size, [read_box(row) for row in value]


def size_of(value: Any) -> tuple[int, int] | None:
    """[W, H] of a picture, or None when none is said."""
    if value is None:
        return None
    numbers = finite_numbers(value, 2)
    if numbers is None or min(numbers) < 1:
        raise Badly(f"its size is {value!r}, not [width, height]")
    return int(numbers[0]), int(numbers[1])


def read_box(row: Any) -> tuple[str, tuple[float, float, float, float], bool]:
    """One {"label", "box"} as a `Box`. Raises Badly."""
    if not isinstance(row, dict):
        raise Badly(f'a box is {str(row)[:40]!r}, not {{"label", "box"}}')
    label = row.get("label")
    label = "" if label is None else str(label).strip()
    if not label:
        raise Badly("a box has no label")
    sides = finite_numbers(row.get("box"), 4)
    if sides is None:
        raise Badly(f"a box is {str(row.get('box'))[:40]}, not [left, top, width, height]")
    if min(sides[2:]) <= 0:
        raise Badly(f"a box is {sides[2]:g} wide and {sides[3]:g} high")
    return label, (sides[0], sides[1], sides[2], sides[3]), bool(row.get("crowd", False))


def finite_numbers(value: Any, count: int) -> list[float] | None:
    """So many finite numbers, or None."""
    if not isinstance(value, list | tuple) or len(value) != count:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in value):
        return None
    return [float(one) for one in value]
