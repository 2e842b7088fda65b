"""A learner's own points: painted, pasted as text, or two columns of a CSV, brought into the playground's square.

The square reaches from -6 to 6. Points are kept to a thousandth, so that a URL, a script and the screen hold the same.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fofx.errors import DataError, Notice, TaskError

MOST = 2000  # points
SIDE = 6.0  # half a side of the square
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
Point = tuple[float, float, float]


def checked(points: Iterable) -> tuple[Point, ...]:
    """Points (x, y, answer) as floats to a thousandth. TaskError "bad-points" when they are something else."""
    kept = []
    for point in points:
        try:
            x, y, answer = (float(number) for number in point)
        except (TypeError, ValueError):
            raise TaskError(
                "bad-points", f"A point is (x, y, answer), three numbers, not {str(point)[:60]!r}."
            ) from None
        if not (abs(x) <= 2 * SIDE and abs(y) <= 2 * SIDE and abs(answer) <= 100):
            raise TaskError("bad-points", f"x and y lie within {2 * SIDE:g} and the answer within 100, not {point!r}.")
        kept.append((round(x, 3) + 0.0, round(y, 3) + 0.0, round(answer, 3) + 0.0))
        if len(kept) > MOST:
            raise TaskError("too-many-points", f"At most {MOST} points of your own.")
    if 0 < len(kept) < 2:
        raise TaskError("bad-points", "Give at least two points: one to learn from, one to test.")
    return tuple(kept)


def to_text(points: Sequence[Point]) -> str:
    """The points in few characters, for a URL: three digits of 6 bits for x, for y and for the answer."""
    letters = []
    for point in points:
        for number, offset in zip(point, (12_000, 12_000, 100_000)):
            whole = round(number * 1000) + offset
            letters += [DIGITS[whole >> 12 & 63], DIGITS[whole >> 6 & 63], DIGITS[whole & 63]]
    return "".join(letters)


def from_text(text: str) -> tuple[Point, ...]:
    """The points of `to_text`. TaskError "bad-points" for anything else."""
    if len(text) % 9 or len(text) > 9 * MOST or not set(text) <= set(DIGITS):
        raise TaskError("bad-points", "The own points of this address are damaged.")
    digit = [DIGITS.index(letter) for letter in text]
    numbers = [digit[at] << 12 | digit[at + 1] << 6 | digit[at + 2] for at in range(0, len(digit), 3)]
    offsets = (12_000, 12_000, 100_000)
    places = [(number - offsets[at % 3]) / 1000 for at, number in enumerate(numbers)]
    return checked(zip(places[::3], places[1::3], places[2::3]))


@dataclass(frozen=True)
class Own:
    """Points brought into the square, with what is needed to read them: `State(data="own", own=points, ...)`.

    names: the classes in the order of their numbers; empty for regression. A value v of the column is shown at
    (v - middle) / scale. notices: rows that were left out.
    """

    points: tuple[Point, ...]
    problem: str
    names: tuple[str, ...]
    middle: tuple[float, float, float]
    scale: tuple[float, float, float]
    notices: tuple[Notice, ...] = field(default=())

    def fields(self) -> dict:
        """What `State(...)` or `Session.change(...)` takes."""
        classes = {"classes": max(2, len(self.names))} if self.names else {}
        return {"data": "own", "own": self.points, "problem": self.problem, **classes}


def number(cell: object) -> float:
    try:
        return float(str(cell).strip())
    except ValueError:
        return math.nan


def fitted(values: Sequence[float], reach: float, stretch: bool) -> tuple[float, float]:
    """Middle and scale that bring values within -reach to reach; as they are when they already lie there."""
    low, high = min(values), max(values)
    if not stretch and max(-low, high) <= reach:
        return 0.0, 1.0
    middle = low / 2 + high / 2
    return middle, max(high / reach / 2 - low / reach / 2, 1e-300)


def points_of(x: Sequence, y: Sequence, answers: Sequence, problem: str | None = None, stretch: bool = True) -> Own:
    """Own points from three columns of any numbers; the answers are names of classes or numbers.

    problem: "classification", "regression" or None: numbers of more than 8 values are regression. stretch: fill the
    square even when the values already lie within it. Rows without a number for x or y, or without an answer, are left out with a notice,
    and so are rows beyond the first 2,000. DataError "no-points" when nothing is left, "too-many-classes" above 8.
    """
    rows = [
        (number(across), number(up), str(answer).strip() if answer is not None else "")
        for across, up, answer in zip(x, y, answers, strict=True)
    ]
    whole = [row for row in rows if math.isfinite(row[0]) and math.isfinite(row[1]) and row[2]]
    told = sorted({row[2] for row in whole})
    if problem is None:
        problem = (
            "regression" if len(told) > 8 and all(math.isfinite(number(name)) for name in told) else "classification"
        )
    if problem == "regression":
        whole = [row for row in whole if math.isfinite(number(row[2]))]
    notices = []
    if len(whole) < len(rows):
        text = f"{len(rows) - len(whole)} row(s) lack a number or an answer and are left out."
        notices.append(Notice("playground-rows", text, len(rows) - len(whole)))
    if len(whole) > MOST:
        text = f"The playground holds {MOST} points; {len(whole) - MOST} row(s) are left out."
        notices.append(Notice("playground-rows", text, len(whole) - MOST))
        whole = [whole[index * len(whole) // MOST] for index in range(MOST)]
    if len(whole) < 2:
        raise DataError("no-points", "Expected at least two rows with two numbers and an answer.")
    told = sorted({row[2] for row in whole}, key=lambda name: (not math.isfinite(number(name)), number(name), name))
    if problem == "classification" and len(told) > 8:
        raise DataError("too-many-classes", f"The playground knows up to 8 classes; this column has {len(told)}.")
    across, up = fitted([row[0] for row in whole], 5.5, stretch), fitted([row[1] for row in whole], 5.5, stretch)
    if problem == "classification":
        numbers, answer = [float(told.index(row[2])) for row in whole], (0.0, 1.0)
    else:
        numbers, told = [number(row[2]) for row in whole], []
        answer = fitted(numbers, 1.0, stretch)
    places = [
        ((row[0] - across[0]) / across[1], (row[1] - up[0]) / up[1], (value - answer[0]) / answer[1])
        for row, value in zip(whole, numbers)
    ]
    middle, scale = zip(across, up, answer)
    return Own(checked(places), problem, tuple(told), middle, scale, tuple(notices))


def pasted(text: str, problem: str | None = None) -> Own:
    """Own points from pasted lines "x, y, answer", parted by comma, semicolon, tab or blanks; a heading is skipped."""
    lines = [re.split(r"\s*[,;\t]\s*|\s+", line.strip()) for line in text[:1_000_000].splitlines() if line.strip()]
    if lines and not math.isfinite(number(lines[0][0])):
        lines = lines[1:]
    if not lines:
        raise DataError("no-points", "Paste lines of x, y and the answer, such as: 1.5, -2, red")
    x, y, answers = zip(*[(*line, None, None, None)[:3] for line in lines])
    return points_of(x, y, answers, problem=problem)


def from_csv(text: str, x: str, y: str, answer: str, problem: str | None = None) -> Own:
    """Own points from two columns and the answers of a CSV text with a heading. DataError for a column that is not there."""
    rows = csv.DictReader(text.splitlines())
    names = rows.fieldnames or []
    missing = next((name for name in (x, y, answer) if name not in names), None)
    if missing is not None:
        raise DataError("unknown-column", f"There is no column {missing!r}; there are {', '.join(names)}.")
    try:
        table = [(row[x], row[y], row[answer]) for _, row in zip(range(200_000), rows)]
    except csv.Error as trouble:
        raise DataError("bad-csv", f"This is no CSV text: {trouble}.") from trouble
    if not table:
        raise DataError("no-points", "The table has a heading and no rows.")
    across, up, answers = zip(*table)
    return points_of(across, up, answers, problem=problem)
