"""From what was read to rows that can be used: parts put together, unanswered rows and broken pictures set aside, groups.

Everything that is set aside is said, with its count; nothing is repaired in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import torch

from fofx.data.leaks import GROUPINGS, row_hashes, special_groups
from fofx.data.pair_items import pair_columns, whole_pairs
from fofx.data.split import Split, split
from fofx.data.table import Table
from fofx.encoded import pair_of
from fofx.errors import DataError, Notice, RunError, TaskError
from fofx.fields import Field, Output, field_class
from fofx.fields.number import LARGEST
from fofx.run import Run
from fofx.task import Column, Task, infer


def gather(table: Table, test: Table | None, validation: Table | None) -> Table:
    """One table from up to three, with the part of each row where parts are given."""
    if test is None and validation is None:
        return table
    own = table.parts if table.parts is not None else pl.Series("part", ["train"] * len(table))
    frames, parts = [table.frame], [own.cast(pl.String)]
    for word, other in (("test", test), ("validation", validation)):
        if other is None:
            continue
        missing = [name for name in table.frame.columns if name not in other.frame.columns]
        if len(missing) == len(table.frame.columns):
            raise DataError("other-columns", f"The {word} data {other.source} share no column with {table.source}.")
        if missing and len(missing) > 0.5 * len(table.frame.columns):
            raise DataError(
                "other-columns", f"The {word} data {other.source} lack the columns {', '.join(missing[:8])}."
            )
        frames.append(other.frame.select([name for name in table.frame.columns if name in other.frame.columns]))
        parts.append(pl.Series("part", [word] * len(other)))
    try:
        table.frame = pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        table.frame = pl.concat([frame.cast(pl.String) for frame in frames], how="diagonal_relaxed")
    table.parts = pl.concat(parts)
    return table


NEARLY_ALL = 0.9  # of the values of a column must be numbers for the rest to count as missing


def settle_numbers(table: Table, kinds: dict[str, str]) -> list[Notice]:
    """Text columns that should hold numbers become numbers: those of which the user says so, and, in tables that were in
    memory (files have been settled by their reader), those where nearly all values are numbers. What is none is missing."""
    lost, changed = 0, []
    for column in table.frame.get_columns():
        said = kinds.get(column.name)
        if said == "number" and isinstance(column.dtype, pl.Array | pl.List):
            raise DataError("not-numbers", f"{column.name!r} should hold numbers; it holds arrays.")
        in_memory = table.reader.get("format") == "memory" and said is None
        if column.dtype != pl.String or not (said == "number" or in_memory):
            continue
        known = column.len() - column.null_count()
        few = column.drop_nulls().head(200)
        if said is None and (not known or few.cast(pl.Float64, strict=False).null_count() > 0.3 * few.len()):
            continue
        numbers = column.cast(pl.Float64, strict=False)
        found = numbers.len() - numbers.null_count()
        if known and found == 0:
            raise DataError("not-numbers", f"{column.name!r} should hold numbers; it holds {column.drop_nulls()[0]!r}.")
        if said == "number" or found >= NEARLY_ALL * known:
            lost += known - found
            changed.append(numbers)
    if changed:
        table.frame = table.frame.with_columns(changed)
    text = f"{lost} cell(s) in columns of numbers hold something else; they count as missing."
    return [Notice("not-numbers", text, lost)] if lost else []


def drop_unanswered(table: Table, outputs: list[str]) -> list[Notice]:
    """Set aside the rows that have no answer, and unlabelled ones."""
    answered = np.ones(len(table), dtype=bool)
    for name in outputs:
        column = table.frame[name]
        known = column.is_not_null()
        if column.dtype.is_float():
            known = known & (column.abs() < LARGEST).fill_null(False)  # false for infinite and NaN, too
        answered &= known.to_numpy()
    if table.parts is not None:
        unlabelled = (table.parts == "unlabeled").fill_null(False).to_numpy()
    else:
        unlabelled = np.zeros(len(table), dtype=bool)
    notices = []
    missing = int((~answered & ~unlabelled).sum())
    if missing:
        text = f"{missing} row(s) have no answer in {', '.join(outputs)}; they are left out."
        if table.parts is not None and (table.parts.filter(~answered) == "test").any():
            text += " Some of them are test rows: a test without answers cannot give a score."
        notices.append(Notice("missing-outputs", text, missing))
    if unlabelled.any():
        count = int(unlabelled.sum())
        table.unlabelled = table.frame.filter(unlabelled)
        text = f"{count} row(s) are unlabelled; they are kept aside. Where classes come out, sure answers for them are tried as labels."
        notices.append(Notice("unlabeled", text, count))
    kept = answered & ~unlabelled
    if not kept.all():
        table.frame = table.frame.filter(kept)
        table.parts = None if table.parts is None else table.parts.filter(kept)
    return notices


def usable_rows(table: Table, task: Task, notices: list[Notice]) -> Table:
    """Set aside the rows that hold a value which cannot be used (a picture that cannot be opened); an error when none is left."""
    sides = pair_columns({c.name: c.kind for c in task.inputs}, {c.name: c.kind for c in task.outputs})
    if sides:
        table.frame, whole, found = whole_pairs(table.frame, *sides)
        table.parts = None if table.parts is None else table.parts.filter(whole)
        notices += found
    for column in (*task.inputs, *task.outputs):
        bad = field_class(column.kind).broken(table.frame[column.name])
        if not bad:
            continue
        row, why = bad[0]
        things = plural(column.kind)
        if len(bad) == len(table):
            words = f"No {column.kind} of {column.name!r} can be used; the first: {why}."
            raise DataError(f"broken-{things}", words)
        first = table.frame[column.name][row]
        shown = f"the first is {first}: {why}" if isinstance(first, str) else f"the first, row {row}: {why}"
        text = f"{len(bad)} {column.kind}(s) cannot be read and their rows are left out; {shown}"
        notices.append(Notice(f"broken-{things}", text, len(bad)))
        kept = np.ones(len(table), dtype=bool)
        kept[[number for number, _ in bad]] = False
        table.frame = table.frame.filter(kept)
        table.parts = None if table.parts is None else table.parts.filter(kept)
    for column in (*task.inputs, *task.outputs):
        notices += field_class(column.kind).remarks(table.frame[column.name])
    return table


def unlabelled_rows(table: Table, task: Task) -> pl.DataFrame | None:
    """The unlabelled rows whose inputs can be used; None when there are none."""
    frame = table.unlabelled
    for column in task.inputs:
        bad = [] if frame is None else field_class(column.kind).broken(frame[column.name])
        if bad and frame is not None:
            frame = frame[np.setdiff1d(np.arange(frame.height), [row for row, _ in bad])]
    return frame if frame is not None and frame.height else None


def plural(kind: str) -> str:
    """Several of a kind, as codes of notices call them."""
    return kind if kind.endswith("s") else f"{kind}s"


def groups_of(table: Table, group: str | None, task: Task) -> np.ndarray | None:
    """The group number of each row: a column's values, "windows" (rows whose repeated columns overlap) or "duplicates"."""
    if group is None:
        return None
    if group in GROUPINGS and group not in table.frame.columns:
        inputs, outputs = ({column.name: column.kind for column in part} for part in (task.inputs, task.outputs))
        found = special_groups(group, table.frame, inputs, outputs)
        if found is None and group == "pairs":
            raise TaskError(
                "no-pairs", "group='pairs' needs two inputs that are pictures, sounds, videos or texts, and a class."
            )
        if found is None:
            raise TaskError(
                "no-windows",
                "group='windows' needs columns that repeat (name_1, name_2 ...) and overlap between rows; there are none.",
            )
        return found
    values = table.frame[table.resolve(group)]
    return values.cast(pl.String).fill_null("").rank("dense").to_numpy().astype(np.int64) - 1


def fingerprint(frame: pl.DataFrame) -> str:
    """A short text that changes when any value, column name, or the order or number of rows changes."""
    mark = hashlib.sha256("\x00".join(frame.columns).encode())
    flat = [name for name, kind in frame.schema.items() if not isinstance(kind, pl.Array)]
    if flat:
        mark.update(frame.select(flat).hash_rows(seed=1).to_numpy().tobytes())
    for name in (name for name in frame.columns if name not in flat):  # in their order: that of a set changes
        mark.update(np.ascontiguousarray(frame[name].to_numpy()).tobytes())
    return f"{frame.height}x{frame.width}-{mark.hexdigest()[:16]}"


def kept_table(run: Run, record: dict) -> Table:
    """The rows that were in memory, as the run kept them, for going on with a run that was cut short."""
    try:
        frame = pl.read_parquet(run.path / "data.parquet")
    except (OSError, pl.exceptions.PolarsError) as problem:
        raise RunError("damaged-run", f"{run.path / 'data.parquet'} is damaged: {problem}.") from problem
    data = record["data"]
    table = Table(frame, data["source"], kinds=dict(data["kinds"]), reader=dict(data["reader"]))
    if data.get("readers") or data.get(
        "wanted"
    ):  # test rows were given by themselves, or made with the rows (pairs, windows)
        names = np.array(["train", "validation", "test", "unlabeled"])
        table.parts = pl.Series("part", names[run.read_tensors("rows.safetensors")["part"].numpy().clip(0, 3)].tolist())
    return table


def row_marks(frame: pl.DataFrame, task: Task) -> np.ndarray:
    """A number for each row that is equal where all inputs and outputs are: (N,) int64."""
    columns = []  # the same value may have been read as another type; pictures in memory are hashed as they are
    for column in (*task.inputs, *task.outputs):
        values = frame[column.name]
        plain = pl.Float64 if values.dtype.is_numeric() else pl.String
        whole = isinstance(values.dtype, pl.Array) or values.dtype == pl.Binary
        columns.append(values if whole else values.cast(plain))
    kinds = {column.name: column.kind for column in (*task.inputs, *task.outputs)}
    return row_hashes(pl.DataFrame(columns), kinds).astype(np.int64)


def part_codes(rows: Split, count: int) -> torch.Tensor:
    """The part of every row as one byte: 0 train, 1 validation, 2 test, 3 none."""
    codes = np.full(count, 3, dtype=np.uint8)
    for number, part in enumerate((rows.train, rows.validation, rows.test)):
        codes[part] = number
    return torch.from_numpy(codes)


def as_parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of a Parquet file."""
    file = BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def known_classes(frame: pl.DataFrame, outputs: list[Output]) -> np.ndarray:
    """Rows whose classes occur in training; others cannot be used to choose between rungs."""
    known = np.ones(frame.height, dtype=bool)
    for output in outputs:
        if output.stratified:
            known &= output.known(output.truth(frame[output.name]))
    if not known.any():
        raise DataError(
            "unseen-classes",
            "No validation row has a class that training has: nothing can be chosen by them. Are there several rows of each "
            "class, and is the output a class at all (not an id or free text)?",
        )
    return known


def ranks(order: pl.Series) -> np.ndarray:
    """Places in time; equal moments share one, unknown ones come first."""
    return order.rank("dense").fill_null(0).to_numpy()


def paths_of(**given: Any) -> dict[str, str]:
    """The paths among the data that were given for the parts."""
    return {part: str(value) for part, value in given.items() if value is not None and not hasattr(value, "columns")}


def task_of(table: Table, asked: dict) -> tuple[Task, list[Notice]]:
    """The task of this table, and what is to be said of it. Rows without an answer are dropped."""
    names = asked["outputs"]
    if not names:
        names = (
            ["label"]
            if table.kinds.get("label")
            else [name for name, kind in table.kinds.items() if kind == "mask"][:1]
        )
        if not names and table.source == "arrays":
            names = [table.frame.columns[-1]]
        if not names and table.kinds.get("boxes") == "boxes":
            names = ["boxes"]
    wanted = [table.resolve(column) for column in names]
    kinds = {**table.kinds, **{table.resolve(column): kind for column, kind in asked["kinds"].items()}}
    unused = [
        table.resolve(asked[word])
        for word in ("split", "group", "time")
        if asked[word] and asked[word] not in GROUPINGS
    ]
    starts = None if asked["inputs"] is None else [table.resolve(column) for column in asked["inputs"]]
    if asked["time"] and starts is None and asked["kinds"].get(asked["time"]):
        unused.remove(table.resolve(asked["time"]))
    if asked["split"]:
        table.parts = table.frame[table.resolve(asked["split"])].cast(pl.String)
    dropped = settle_numbers(table, kinds) + drop_unanswered(table, wanted)
    if table.frame.height == 0:
        raise DataError("no-answers", f"No row has an answer in {', '.join(wanted)}; there is nothing to learn from.")
    rows = table.frame.height
    if rows < 3:
        raise DataError(
            "few-rows", f"There are {rows} usable row(s); at least 3 are needed: to learn, to choose, to judge."
        )
    task, notices = infer(table.frame, wanted, starts, kinds, unused)
    return task, dropped + notices


def split_rows(rows: int, parts: Any, labels: Any, groups: Any, order: Any, seed: int) -> Split:
    """A split whose parts all have rows, or a DataError."""
    found = split(rows, parts=parts, labels=labels, groups=groups, time=order, seed=seed)
    if min(found.sizes().values()) == 0 and parts is None and labels is not None:
        found = split(rows, groups=groups, time=order, seed=seed)  # every class has one row: nothing to balance
    if min(found.sizes().values()) == 0:
        raise DataError("few-rows", f"The rows cannot be split into train, validation and test ({found.sizes()}).")
    return found


def learn(columns: Sequence[Column], frame: pl.DataFrame, given: dict[str, dict] | None = None) -> list[Field]:
    """The fields of these columns, learnt from these rows. The two sides of a pair learn from both, so that they are alike.
    `given`: what the reader knows of a column and its field need not find out, {column: {attribute: plain data}}."""
    fields = [field_class(column.kind)(column.name) for column in columns]
    for field in fields:
        for word, value in (given or {}).get(field.name, {}).items():
            if word in field.given:
                setattr(field, word, value)
    pair = pair_of(fields)
    for field in fields:
        column = frame[field.name]
        if pair:
            other = next(each for each in pair if each is not field)
            column = pl.concat([column, frame[other.name].alias(field.name)])
        field.learn(column)
    return fields
