"""What goes in and what comes out, inferred from the values."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

import small
from fofx.data.frames import from_columns
from fofx.errors import FofxError, TaskError
from fofx.fields import kinds
from fofx.task import Column, Task, infer, input_kind, output_kind, useless
from strategies import odd_columns


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "number"),
        ([1.5, None], "number"),
        ([True, False], "category"),
        (["a", "b"], "category"),
        (["2024-01-01", "2024-01-02"], "date"),
        (["2024/1/1 10:00", "2024/1/2 11:30"], "date"),
        ([date(2024, 1, 1)], "date"),
        (["a fine film, indeed", "too long by far"], "text"),
        (["很好看，喜欢", "不好看。"], "text"),
        (["12.5", "x", "13.25", "11.125"], "category"),
        (["New York", "New York", "Los Angeles", "New York", "New York"], "category"),
    ],
)
def test_the_kind_of_an_input(values: list, kind: str) -> None:
    assert input_kind(pl.Series("x", values)) == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1] * 3, "category"),
        ([0.0, 1.0] * 3, "category"),
        ([0.5, 1.0] * 3, "number"),
        (list(range(10)) * 6, "category"),
        (list(range(10)), "number"),
        (list(range(30)) * 10, "number"),
        (["a", "b"], "category"),
        ([True, False], "category"),
        (["2024-01-01", "2024-01-02"], "date"),
        (["a fine film, indeed", "too long by far"], "text"),
    ],
)
def test_the_kind_of_an_output(values: list, kind: str) -> None:
    assert output_kind(pl.Series("y", values)) == kind


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("x", [None, None], "empty"),
        ("x", [float("nan")] * 3, "empty"),
        ("x", [3, 3, 3], "constant"),
        ("x", [3, None, 3], None),
        ("x", list(range(20)), "id"),
        ("x", [5.5, 2.5] * 10, None),
        ("user_id", [f"u{n * 7}" for n in range(20)], "id"),
        ("编号", list(np.random.default_rng(0).permutation(20)), "id"),
        ("x", [f"u{n * 7}" for n in range(20)], "id"),
        ("x", list(np.random.default_rng(0).permutation(20)), None),
        ("x", [f"A text of its own, number {n}" for n in range(20)], None),
        ("x", [f"2024-01-{n + 1:02d}" for n in range(20)], None),
        ("id", [1, 2, 3], None),  # too few rows to know
    ],
)
def test_columns_that_tell_nothing(name: str, values: list, why: str | None) -> None:
    assert useless(pl.Series(name, values)) == why


def test_ids_and_constants_are_used_when_named_or_when_nothing_else_is_there() -> None:
    frame = pl.DataFrame({"id": range(20), "one": [1] * 20, "y": [0.5, 1.5] * 10})
    task, notices = infer(frame.with_columns(x=pl.Series([1.0, 2.0] * 10)), ["y"])
    assert [c.name for c in task.inputs] == ["x"]
    assert {n.code for n in notices} == {"id-columns", "constant-columns"}
    task, _ = infer(frame, ["y"], ["id", "one"])
    assert [c.name for c in task.inputs] == ["id", "one"]
    task, notices = infer(frame, ["y"])
    assert [c.name for c in task.inputs] == ["id"] and "id-columns" not in {n.code for n in notices}


def test_names_twice_count_once() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0], "y": [0.5, 1.5]})
    task, _ = infer(frame, ["y", "y"], ["x", "x"])
    assert task == Task((Column("x", "number"),), (Column("y", "number"),))


@pytest.mark.parametrize(
    ("inputs", "outputs", "cell"),
    [
        (["number"], ["number"], (1, 1)),
        (["category", "date"], ["category"], (1, 2)),
        (["picture"], ["category"], (2, 2)),
        (["text", "number"], ["number"], (3, 1)),
        (["picture", "text"], ["number", "category"], (3, 2)),
    ],
)
def test_the_cell_of_the_table(inputs: list[str], outputs: list[str], cell: tuple[int, int]) -> None:
    task = Task(
        tuple(Column(f"x{n}", k) for n, k in enumerate(inputs)),
        tuple(Column(f"y{n}", k) for n, k in enumerate(outputs)),
    )
    assert task.cell == cell
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


def test_a_task_reads_as_a_sentence() -> None:
    task = Task(tuple(Column(f"x{n}", "number") for n in range(9)), (Column("y", "category"),))
    assert str(task).endswith("x5 (number) and 3 more -> y (category)")


@pytest.mark.parametrize(
    ("code", "outputs", "inputs", "given"),
    [
        ("no-output", [], None, {}),
        ("output-among-inputs", ["y"], ["x", "y"], {}),
        ("unknown-column", ["y"], None, {"z": "number"}),
        ("unknown-kind", ["y"], None, {"x": "nummer"}),
        ("kind-cannot-come-out", ["y"], None, {"y": "text"}),
        ("one-class", ["same"], None, {}),
        ("no-input", ["y"], [], {}),
    ],
)
def test_what_cannot_be_a_task(code: str, outputs: list, inputs: Any, given: dict) -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, 5.0], "y": [0.5, 1.5, 1.0], "same": [1, 1, 1]})
    with pytest.raises(TaskError) as caught:
        infer(frame, outputs, inputs, given)
    assert caught.value.code == code


@settings(deadline=None)
@given(odd_columns(min_rows=1))
def test_any_table_has_a_task_or_a_clear_error(columns: dict) -> None:
    try:
        table = from_columns(columns)
        if "y" not in table.frame.columns:
            return
        task, _ = infer(table.frame, ["y"])
    except FofxError:
        return
    assert {c.kind for c in (*task.inputs, *task.outputs)} <= set(kinds())
    assert "y" not in {c.name for c in task.inputs}


def test_the_shared_tables_are_understood() -> None:
    task, _ = infer(pl.DataFrame(small.table()), ["price"])
    assert {c.name: c.kind for c in task.inputs} == {
        "size": "number",
        "colour": "category",
        "day": "date",
        "sold": "category",
    }
    task, _ = infer(pl.DataFrame(small.reviews()), ["label"])
    assert task.inputs[0].kind == "text" and task.outputs[0].kind == "category"
