"""Check the data before work starts, and say what is found in words a beginner understands.

Every notice has a stable code, the number of rows or columns it is about, and what to do. Leaks live in `leaks`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl

from fofx.data.leaks import find_leaks, naturally_equal, row_hashes
from fofx.data.pair_items import pair_columns, swapped_contradictions
from fofx.data.split import Split
from fofx.errors import Notice

FEW = 50
ID_NAME = re.compile(
    r"(\d*|.*[_\-. ])(id|ids|uuid|guid|index|idx|rowid|key|no|nr|number|unnamed: 0)|编号|序号|学号|column_1", re.I
)


def check(
    frame: pl.DataFrame, inputs: dict[str, str], outputs: dict[str, str], split: Split, cut: bool = False
) -> list[Notice]:
    """Notices about the columns in use: {name: kind} of inputs and outputs, and the split that will judge them. `cut`: the rows are
    stretches that were cut from series here, which overlap by nature and were split so that no answer is shared.

    Codes: few-rows, missing-outputs, infinite-values, constant-columns, id-columns, contradictions, imbalance,
    unseen-class, leak-duplicates, leak-near-duplicates, leak-windows, leak-answer, leak-pair-items.
    """
    notices = few_rows(inputs, split)
    notices += missing_outputs(frame, outputs)
    notices += infinite_values(frame, {**inputs, **outputs})
    notices += constant_columns(frame, inputs)
    notices += id_columns(frame, inputs)
    notices += contradictions(frame, inputs, outputs)
    sides = pair_columns(inputs, outputs)
    notices += swapped_contradictions(frame, *sides, next(iter(outputs))) if sides else []
    for name, kind in outputs.items():
        if kind == "category":
            notices += imbalance(frame[name])
            notices += unseen_classes(frame[name], split)
    return notices + find_leaks(frame, inputs, outputs, split, overlapping=not cut)


def _names(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" ... ({len(names)} in all)" if len(names) > 8 else "")


def few_rows(inputs: dict[str, str], split: Split) -> list[Notice]:
    rows = len(split.train)
    if rows < FEW:
        text = (
            f"There are only {rows} rows to learn from; with fewer than {FEW}, scores change much from split to split. "
            "Collect more rows, or trust only simple functions."
        )
        return [Notice("few-rows", text, rows)]
    if len(split.test) < 20:
        text = f"The test has only {len(split.test)} rows: one row more or less right moves the score visibly."
        return [Notice("few-rows", text, len(split.test))]
    return []


def missing_outputs(frame: pl.DataFrame, outputs: dict[str, str]) -> list[Notice]:
    notices = []
    for name in outputs:
        count = frame[name].null_count()
        if count:
            text = f"{count} of {frame.height} rows have no value in the output {name!r} and teach nothing."
            notices.append(Notice("missing-outputs", text, count))
    return notices


def infinite_values(frame: pl.DataFrame, columns: dict[str, str]) -> list[Notice]:
    floats = [name for name in columns if frame[name].dtype.is_float()]
    if not floats:
        return []
    counts = frame.select(pl.col(floats).is_infinite().sum()).row(0)
    hit = {name: count for name, count in zip(floats, counts) if count}
    if not hit:
        return []
    count = int(sum(hit.values()))
    text = f"{count} value(s) are infinite (in {_names(list(hit))}) and count as missing. Check how they came about."
    return [Notice("infinite-values", text, count)]


def constant_columns(frame: pl.DataFrame, inputs: dict[str, str]) -> list[Notice]:
    if frame.height < 2 or not inputs:
        return []
    counts = frame.select(pl.col(list(inputs)).drop_nulls().n_unique()).row(0) if frame.height else ()
    same = [name for name, count in zip(inputs, counts) if count <= 1 and frame[name].null_count() in (0, frame.height)]
    if not same:
        return []
    text = f"{len(same)} input column(s) hold one value only, or none, and can tell nothing: {_names(same)}."
    return [Notice("constant-columns", text, len(same))]


def looks_like_id(column: pl.Series, kind: str) -> bool:
    """Unique in every row, and a name, a counter or a code rather than a measurement (at least 20 rows)."""
    rows = len(column)
    if rows < 20 or column.null_count() or column.n_unique() < rows:
        return False
    if kind == "category":
        return True
    if kind != "number" or not column.dtype.is_integer():
        return False
    low, high = int(column.min()), int(column.max())  # type: ignore[arg-type]
    counter = low in (0, 1) and high - low == rows - 1
    return counter or ID_NAME.fullmatch(column.name.strip()) is not None


def id_columns(frame: pl.DataFrame, inputs: dict[str, str]) -> list[Notice]:
    found = [name for name, kind in inputs.items() if looks_like_id(frame[name], kind)]
    if not found or len(found) == len(inputs):
        return []
    text = (
        f"{len(found)} input column(s) are different in every row, like an id, and teach nothing about new rows: "
        f"{_names(found)}. Leave them out of the inputs."
    )
    return [Notice("id-columns", text, len(found))]


def contradictions(frame: pl.DataFrame, inputs: dict[str, str], outputs: dict[str, str]) -> list[Notice]:
    if not inputs:
        return []
    marks = pl.Series("inputs", row_hashes(frame, inputs))
    natural: bool | None = None
    notices = []
    for name, kind in outputs.items():
        if (
            kind == "number"
        ):  # measurements scatter; equal inputs with different numbers are strange only when they are rich
            natural = naturally_equal(frame, inputs) if natural is None else natural
            if natural:
                continue
        pairs = pl.DataFrame([marks, frame[name].alias("output")]).drop_nulls()
        spread = pairs.group_by("inputs").agg(pl.len(), pl.col("output").n_unique().alias("answers"))
        spread = spread.filter(pl.col("answers") > 1)
        if spread.height:
            count = int(spread["len"].sum())
            text = (
                f"{count} rows have the same inputs as another row but a different {name!r} ({spread.height} such "
                "cases): no function can be right on all of them. Check the answers, or add an input that tells "
                "the rows apart."
            )
            notices.append(Notice("contradictions", text, count))
    return notices


def imbalance(column: pl.Series) -> list[Notice]:
    counts = column.drop_nulls().value_counts(sort=True)
    if counts.height < 2 or len(column) < 20:
        return []
    sizes = counts["count"].to_list()
    rows = sum(sizes)
    if sizes[0] < 10 * sizes[-1] and sizes[0] < 0.9 * rows:
        return []
    text = (
        f"The classes of {column.name!r} are uneven: {sizes[0]} of {rows} rows are {counts[column.name][0]!r}, "
        f"only {sizes[-1]} are {counts[column.name][-1]!r}. Always answering the first is right "
        f"{sizes[0] / rows:.0%} of the time: look at f1 beside accuracy, and try class_weights=True (--class-weights)."
    )
    return [Notice("imbalance", text, int(sizes[-1]))]


def unseen_classes(column: pl.Series, split: Split) -> list[Notice]:
    seen = set(column.gather(split.train).drop_nulls().unique().to_list())
    judged: Any = column.gather(np.concatenate([split.validation, split.test])).drop_nulls()
    unseen = sorted({str(value) for value in judged.unique().to_list() if value not in seen})
    if not unseen:
        return []
    count = int(sum(value not in seen for value in judged.to_list()))
    text = (
        f"{len(unseen)} class(es) of {column.name!r} occur in test or validation but never in training, so they "
        f"can never be answered ({count} rows): {_names(unseen)}. Give more rows of them, or another split."
    )
    return [Notice("unseen-class", text, count)]
