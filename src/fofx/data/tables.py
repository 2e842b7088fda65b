"""Read tables from files: CSV and its kin, lines of labelled text, JSON, Excel, Parquet.

Each reader finds out what `data.again` needs to know (`reader`), then reads by that. A UTF-8 CSV whose columns
polars recognises goes straight through polars' own reader; the rest is read as text and cannot fail on types.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from fofx.data.again import as_text, text_cells, typed
from fofx.data.cells import clean, settle
from fofx.data.encoding import find_encoding, start_of
from fofx.data.sniff import find_labelled_lines, find_layout, is_number
from fofx.data.table import MISSING, Table, distinct_names, unnumbered
from fofx.errors import DataError, Notice

SHOWN = {"utf-8-sig": "UTF-8 with a mark (BOM)", "gb18030": "GB18030", "cp1252": "Windows-1252"}


def read_delimited(path: Path, limit: int | None) -> Table:
    """CSV, TSV and other separated text, or lines of text with their label."""
    encoding = find_encoding(path)
    start, whole = start_of(path, encoding)
    if not start.strip():
        raise DataError("empty-file", f"{path.name} holds only blank space. Expected a table with a header and rows.")
    notes = _encoding_notes(encoding)
    layout = find_layout(start, whole, prefer="\t" if path.suffix.lower() in (".tsv", ".tab") else ",")
    reader: dict[str, Any] = {"format": "lines", "encoding": encoding}
    if (layout.steady < 0.8 or (layout.header is None and layout.width == 2)) and (
        lines := find_labelled_lines(start, whole)
    ):
        reader.update(separator=lines.separator, side=lines.side, header=lines.header is not None)
        return _from_cells(path, reader, lines.header or ["label", "text"], notes, limit)
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
    return _finish(path, reader, names, frame, notes)


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


def _encoding_notes(encoding: str) -> list[Notice]:
    if encoding == "utf-8":
        return []
    shown = SHOWN.get(encoding, encoding.upper())
    return [Notice("encoding", f"The file is written in {shown}; it was read as that.")]


def _from_cells(path: Path, reader: dict[str, Any], names: list[Any], notes: list[Notice], limit: int | None) -> Table:
    columns = text_cells(path, reader)
    frame = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])
    return _finish(path, reader, names, frame if limit is None else frame.head(limit), notes)


def _finish(path: Path, reader: dict[str, Any], names: list[Any], frame: pl.DataFrame, notes: list[Notice]) -> Table:
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


def read_excel(path: Path, limit: int | None) -> Table:
    """The first sheet of an Excel file, cells as text first, so that mixed columns cannot fail."""
    try:
        import fastexcel
    except ImportError:
        raise DataError(
            "excel-reader-missing",
            'Reading Excel needs one more package: pip install "fofx[data]" (or save the sheet as CSV).',
        ) from None
    notes: list[Notice] = []
    try:
        sheets = fastexcel.read_excel(path).sheet_names
        columns = text_cells(path, {"format": "excel", "header": False})
    except Exception as error:  # the reader's errors share no base class with polars'
        raise DataError(
            "unreadable-table", f"{path.name} cannot be read as an Excel file: {str(error).splitlines()[0]}"
        ) from None
    if len(sheets) > 1:
        notes.append(
            Notice("sheets", f"Only the first of {len(sheets)} sheets was read: {sheets[0]!r}.", len(sheets) - 1)
        )
    if not columns or not len(columns[0]):
        raise DataError("empty-file", f"{path.name} has no cell with a value in its first sheet.")
    first = [column[0] for column in columns]
    cells = [cell for cell in first if cell]
    header = not (cells and all(is_number(cell) for cell in cells))
    names = first if header else [f"column_{number + 1}" for number in range(len(columns))]
    if not header:
        notes.append(
            Notice(
                "no-header",
                "The first row looks like data, not names; the columns are called column_1, column_2 ...",
                len(columns),
            )
        )
    return _from_cells(path, {"format": "excel", "header": header}, names, notes, limit)


def read_json(path: Path, limit: int | None) -> Table:
    """JSON lines (an object a line), a JSON array of objects, or one object of equally long columns."""
    encoding = find_encoding(path)
    text = path.read_bytes().decode(encoding).removeprefix("\ufeff")
    reader: dict[str, Any] = {"format": "json", "encoding": encoding}
    try:
        rows = json.loads(text)
        if isinstance(rows, dict) and not (rows and all(isinstance(value, list) for value in rows.values())):
            rows, reader["format"] = [rows], "jsonl"
        elif isinstance(rows, dict):
            rows = [dict(zip(rows, values)) for values in zip(*rows.values())]
    except json.JSONDecodeError:
        rows, reader["format"] = [], "jsonl"
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise DataError("bad-json", f"Line {number} of {path.name} is not JSON: {error.msg}.") from None
    except RecursionError:
        raise DataError("bad-json", f"{path.name} is nested too deeply to be a table.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("bad-json", f'{path.name}: expected one JSON object a row, such as {{"x": 1, "y": 2}}.')
    if not rows:
        raise DataError("no-rows", f"{path.name} holds no rows.")
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if not keys:
        raise DataError("no-rows", f"{path.name} holds rows without any value.")
    reader["keys"] = keys
    frame = pl.DataFrame(
        [
            pl.Series(str(place), [as_text(row.get(key)) for row in rows[:limit]], dtype=pl.String)
            for place, key in enumerate(keys)
        ]
    )
    return _finish(path, reader, list(keys), frame, _encoding_notes(encoding))


def read_parquet(path: Path, limit: int | None) -> Table:
    from fofx.data.frames import from_polars

    try:
        frame = pl.read_parquet(path, n_rows=limit, glob=False)
    except PolarsError as error:
        raise DataError(
            "unreadable-table", f"{path.name} cannot be read as a Parquet file: {str(error).splitlines()[0]}"
        ) from None
    table = from_polars(frame, path.name)
    types = {name: str(kind).partition("(")[0] for name, kind in table.frame.schema.items()}
    table.path = str(path)
    table.reader = {"format": "parquet", "names": table.frame.columns, "types": types}
    return table
