"""What does a column of text cells hold? Whole numbers, numbers, yes/no, dates, percentages ... or text after all."""

from __future__ import annotations

import polars as pl

from fofx.data.again import typed
from fofx.data.table import MISSING

NEARLY_ALL = 0.9
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
MOMENTS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
)
NUMBERS = (
    ("percent", r"^[-+]?[\d,]*\.?\d+\s*[%％]$"),
    ("thousands", r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$|^[-+]?\d{1,3}(\.\d+)?$"),
    ("comma", r"^[-+]?\d+,\d+$|^[-+]?\d+$"),
)


def clean(text: pl.Series) -> pl.Series:
    """Cells stripped of blanks; words for "missing" become null. A column of few different words is rarely touched."""
    if len(text) > 10_000 and text.head(1000).n_unique() < 100:
        words = text.unique()
        if typed(words, "String", list(MISSING)).equals(words, null_equal=True):
            return text
    return typed(text, "String", list(MISSING))


def _share(flags: pl.Series) -> float:
    return int(flags.sum()) / len(flags)


def settle(text: pl.Series) -> tuple[str, int]:
    """(kind for `again.typed`, number of cells that do not fit it and so become missing) of cleaned text.

    All cells must fit; only for plain numbers nearly all (9 of 10) are enough, because one stray word in a column of
    measurements should not turn it into text.
    """
    values = text.drop_nulls()
    if not len(values):
        return "String", 0
    few = values.gather_every(max(1, len(values) // 1000))
    if few.str.to_lowercase().is_in(["true", "false"]).all():
        fits = values.str.to_lowercase().is_in(["true", "false"])
        return ("Boolean", 0) if fits.all() else ("String", 0)
    if _share(few.str.contains(r"(?i)\d|^[-+]?inf")) < 0.5:
        return "String", 0
    if _share(few.cast(pl.Float64, strict=False).is_not_null()) >= NEARLY_ALL - 0.1:
        if values.cast(pl.Int64, strict=False).is_not_null().all():
            return "Int64", 0
        fits = values.cast(pl.Float64, strict=False).is_not_null()
        if _share(fits) >= NEARLY_ALL:
            return "Float64", int((~fits).sum())
        return "String", 0
    for prefix, formats in (("Date:", DATES), ("Datetime:", MOMENTS)):
        for form in formats:
            kind = prefix + form
            if typed(few, kind, []).is_not_null().all() and typed(values, kind, []).is_not_null().all():
                return kind, 0
    for kind, pattern in NUMBERS:
        if few.str.contains(pattern).all() and values.str.contains(pattern).all():
            return kind, 0
    return "String", 0
