"""Occlusion: the same row with one thing at a time taken away, so that the change of the answer shows what it carried.

A column of numbers, categories or dates is set to its typical value of the training rows; a text loses one word (in Chinese,
one character or two) at a time; a picture gets one patch at a time in its own most usual colour (Zeiler and Fergus 2014).
Shapes: V variants of one row (the row itself first), H x W pixels, C colours, P places of the patch along a side.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import polars as pl

from fofx.errors import Notice
from fofx.fields.base import Field
from fofx.fields.category import Category, as_words
from fofx.fields.date import Date, as_seconds
from fofx.fields.number import Number, as_numbers
from fofx.fields.picture import Picture, as_arrays
from fofx.fields.text import Text, as_texts

MOST_SPANS = 80  # of one text; a longer one is taken away in chunks of several words
LARGEST_SIDE = 160  # pixels at which a picture file is looked at
ALONE = "[㐀-鿿豈-﫿぀-ヿ가-힯]"  # scripts written without spaces: a character stands alone
UNIT = re.compile(rf"{ALONE}|(?:(?!{ALONE})[^\W_])+(?:['’-](?:(?!{ALONE})[^\W_])+)*|[^\w\s]+|_+")


@dataclass(frozen=True)
class Span:
    """A stretch text[start:end] and how much the answer loses without it."""

    start: int
    end: int
    text: str
    effect: float


@dataclass
class Variants:
    """One input of one row: the column of its V variants, and what the losses (V - 1,) of the answer mean."""

    column: pl.Series
    shown: tuple[object, object]  # the value and what it was replaced by, as the user writes them
    finish: Callable[[np.ndarray], Found]
    note: Notice | None = None

    @property
    def count(self) -> int:
        return self.column.len() - 1


@dataclass(frozen=True)
class Found:
    """What one input carried: as a whole, by spans of its text, by pixels of its picture."""

    whole: float
    spans: tuple[Span, ...] = ()
    heat: np.ndarray | None = None  # (H, W)


@singledispatch
def variants_of(field: Field, column: pl.Series, places: int) -> Variants:
    """The variants for one input. `column` holds the one value; `places` is P, for pictures. A further kind is a file
    `of_KIND.py` beside this one that registers its own function."""
    note = Notice("not-explained", f"What {field.name} carried cannot be said: a {field.kind} cannot be taken away.", 1)
    return Variants(column, (None, None), lambda losses: Found(0.0), note)


@variants_of.register
def of_number(field: Number, column: pl.Series, places: int) -> Variants:
    value = as_numbers(column)[0]
    known = None if np.isnan(value) else float(value)
    return flat(pl.Series(field.name, [known, field.typical], dtype=pl.Float64), (known, field.typical))


@variants_of.register
def of_category(field: Category, column: pl.Series, places: int) -> Variants:
    word = as_words(column)[0]
    return flat(pl.Series(field.name, [word, field.typical], dtype=pl.String), (word, field.typical))


@variants_of.register
def of_date(field: Date, column: pl.Series, places: int) -> Variants:
    moments = np.array([as_seconds(column)[0], field.typical])
    microseconds = [None if np.isnan(moment) else round(moment * 1e6) for moment in moments]
    dates = pl.Series(field.name, microseconds, dtype=pl.Int64).cast(pl.Datetime("us"))
    return flat(dates, (dates[0], dates[1]))


@variants_of.register
def of_text(field: Text, column: pl.Series, places: int) -> Variants:
    return text_variants(field.name, as_texts(column)[0])


@variants_of.register
def of_picture(field: Picture, column: pl.Series, places: int) -> Variants:
    return picture_variants(field.name, one_picture(field, column), places)


def flat(column: pl.Series, shown: tuple[object, object]) -> Variants:
    return Variants(column, shown, lambda losses: Found(float(losses[0])))


# ---- text


def text_variants(name: str, text: str) -> Variants:
    """The text, the empty text, the text without each unit, and without each pair of neighbouring lone characters."""
    units = units_of(text)
    pairs = [
        (number, number + 1)
        for number in range(len(units) - 1)
        if units[number][1] == units[number + 1][0] and all(alone(text[slice(*units[n])]) for n in (number, number + 1))
    ]
    cuts = units + [(units[first][0], units[second][1]) for first, second in pairs]
    without = [text[:start] + text[end:] for start, end in cuts]

    def finish(losses: np.ndarray) -> Found:
        single, double = losses[1 : 1 + len(units)], losses[1 + len(units) :]
        spans = joined(text, units, single, pairs, double)
        return Found(float(losses[0]), tuple(Span(start, end, text[start:end], e) for start, end, e in spans))

    return Variants(pl.Series(name, [text, "", *without], dtype=pl.String), (text, ""), finish)


def units_of(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word, lone character or run of punctuation; neighbours join in a text of too many."""
    units = [found.span() for found in UNIT.finditer(text)]
    chunk = -(-len(units) // MOST_SPANS) if units else 1
    return [(units[at][0], units[min(at + chunk, len(units)) - 1][1]) for at in range(0, len(units), chunk)]


def alone(unit: str) -> bool:
    return re.fullmatch(ALONE, unit) is not None


def joined(text, units, single, pairs, double) -> list[tuple[int, int, float]]:
    """Spans that do not overlap: a pair instead of its two characters when together they carry more than apart."""
    order = sorted(range(len(pairs)), key=lambda number: -abs(double[number]))
    taken: dict[int, int] = {}  # first unit of a pair -> the pair
    used: set[int] = set()
    for number in order:
        first, second = pairs[number]
        more = abs(double[number]) > abs(single[first]) + abs(single[second]) + 1e-12
        if more and first not in used and second not in used:
            taken[first] = number
            used |= {first, second}
    spans = [(units[a][0], units[b][1], float(double[n])) for a, n in taken.items() for b in [pairs[n][1]]]
    spans += [(*units[n], float(single[n])) for n in range(len(units)) if n not in used]
    return sorted(spans)


# ---- pictures


def one_picture(field: Picture, column: pl.Series) -> np.ndarray:
    """The picture as (H, W, C) uint8: an array as it is, a file at its usual size but no larger than needed."""
    if column.dtype == pl.String:
        side = field.side
        if isinstance(side, int):
            side = int(np.clip(field.original_side, side, max(side, LARGEST_SIDE)))
        return field.encode_at(column, side)[0].permute(1, 2, 0).numpy()
    picture = as_arrays(column)[0]
    return picture[..., None] if picture.ndim == 2 else picture


def picture_variants(name: str, picture: np.ndarray, places: int) -> Variants:
    """The picture, nothing but its most usual colour, and the picture with each patch in that colour.

    A patch has a quarter of the side; neighbouring patches overlap, and a pixel's effect is the mean over its patches.
    """
    height, width = picture.shape[:2]
    colour = np.median(picture.reshape(-1, picture.shape[2]), axis=0).astype(np.uint8)  # (C,)
    patches = [
        (slice(top, top + high), slice(left, left + wide))
        for top, high in steps(height, places)
        for left, wide in steps(width, places)
    ]
    table = np.repeat(picture[None], 2 + len(patches), axis=0)  # (V, H, W, C)
    table[1] = colour
    for number, (rows, columns) in enumerate(patches):
        table[2 + number, rows, columns] = colour

    def finish(losses: np.ndarray) -> Found:
        total, count = np.zeros((height, width)), np.zeros((height, width))
        for (rows, columns), loss in zip(patches, losses[1:]):
            total[rows, columns] += loss
            count[rows, columns] += 1
        return Found(float(losses[0]), heat=total / np.maximum(count, 1))

    return Variants(pl.Series(name, table), (picture, colour), finish)


def steps(length: int, places: int) -> list[tuple[int, int]]:
    """(start, size) of at most `places` patches of a quarter of the length, evenly from end to end."""
    size = max(1, length // 4)
    starts = np.unique(np.linspace(0, length - size, min(places, length)).round().astype(int))
    return [(int(start), size) for start in starts]
