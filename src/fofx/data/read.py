"""Read a table from almost anything: one door, `read(source)`, behind which each format has its own reader."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fofx.data.table import Table
from fofx.errors import DataError, nearest

TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat", "")
EXCEL = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
FORMATS = (
    "CSV, TSV, JSON lines, Parquet, Excel, a folder of class folders with pictures or sounds, COCO, YOLO, VOC boxes"
)


def read(source: Any, *, limit_rows: int | None = None) -> Table:
    """A Table from a path (CSV, TSV, JSON, Parquet, Excel, folder of pictures or sounds), a frame, arrays, a dict, or a Table.

    limit_rows reads only the first rows of a file. Raises DataError, among others "no-such-file", "empty-file",
    "no-rows", "no-permission", "not-text", "unknown-encoding", "unknown-format", "unclear-folder", "no-pictures".
    """
    if isinstance(source, Table):
        return source
    if isinstance(source, str | os.PathLike):
        return _read_path(Path(source).expanduser(), limit_rows)
    from fofx.data.box_columns import find_box_columns

    table = _from_memory(source)
    find_box_columns(table)
    return table


def _from_memory(source: Any) -> Table:
    from fofx.data import frames

    home = type(source).__module__.split(".")[0]
    if home == "polars":
        import polars as pl

        frame = source.collect() if isinstance(source, pl.LazyFrame) else source
        return frames.from_polars(frame.to_frame() if isinstance(frame, pl.Series) else frame)
    if home == "pandas":
        return frames.from_pandas(source)
    if isinstance(source, Mapping):
        return frames.from_columns(source)
    if isinstance(source, tuple) and len(source) == 2:
        return frames.from_arrays(*source)
    if home in ("numpy", "torch"):
        return frames.from_arrays(source)
    if isinstance(source, list) and source and all(isinstance(row, Mapping) for row in source):
        keys = dict.fromkeys(key for row in source for key in row)
        return frames.from_columns({key: [row.get(key) for row in source] for key in keys}, "rows")
    raise DataError(
        "unknown-format",
        f"Cannot read data from {type(source).__name__}. Give a path ({FORMATS}), a pandas or polars frame, "
        "a pair (X, y) of arrays, or a dict of columns.",
    )


def _read_path(path: Path, limit: int | None) -> Table:
    try:
        boxes = _annotated(path, limit)
        if boxes is not None:
            return boxes
        if not path.exists():
            raise _missing(path)
        if path.is_dir():
            from fofx.data.folders import read_folder
            from fofx.data.masks import find_masks

            return find_masks(path) or read_folder(path)
        if not path.is_file():
            raise DataError("unknown-format", f"{path} is neither a file nor a folder.")
        table = _read_file(path, limit)
    except PermissionError as error:
        raise DataError("no-permission", f"No permission to read {error.filename or path}.") from None
    except OSError as error:
        raise DataError("unreadable-file", f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, UnicodeError) as error:  # for example a zero byte inside a path
        raise DataError("unreadable-file", f"{path} cannot be read: {error}") from None
    from fofx.data.box_columns import find_box_columns
    from fofx.data.folders import find_path_columns

    find_path_columns(table)
    if list(table.kinds.values()).count("picture") == 2:
        from fofx.data.masks import mark_masks

        mark_masks(table)
    find_box_columns(table)
    return table


def _annotated(path: Path, limit: int | None) -> Table | None:
    """Pictures with boxes, from a folder or a COCO file; None when it is something else."""
    from fofx.data.annotations import find_annotations, read_annotations

    if path.is_dir():
        return find_annotations(path)
    readable = path.suffix.lower() == ".json" and path.is_file() and limit is None
    return read_annotations(path) if readable else None


def _read_file(path: Path, limit: int | None) -> Table:
    from fofx.data import documents, tables

    ending = path.suffix.lower()
    if path.stat().st_size == 0:
        raise DataError("empty-file", f"{path.name} is empty (0 bytes). Expected a table with a header and rows.")
    if ending in (".parquet", ".pq"):
        return documents.read_parquet(path, limit)
    if ending in EXCEL:
        return documents.read_excel(path, limit)
    if ending in (".jsonl", ".ndjson", ".json"):
        return documents.read_json(path, limit)
    if ending in TEXT:
        return tables.read_delimited(path, limit)
    raise DataError("unknown-format", f"fofx does not know files ending in {ending!r}. It reads {FORMATS}.")


def _missing(path: Path) -> DataError:
    hint = ""
    if path.parent.is_dir():
        hint = nearest(path.name, (entry.name for entry in list(path.parent.iterdir())[:1000]))
    return DataError("no-such-file", f"There is no file or folder {str(path)!r} (looked in {Path.cwd()}).{hint}")
