"""Read the same frame again from the same file: the short, plain readers that an ejected script carries along.

Whatever `read` had to find out (encoding, separator, names, what each column holds) stands in the `reader` dict, plain
JSON; these functions only follow it. They need polars (pl), io and json. Keys of `reader`, by "format":

csv      encoding, separator, quote ('"' or null), header (bool), skip (lines above the header), ragged (bool),
         names, types, missing
lines    encoding, separator, side ("left"/"right": where the label stands), header (bool), names, types, missing
excel    names, types, missing, header (bool)          parquet, jsonl, json: names, types, missing
folder   pictures or sounds are listed by path: `rows` is a list of [path, label], or of what `columns` names
memory   the data came from a variable: there is no file to read again
Any of them: pictures: [columns that hold paths of pictures or sounds, relative to the file's folder].
"""

from __future__ import annotations

import io
import json
import os

import polars as pl


def typed(text, kind, missing):
    """A column of text as what it holds. kind: String, Int64, Float64, Boolean, percent, thousands, comma (1,5 means
    1.5), Date:FORMAT or Datetime:FORMAT; cells that do not fit become missing."""
    text = text.str.strip_chars()
    text = text.set(text.is_in(missing), None)
    if kind == "String":
        return text
    if kind == "Boolean":
        return text.str.to_lowercase() == "true"
    if kind.startswith("Date:"):
        return text.str.to_date(kind[5:], strict=False)
    if kind.startswith("Datetime:"):
        return text.str.to_datetime(kind[9:], strict=False, time_unit="us")
    if kind == "percent":
        text = text.str.strip_chars_end("%％ ")
    if kind in ("thousands", "percent"):
        text = text.str.replace_all(",", "", literal=True)
    if kind == "comma":
        text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    if kind == "Int64":
        return text.cast(pl.Int64, strict=False)
    return text.cast(pl.Float64, strict=False).fill_nan(None)


def as_text(value):
    """One value of a JSON file as text: lists and objects stay JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value != value:
        return None
    return json.dumps(value, ensure_ascii=False)


def text_cells(path, reader):
    """All cells of the file as text, one list or series per column, before their kinds are settled."""
    how = reader["format"]
    if how == "excel":
        frame = pl.read_excel(path, has_header=False, infer_schema_length=0, raise_if_empty=False)
        start = int(reader["header"])
        return [frame[name].slice(start).cast(pl.String) for name in frame.columns]
    with open(path, "rb") as file:
        text = file.read().decode(reader["encoding"]).removeprefix("\ufeff")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    if how == "csv":
        frame = pl.read_csv(
            io.BytesIO(text.encode()),
            separator=reader["separator"],
            quote_char=reader["quote"],
            has_header=reader["header"],
            skip_lines=reader["skip"],
            infer_schema=False,
            truncate_ragged_lines=reader["ragged"],
        )
        return [frame[name] for name in frame.columns]
    if how == "lines":
        cut = str.partition if reader["side"] == "left" else str.rpartition
        cells = [cut(line.strip(), reader["separator"]) for line in text.splitlines() if line.strip()]
        pairs = [(left, right) if mark else ("", left or right) for left, mark, right in cells][int(reader["header"]) :]
        labels, words = zip(*pairs) if reader["side"] == "left" else reversed(list(zip(*pairs)))
        return [pl.Series([label.strip().strip('"') for label in labels]), pl.Series(words)]
    rows = json.loads(text) if how == "json" else [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(rows, dict):
        rows = [dict(zip(rows, values)) for values in zip(*rows.values())]
    return [pl.Series([as_text(row.get(key)) for row in rows], dtype=pl.String) for key in reader["keys"]]


def read_again(path, reader):
    """The frame that `reader` describes, from the file (or, for class folders, under the folder) at `path`."""
    if reader["format"] == "folder":
        names = reader.get("columns", [reader["pictures"][0], "label"])  # the first holds paths: picture or sound
        columns = {name: [row[number] for row in reader["rows"]] for number, name in enumerate(names)}
        frame = pl.DataFrame(columns, strict=False)
    elif reader["format"] == "parquet":
        frame = pl.read_parquet(path, glob=False)
        frame.columns = reader["names"]
        frame = frame.cast({name: getattr(pl, kind) for name, kind in reader["types"].items()})
        frame = frame.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))
    else:
        columns = text_cells(path, reader)
        frame = pl.DataFrame(
            [
                typed(column, reader["types"].get(name, "String"), reader["missing"]).alias(name)
                for name, column in zip(reader["names"], columns)
            ]
        )
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    folder = path if reader["format"] == "folder" else os.path.dirname(os.path.abspath(path))
    for name in reader.get("pictures", []):
        frame = frame.with_columns(
            pl.Series(name, [value and os.path.join(folder, value) for value in frame[name].to_list()], dtype=pl.String)
        )
    return frame


PIECES = (typed, as_text, text_cells, read_again)
