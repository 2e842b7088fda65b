"""Read tables of text: CSV and its kin, and lines of text with their label.

The reader finds out what `data.again` needs to know (`reader`), then reads by that. A UTF-8 CSV whose columns
polars recognises goes straight through polars' own reader; the rest is read as text and cannot fail on types.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from fofx.data.again import text_cells, typed
from fofx.data.cells import clean, settle
from fofx.data.encoding import find_encoding, start_of
from fofx.data.sniff import find_labelled_lines, find_layout
from fofx.data.table import MISSING, Table, distinct_names, unnumbered
from fofx.errors import DataError, Notice

SHOWN = {"utf-8-sig": "UTF-8 with a mark (BOM)", "gb18030": "GB18030", "cp1252": "Windows-1252"}


def read_delimited(path: Path, limit: int | None) -> Table:
    """CSV, TSV and other separated text, or lines of text with their label."""
    encoding = find_encoding(path)
    start, whole = start_of(path, encoding)
    if not start.strip():
        raise DataError("empty-file", f"{path.name} holds only blank space. Expected a table with a header and rows.")
    notes = encoding_notes(encoding)
    layout = find_layout(start, whole, prefer="\t" if path.suffix.lower() in (".tsv", ".tab") else ",")
    reader: dict[str, Any] = {"format": "lines", "encoding": encoding}
    if (layout.steady < 0.8 or (layout.header is None and layout.width == 2)) and (
        lines := find_labelled_lines(start, whole)
    ):
        reader.update(separator=lines.separator, side=lines.side, header=lines.header is not None)
        return from_cells(path, reader, lines.header or ["label", "text"], notes, limit)
    if not whole and "\n" not in start and "\r" not in start:  # a header longer than the sample: read more of it
        start, whole = start_of(path, encoding, 1 << 26)
        layout = find_layout(start, whole, prefer=layout.separator)
    header = layout.header is not None
    reader.update(format="csv", separator=layout.separator, quote='"', header=header, ragged=False, skip=layout.skip)
    if layout.header is None:
        names: list[Any] = [f"column_{number + 1}" for number in range(layout.width)]
        notes.append(
            Notice(
                "no-header",
                "The first row looks like data, not names; the columns are called column_1, column_2 ...",
                layout.width,
            )
        )
    else:
        names = list(layout.header)
    source: Any = path
    old_lines = "\n" not in start and "\r" in start  # lines end as they did on old Macintoshes
    if encoding not in ("utf-8", "utf-8-sig") or old_lines:
        text = path.read_bytes().decode(encoding).removeprefix("\ufeff")
        source = io.BytesIO((text.replace("\r", "\n") if old_lines else text).encode())
    if layout.skip:
        notes.append(Notice("skipped-lines", f"{layout.skip} line(s) above the header were skipped.", layout.skip))
    frame = _polars_csv(source, reader, layout.width, notes, limit)
    if frame is None:
        raise DataError(
            "unreadable-table", f"{path.name} cannot be read as a table: its quotes or separators are broken."
        )
    if frame.width != len(names):  # an odd header: trust the parser's count
        names = [*names, *[""] * frame.width][: frame.width]
    return finish(path, reader, names, frame, notes)


def _polars_csv(
    source: Any, reader: dict[str, Any], width: int, notes: list[Notice], limit: int | None
) -> pl.DataFrame | None:
    """Polars' reader, from the strictest reading to the most forgiving; what worked is written into `reader`."""
    # quote, ragged, kinds guessed by polars, words for "missing" looked up while parsing (costs a third of the time)
    tries: list[tuple[str | None, bool, bool, bool]] = [('"', False, True, False), ('"', False, True, True)]
    tries += [
        ('"', False, False, False),
        ('"', True, False, False),
        (None, False, False, False),
        (None, True, False, False),
    ]
    if _ends_in_quote(source):
        tries = tries[2:]  # polars would read an open quote as a number here and refuse it there
    for quote, ragged, infer, words in tries:
        if hasattr(source, "seek"):
            source.seek(0)
        try:
            frame = pl.read_csv(
                source,
                separator=reader["separator"],
                quote_char=quote,
                has_header=reader["header"],
                infer_schema=infer,
                infer_schema_length=2000,
                null_values=list(MISSING) if words else None,
                truncate_ragged_lines=ragged,
                skip_lines=reader["skip"],
                glob=False,
                n_rows=limit,
            )
        except PolarsError:
            continue
        if infer and frame.width != width:  # without a header, polars takes the widest of the first rows
            continue
        reader.update(quote=quote, ragged=ragged)
        if ragged:
            notes.append(
                Notice("ragged-rows", "Some rows have more cells than the header; the cells too many were left out.")
            )
        if quote is None:
            notes.append(
                Notice(
                    "broken-quotes",
                    'A quotation mark (") is opened and never closed, so quotes were read as plain characters.',
                )
            )
        return frame
    return None


def _ends_in_quote(source: Any) -> bool:
    """Is a quotation mark open in the last line (the file is cut short, or a long quoted cell ends there)?"""
    if isinstance(source, Path):
        with open(source, "rb") as file:
            file.seek(max(0, source.stat().st_size - (1 << 16)))
            tail = file.read()
    else:
        tail = source.getvalue()[-(1 << 16) :]
    return tail.rstrip().rpartition(b"\n")[2].count(b'"') % 2 == 1


def encoding_notes(encoding: str) -> list[Notice]:
    if encoding == "utf-8":
        return []
    shown = SHOWN.get(encoding, encoding.upper())
    return [Notice("encoding", f"The file is written in {shown}; it was read as that.")]


def from_cells(path: Path, reader: dict[str, Any], names: list[Any], notes: list[Notice], limit: int | None) -> Table:
    columns = text_cells(path, reader)
    frame = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])
    return finish(path, reader, names, frame if limit is None else frame.head(limit), notes)


def finish(path: Path, reader: dict[str, Any], names: list[Any], frame: pl.DataFrame, notes: list[Notice]) -> Table:
    """Distinct names, settled types, no empty rows: the Table."""
    names, numbered = unnumbered(names)
    if numbered:
        text = f"The first {numbered} header names carried their own number (1, 2, 3 ...), which was taken off."
        notes.append(Notice("numbered-headers", text, numbered))
    fresh, families = distinct_names(names)
    if families:
        example = next(iter(families))
        notes.append(
            Notice(
                "renamed-headers",
                f"{len(families)} header name(s) occur more than once and got numbers: {example!r} became "
                f"{', '.join(families[example][:3])}{' ...' if len(families[example]) > 3 else ''}.",
                len(families),
            )
        )
    columns, types, spoiled = [], {}, {}
    for name, column in zip(fresh, frame.get_columns()):
        kind = str(column.dtype)
        if column.dtype == pl.String:
            column = clean(column)
            kind, bad = settle(column)
            if bad:
                spoiled[name] = bad
            if kind != "String":
                column = typed(column, kind, [])
        elif column.dtype == pl.Boolean:
            kind = "Boolean"
        elif column.dtype.is_integer():
            whole = column.cast(pl.Int64, strict=False)  # numbers beyond 64 bits become floats
            kind = "Int64" if whole.null_count() == column.null_count() else "Float64"
            column = whole if kind == "Int64" else column.cast(pl.Float64)
        else:
            kind, column = "Float64", column.cast(pl.Float64, strict=False).fill_nan(None)
        types[name] = kind
        columns.append(column.alias(name))
    notes += cell_notes(types, spoiled)
    reader.update(names=fresh, types=types, missing=list(MISSING))
    frame = drop_empty_rows(pl.DataFrame(columns), notes)
    if not frame.height:
        raise DataError("no-rows", f"{path.name} has a header ({', '.join(fresh[:10])}) but no rows to learn from.")
    return Table(frame, path.name, str(path), notes, reader=reader, families=families)


def cell_notes(types: dict[str, str], spoiled: dict[str, int]) -> list[Notice]:
    notes = []
    for name, bad in spoiled.items():
        text = f"Column {name!r} holds numbers except for {bad} cell(s) that are not; those count as missing."
        notes.append(Notice("not-numbers", text, bad))
    percent = [name for name, kind in types.items() if kind == "percent"]
    if percent:
        notes.append(Notice("percent", f"Read as numbers without the % sign: {', '.join(percent[:5])}.", len(percent)))
    return notes


def drop_empty_rows(frame: pl.DataFrame, notes: list[Notice]) -> pl.DataFrame:
    empty: pl.Series | None = None
    for column in frame.get_columns():
        if not column.null_count():
            return frame
        empty = column.is_null() if empty is None else empty & column.is_null()
        if not empty.any():
            return frame
    if empty is None:
        return frame
    notes.append(Notice("empty-rows", f"{int(empty.sum())} row(s) without any value were left out.", int(empty.sum())))
    return frame.filter(~empty)
