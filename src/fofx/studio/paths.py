"""Cells that name files: of a stranger's data, only files that came with it may be opened, never those of this machine.

A table can name pictures and sounds in its cells, and what a cell names is opened, learnt from and shown. So with a shared
studio a table is refused when cells name files outside its own folder. Whether such a file exists makes no difference: else
an upload would tell what lies on this disk, and a file that comes later would be opened after all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fofx.errors import DataError, TaskError

if TYPE_CHECKING:
    import polars as pl

PLAIN = ("number", "category", "date", "text", "boxes")
"""Kinds whose cells are never taken for the names of files. Any other kind, also one still to come, may open what a cell names."""
SAMPLE = (
    100  # cells that look like files, from which a column counts as one of files: readers look at some 200 of a column
)


def demand_own_files(table: Path) -> None:
    """DataError "outside-upload" when a column of files names one that lies outside the folder of this uploaded table."""
    import polars as pl

    from fofx.data.folders import ENDINGS
    from fofx.data.read import read

    found = read(table)
    base = os.path.dirname(os.path.abspath(table))
    ends = "|".join(re.escape(ending) for endings in ENDINGS.values() for ending in endings)
    for column in found.frame.select(pl.col(pl.String)).iter_columns():
        known = column.drop_nulls().unique()
        named = known.filter(known.str.to_lowercase().str.contains(f"(?:{ends})$"))
        if found.kinds.get(column.name, "text") not in PLAIN:
            named = known
        elif len(named) < min(0.5 * len(known), SAMPLE):
            continue
        for value in named:
            if not inside(base, value):
                raise DataError(
                    "outside-upload",
                    f"Column {column.name!r} names files that were not uploaded. "
                    "Bring pictures or sounds as a zip with a folder for each class.",
                )


def inside(base: str, value: str) -> bool:
    """Whether a cell that is read as a path, relative to the folder `base`, stays below it. Looks at no disk.

    >>> inside("/data/mine", "cat/1.png"), inside("/data/mine", "../yours/1.png"), inside("/data/mine", "/etc/passwd")
    (True, False, False)
    """
    whole = os.path.normpath(os.path.join(base, value))
    return whole.startswith(os.path.join(os.path.normpath(base), ""))


def demand_plain_kinds(kinds: Mapping[str, str] | None) -> None:
    """TaskError "outside-upload" when someone says of a column of an uploaded table that its cells name files."""
    for name, kind in (kinds or {}).items():
        if kind not in PLAIN:
            raise TaskError(
                "outside-upload",
                f"With a shared studio the cells of {name!r} cannot be of kind {kind!r}: they would name files of its "
                "computer. Bring pictures or sounds as a zip with a folder for each class.",
            )


def names_files(rows: pl.DataFrame, kinds: Iterable[tuple[str, str]]) -> bool:
    """Whether rows that came with a run name files in a column of such a kind, instead of holding what they are about."""
    import polars as pl

    for name, kind in kinds:
        dtype: Any = rows.schema.get(name, pl.Null())
        while isinstance(dtype, pl.Array | pl.List):
            dtype = dtype.inner
        if kind not in PLAIN and not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
            return True
    return False
