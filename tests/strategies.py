"""Hypothesis strategies of odd tables and odd files: what users bring on a bad day."""

from __future__ import annotations

import csv
import io
from typing import Any

from hypothesis import strategies as st

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
ODD_WORDS = st.sampled_from(
    ["", " ", "NA", "nan", "-", "缺失", "inf", "1e999", "0x10", "1,5", "50%", "true", "2024-02-30", '"', "'"]
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(0, 3),
)
CELLS = st.one_of(st.none(), NUMBERS, WORDS, ODD_WORDS, st.booleans())


def _column(rows: int) -> st.SearchStrategy[list[Any]]:
    """One column: of one kind, mixed, constant, all missing, or nearly all numbers."""
    some = [
        st.lists(st.floats(-1e6, 1e6), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 3), min_size=rows, max_size=rows),
        st.lists(st.sampled_from(["a", "b", "c"]), min_size=rows, max_size=rows),
        st.lists(WORDS, min_size=rows, max_size=rows),
        st.lists(CELLS, min_size=rows, max_size=rows),
        st.lists(st.booleans() | st.none(), min_size=rows, max_size=rows),
        CELLS.map(lambda value: [value] * rows),
        st.just([None] * rows),
        st.just(list(range(rows))),
        st.lists(NUMBERS, min_size=rows, max_size=rows),
    ]
    return st.one_of(some)


@st.composite
def odd_columns(draw: st.DrawFn, min_rows: int = 0, max_rows: int = 40, max_columns: int = 5) -> dict[str, list[Any]]:
    """A dict of equally long columns with odd names and odd values; "y" is always among them."""
    rows = draw(st.integers(min_rows, max_rows))
    names = draw(st.lists(WORDS | ODD_WORDS, max_size=max_columns, unique=True))
    return {name: draw(_column(rows)) for name in [*names, "y"]}


@st.composite
def odd_csv(draw: st.DrawFn, max_rows: int = 30) -> bytes:
    """A CSV file as bytes: odd separators, encodings, line ends, quotes; sometimes cut short or ragged."""
    columns = draw(odd_columns(max_rows=max_rows))
    out = io.StringIO()
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end, escapechar="\\")
    names = draw(st.sampled_from([list(columns), [next(iter(columns))] * len(columns), ["1"] * len(columns)]))
    writer.writerow(names)
    rows = [list(row) for row in zip(*columns.values())]
    if rows and draw(st.booleans()):
        row = draw(st.integers(0, len(rows) - 1))
        rows[row] = draw(st.sampled_from([rows[row][:1], [*rows[row], "more"], ['broken " quote', *rows[row][1:]]]))
    writer.writerows(rows)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]))
    data = out.getvalue().encode(encoding, "replace")
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data
