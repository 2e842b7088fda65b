"""Rows that are not yet rows of the task: labelled items become pairs, a table in time order becomes windows of the past.

Both are asked for (`pairs=`, `past=` and `horizon=`); the rows that come out have their parts already, so that no identity of a
test pair and no future of a series is learnt from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fofx.data.forecast import series_rows
from fofx.data.pairs import SAME, SIDES, pair_table
from fofx.data.table import Table
from fofx.errors import TaskError

MOST_ENDS = 1_000  # series whose newest values the run keeps, to forecast beyond the end of the data


def reshaped(table: Table, asked: dict[str, Any]) -> tuple[Table, dict[str, Any]]:
    """The table of the task, and what is then asked of it. Unchanged where nothing of the kind was asked for."""
    series = asked.get("past") is not None or asked.get("horizon") is not None
    if asked.get("pairs") and series:
        raise TaskError("bad-option", "Give pairs, or past and horizon, not both.")
    if asked.get("pairs"):
        return _pairs(table, asked)
    return _windows(table, asked) if series else (table, asked)


def _pairs(table: Table, asked: dict[str, Any]) -> tuple[Table, dict[str, Any]]:
    """`pairs` names the column of identities; an input, where one is given, is the column of items."""
    inputs = asked["inputs"] or [None]
    if len(inputs) > 1:
        raise TaskError("bad-option", f"Pairs are made of one column; {len(inputs)} inputs were given.")
    if inputs[0] is not None and inputs[0] in asked["kinds"]:
        table.kinds[table.resolve(inputs[0])] = asked["kinds"][inputs[0]]
    made = pair_table(table, asked["pairs"], inputs[0], apart=asked["group"], seed=asked["seed"])
    kinds = {name: kind for name, kind in asked["kinds"].items() if name in made.frame.columns}
    return made, {**asked, "outputs": [SAME], "inputs": list(SIDES), "kinds": kinds, "group": None, "split": None}


def _windows(table: Table, asked: dict[str, Any]) -> tuple[Table, dict[str, Any]]:
    """Each output becomes the number that comes next (or `horizon` of them), each variable its last `past` values."""
    if not asked["outputs"]:
        raise TaskError("no-output", "Say which series should be forecast: outputs='NAME' (--output NAME).")
    names = [table.resolve(name) for name in asked["outputs"]]
    inputs = None if asked["inputs"] is None else [table.resolve(name) for name in asked["inputs"]]
    time, group = (None if asked[word] is None else table.resolve(asked[word]) for word in ("time", "group"))
    horizon = asked["horizon"] or 1
    rows = series_rows(table.frame, names, inputs, time=time, group=group, past=asked["past"], horizon=horizon)
    frame, outputs = rows.frame, []
    given: dict[str, dict[str, Any]] = {}
    for name, column in rows.answers.items():
        steps = frame[column].to_numpy().reshape(frame.height, horizon)  # (N, H)
        titles = [f"next {name}"] if horizon == 1 else [f"{name} +{step}" for step in range(1, horizon + 1)]
        frame = frame.drop(column).with_columns(pl.Series(word, steps[:, step]) for step, word in enumerate(titles))
        outputs += titles
        given |= {title: {"naive_error": rows.scales[name]} for title in titles}
    variables = [name for name in frame.columns if isinstance(frame.schema[name], pl.Array)]
    part = np.full(frame.height, 3)
    for number, rows_of in enumerate((rows.split.train, rows.split.validation, rows.split.test)):
        part[rows_of] = number
    parts = pl.Series("part", ["train", "validation", "test", "unlabeled"]).gather(part)
    kinds = dict.fromkeys(variables, "series") | dict.fromkeys(outputs, "number")
    reader = {
        "format": "memory",
        "series": rows.plan | {"season": rows.season, "dated": rows.dated},
        "newest": rows.ends[:MOST_ENDS],
    }
    reader["given"] = given | {name: {"season": rows.season} for name in variables}
    made = Table(frame, table.source, None, [*table.notes, *rows.notes], kinds, parts, reader)
    first = frame.columns[0]
    known = {name: kind for name, kind in asked["kinds"].items() if name in frame.columns}
    more = {"outputs": outputs, "inputs": variables, "kinds": known, "group": None, "split": None, "time": first}
    return made, {**asked, **more}
