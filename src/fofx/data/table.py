"""What reading gives: one frame with distinct names, where it came from, and what is worth knowing about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fofx.errors import Notice, TaskError, nearest

if TYPE_CHECKING:
    import polars as pl

MISSING = (
    "",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "nan",
    "NaN",
    "NAN",
    "null",
    "NULL",
    "Null",
    "none",
    "None",
    "NONE",
    "?",
    "-",
    "缺失",
)
"""Words that stand for "no value here" in files of text."""


@dataclass
class Table:
    """Rows and columns as read.

    frame    : numbers, booleans, dates and text; pictures are absolute paths. Missing values are null, never NaN.
    source   : a short name ("covid.train.csv", "DataFrame"); path: the full one, when there is a file or folder.
    notes    : what reading found out (encoding, renamed headers, skipped files ...).
    kinds    : kinds the source itself tells, such as {"picture": "picture", "label": "category"}.
    parts    : "train", "validation", "test" or "unlabeled" of each row, when the source is split already.
    reader   : plain data from which `data.again.read_again(path, reader)` reads the same frame.
    unlabelled: rows without an answer that were kept aside.
    families : header names that occurred more than once -> their distinct names, in order.
    """

    frame: pl.DataFrame
    source: str
    path: str | None = None
    notes: list[Notice] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    parts: pl.Series | None = None
    reader: dict[str, Any] = field(default_factory=dict)
    families: dict[str, list[str]] = field(default_factory=dict)
    unlabelled: pl.DataFrame | None = None

    def __len__(self) -> int:
        return self.frame.height

    def resolve(self, name: str) -> str:
        """The column meant by `name`: itself, else the last column of a repeated header of that name.

        Raises TaskError "unknown-column" with the nearest name.
        """
        columns = self.frame.columns
        if name in columns:
            return name
        stripped = str(name).strip()
        if stripped in columns:
            return stripped
        if stripped in self.families:
            return self.families[stripped][-1]
        shown = ", ".join(columns[:30]) + (f" ... ({len(columns)} columns)" if len(columns) > 30 else "")
        hint = nearest(stripped, [*columns, *self.families])
        raise TaskError("unknown-column", f"There is no column {name!r}.{hint} The columns are: {shown}.")


def unnumbered(names: list[str]) -> tuple[list[str], int]:
    """Headers that carry their own place ("1id, 2AL, 3AK, ..., LA, MD") without it, and how many did.

    Only when at least five leading cells are numbered so; tables that went through a spreadsheet sometimes are.
    """
    plain = [str(name or "").strip() for name in names]
    bare = []
    for place, name in enumerate(plain, 1):
        rest = name.removeprefix(str(place))
        if rest == name or not rest[:1].isalpha():
            break
        bare.append(rest)
    if len(bare) < 5 or len(set(bare)) < len(bare):  # 1x, 2x, 3x: there the number is part of the name
        return names, 0
    return [*bare, *names[len(bare) :]], len(bare)


def distinct_names(names: Iterable[Any]) -> tuple[list[str], dict[str, list[str]]]:
    """Clear, distinct column names: stripped; empty ones "column_N"; repeated ones "name_1", "name_2", ...

    Returns the new names and the families {repeated name: [its distinct names in order]}.
    """
    cleaned = [" ".join(str("" if name is None else name).replace("\ufeff", "").split()) for name in names]
    taken = set(cleaned)
    places: dict[str, list[int]] = {}
    for place, name in enumerate(cleaned):
        places.setdefault(name, []).append(place)
    families: dict[str, list[str]] = {}
    for name, where in places.items():
        if name and len(where) == 1:
            continue
        base, numbers = (name, range(1, len(where) + 1)) if name else ("column", [place + 1 for place in where])
        joint = "_"
        while any(f"{base}{joint}{number}" in taken for number in numbers):
            joint += "_"
        fresh = [f"{base}{joint}{number}" for number in numbers]
        for place, new in zip(where, fresh):
            cleaned[place] = new
        taken.update(fresh)
        if name:
            families[name] = fresh
    return cleaned, families
