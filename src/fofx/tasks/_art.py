"""The drawings that come with fofx: emoji by five makers, cut out of their sheets.

What each maker's art may be used for stands in NOTICE; OpenMoji's is share-alike and lies in a folder of its own.
tools/render_emoji.py says how the sheets are made: each emoji is SIDE x SIDE numbers into a palette of its own.

Shapes: N emoji of the catalogue, S the side that is asked for, K colours of a palette.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from fofx.errors import TaskError, nearest

ART = Path(__file__).parent / "art"
MAKERS = ("noto", "twemoji", "openmoji", "fluent", "emojione")
SIDE, ACROSS = 48, 32


class Emoji(NamedTuple):
    """One emoji: its character, its names, and its group in Unicode's list, such as "Food & Drink"."""

    character: str
    name_en: str
    name_zh: str
    group: str


def makers() -> tuple[str, ...]:
    """Who drew: the names of the five makers."""
    return MAKERS


def emoji(group: str | None = None, by: Collection[str] | None = None) -> list[Emoji]:
    """The emoji of a group, or of a subgroup such as "food-fruit", in Unicode's order; all of them without a group.

    by: makers that must all have drawn it; None: every maker. EmojiOne's free art ends in 2016, so more emoji are there
    without it. Raises TaskError "unknown-group".

    >>> emoji("animal-amphibian")
    [Emoji(character='🐸', name_en='frog', name_zh='青蛙', group='Animals & Nature')]
    >>> len(emoji("Food & Drink")), len(emoji("Food & Drink", by=["noto", "twemoji", "openmoji"]))
    (90, 133)
    """
    wanted = set(MAKERS if by is None else by)
    groups = {name for row, subgroup, _ in _catalogue() for name in (row.group, subgroup)}
    if group is not None and group not in groups:
        raise TaskError("unknown-group", f"There is no group of emoji called {group!r}.{nearest(group, groups)}")
    return [row for row, subgroup, drawn in _catalogue() if group in (None, row.group, subgroup) and wanted <= drawn]


def subgroup(character: str) -> str:
    """The subgroup of an emoji in Unicode's list, such as "food-fruit"."""
    return _catalogue()[_number(character)][1]


def drawn_by(character: str) -> tuple[str, ...]:
    """The makers that drew an emoji."""
    drawn = _catalogue()[_number(character)][2]
    return tuple(maker for maker in MAKERS if maker in drawn)


@lru_cache(maxsize=20_000)
def sprite(maker: str, character: str, side: int = SIDE) -> np.ndarray:
    """(side, side, 4) uint8, read-only: red, green, blue and how opaque. The drawing fills the square in one direction.

    Raises TaskError "unknown-maker", "unknown-emoji", or "not-drawn" where this maker has no such emoji.
    """
    if maker not in MAKERS:
        raise TaskError(
            "unknown-maker", f"There is no maker {maker!r}.{nearest(maker, MAKERS)} Makers: {', '.join(MAKERS)}."
        )
    if maker not in drawn_by(character):
        raise TaskError("not-drawn", f"{maker} has no drawing of {character}; these have: {drawn_by(character)}.")
    numbers, palettes = _sheet(maker)
    at = _number(character)
    top, left = at // ACROSS * SIDE, at % ACROSS * SIDE
    pixels = palettes[at][numbers[top : top + SIDE, left : left + SIDE]]  # (SIDE, SIDE, 4)
    if side != SIDE:
        way = Image.Resampling.LANCZOS if side < SIDE else Image.Resampling.BICUBIC
        # premultiplied, or the hidden colour of transparent pixels would bleed into the edges
        pixels = np.asarray(
            Image.fromarray(pixels).convert("RGBa").resize((side, side), way).convert("RGBA")
        )  # (S, S, 4)
    pixels.flags.writeable = False
    return pixels


@cache
def _catalogue() -> list[tuple[Emoji, str, frozenset[str]]]:
    """(emoji, its subgroup, its makers) in the order of the sheets."""
    with (ART / "emoji.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        (
            Emoji(row["character"], row["name_en"], row["name_zh"], row["group"]),
            row["subgroup"],
            frozenset(row["makers"].split()),
        )
        for row in rows
    ]


@cache
def _numbers() -> dict[str, int]:
    return {row.character: number for number, (row, _, _) in enumerate(_catalogue())}


def _number(character: str) -> int:
    if character not in _numbers():
        raise TaskError(
            "unknown-emoji", f"{character!r} is not among the {len(_numbers()):,} emoji that come with fofx."
        )
    return _numbers()[character]


@cache
def _sheet(maker: str) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of the whole sheet, palettes (N, K, 4)), both uint8."""
    folder = ART / maker if (ART / maker).is_dir() else ART
    with Image.open(folder / f"{maker}.png") as numbers, Image.open(folder / f"{maker}.colours.png") as palettes:
        return np.asarray(numbers.convert("L")), np.asarray(palettes.convert("RGBA"))
