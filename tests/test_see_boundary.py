"""Decision boundaries and surfaces: every place of the grid is what the rung itself says of that row."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fofx
import see_small
import small
from fofx.errors import TaskError
from fofx.see.boundary import boundary
from fofx.see.rows import frame_of, numbers_of, table_of


@pytest.mark.parametrize("rung", ["majority", "linear", "knn", "tree", "boosting", "bayes", "mlp", "tabm"])
def test_the_grid_is_what_the_rung_says(rung: str) -> None:
    function = see_small.three_function()
    found = boundary(function, ["a", "b"], rung, side=7)
    assert found.values.shape == (7, 7, 3) and found.classes == function.outputs[0].names
    days = [found.held["day"]] * 49
    across, down = np.meshgrid(found.x.ticks, found.y.ticks)  # (V, W): x runs along a line
    frame = pl.DataFrame({"a": across.reshape(-1), "b": down.reshape(-1), "day": days})
    assert np.allclose(found.values.reshape(49, 3), function.predict(frame, rung)["label"], atol=1e-9)
    assert found.answered.tolist() == found.values.argmax(axis=2).tolist()
    assert np.allclose(found.values.sum(axis=2), 1)


@settings(max_examples=15, deadline=None)
@given(x=st.integers(0, 8), y=st.integers(0, 8), swapped=st.booleans())
def test_axes_can_be_swapped(x: int, y: int, swapped: bool) -> None:
    function = see_small.three_function()
    first = boundary(function, ["a", "b"], "linear", side=9, points=0)
    second = boundary(function, ["b", "a"], "linear", side=9, points=0)
    assert np.allclose(first.values[y, x], second.values[x, y])
    assert first.x.ticks == second.y.ticks and first.points == []


def test_the_axes_reach_a_little_beyond_the_training_rows() -> None:
    function = see_small.three_function()
    found = boundary(function, ["a", "day"], side=5)
    train = frame_of(function, "train")
    low, high = train["a"].min(), train["a"].max()
    assert found.x.ticks[0] == pytest.approx(low - 0.05 * (high - low)) and found.x.ticks[-1] > high
    assert found.x.kind == "number" and found.y.kind == "date"
    assert all(isinstance(tick, datetime) for tick in found.y.ticks)
    assert found.y.ticks[0] < datetime(2023, 1, 1) and found.y.ticks[-1] > datetime(2023, 12, 1)
    assert np.allclose(np.diff(found.x.ticks), np.diff(found.x.ticks)[0])


def test_a_category_has_a_tick_for_each_value_and_a_number_comes_out_in_its_unit() -> None:
    function = see_small.again("number")
    found = boundary(function, ["colour", "size"], "boosting", side=6)
    assert found.x.ticks == ["blue", "green", "red"] and found.classes is None
    assert found.values.shape == (6, 3) and 0 < found.values.min() < found.values.max() < 100
    one = pl.DataFrame({"size": [found.y.ticks[4]], "colour": ["red"], "day": [found.held["day"]]})
    assert found.values[4, 2] == pytest.approx(function.predict(one, "boosting")["price"][0])


def test_one_column_gives_a_curve() -> None:
    function = see_small.again("number")
    found = boundary(function, "size", "linear", side=11)
    assert found.values.shape == (11,) and found.y is None and set(found.held) == {"colour", "day"}
    assert np.allclose(np.diff(found.values), np.diff(found.values)[0])  # a line
    assert all(points.y is None and len(points.x) == len(points.right) for points in found.points)


def test_the_other_columns_are_held_at_typical_values_or_at_a_row() -> None:
    function = see_small.again("number")
    usual = boundary(function, "size", "boosting", side=4)
    assert usual.held["colour"] == function.fields[1].typical
    row = frame_of(function, "test", [2])
    held = boundary(function, "size", "boosting", row=2, side=4)
    assert held.held == {"colour": row["colour"][0], "day": row["day"][0]}
    again = boundary(
        function, "size", "boosting", row={"size": 1.0, "colour": row["colour"][0], "day": row["day"][0]}, side=4
    )
    assert np.array_equal(held.values, again.values)
    here = row.with_columns(size=pl.lit(held.x.ticks[3]))
    assert held.values[3] == pytest.approx(function.predict(here, "boosting")["price"][0])


def test_pictures_and_texts_are_held_at_a_row() -> None:
    function = see_small.several_function()
    with pytest.raises(TaskError) as error:
        boundary(function, ["size", "colour"], "cnn")
    assert error.value.code == "row-needed"
    found = boundary(function, ["size", "colour"], "cnn", row=0, side=3, points=10)
    assert found.values.shape == (2, 3) and set(found.held) == {"photo", "text"}
    row = frame_of(function, "test", [0]).with_columns(size=pl.lit(found.x.ticks[1]), colour=pl.lit("red"))
    assert found.values[1, 1] == pytest.approx(function.predict(row, "cnn")["price"][0], rel=1e-5)


def test_the_points_are_the_rows_with_the_rungs_own_answers() -> None:
    function = see_small.three_function()
    found = boundary(function, ["a", "day"], "knn", side=3, points=30)
    assert [points.part for points in found.points] == ["train", "test"] and not found.notes
    table = table_of(function)
    for points in found.points:
        assert len(points.rows) == min(30, len(numbers_of(function, points.part)))
        assert points.rows.tolist() == numbers_of(function, points.part)[points.places].tolist()
        picked = table[points.rows]
        assert points.x == picked["a"].to_list() and points.right == picked["label"].to_list()
        assert [f"{day:%Y-%m-%d}" for day in points.y] == picked["day"].to_list()
        said = function.predict(picked, "knn")["label"].argmax(axis=1)
        assert points.answered == [found.classes[n] for n in said]


def test_missing_values_stay_missing_and_several_outputs_are_told_apart() -> None:
    function = see_small.again("mixed")
    price, sold = (
        boundary(function, ["size", "colour"], output=name, side=4, points=1000) for name in ("price", "sold")
    )
    assert price.values.shape == (3, 4) and sold.values.shape == (3, 4, 2)
    train = price.points[0]
    assert train.x.count(None) == table_of(function)["size"][train.rows].null_count() > 0


def test_without_the_data_there_are_no_points_and_it_is_said(tmp_path) -> None:
    pl.DataFrame(small.table()).write_csv(tmp_path / "sales.csv")
    function = fofx.find(tmp_path / "sales.csv", "sold", model="linear", budget=0.6, out=str(tmp_path), name="run")
    before = boundary(fofx.load(function.run.path), ["size", "day"], side=4)
    (tmp_path / "sales.csv").unlink()
    after = boundary(fofx.load(function.run.path), ["size", "colour"], side=4)
    assert len(before.points) == 2 and after.points == [] and [n.code for n in after.notes] == ["points-gone"]
    assert after.values.shape == (3, 4, 2)
    dates = boundary(
        fofx.load(function.run.path), ["size", "day"], side=4
    )  # the axis is made from what the field learnt
    assert dates.y.ticks[0] < before.held.get("day", datetime(2024, 6, 1)) < dates.y.ticks[-1]


def test_what_cannot_be_had_is_said() -> None:
    function, several = see_small.three_function(), see_small.several_function()
    for code, call in {
        "unknown-column": lambda: boundary(function, ["a", "c"]),
        "same-column": lambda: boundary(function, ["a", "a"]),
        "no-axis": lambda: boundary(several, ["size", "photo"], row=0),
        "bad-option": lambda: boundary(function, ["a", "b"], side=100_000),
        "unknown-rung": lambda: boundary(function, ["a", "b"], "forest"),
        "unknown-output": lambda: boundary(function, ["a", "b"], output="nothing"),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
