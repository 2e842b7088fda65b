"""The run's rows, read again: the same rows, encoded the same way, or a clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import fofx
import small
from fofx.errors import RunError, TaskError
from fofx.see.rows import blocks_and_targets, frame_of, neural, numbers_of, table_of


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[fofx.Function, Path]:
    """A run found from a CSV file with a text column of numbers and some rows without an answer."""
    place = tmp_path_factory.mktemp("rows")
    columns = small.table()
    columns["price"][5] = None
    pl.DataFrame(columns).write_csv(place / "sales.csv")
    function = fofx.find(place / "sales.csv", "price", model="mlp", budget=1.0, out=str(place), name="run")
    return function, place / "sales.csv"


@pytest.mark.parametrize("family", ["number", "category", "text", "picture"])
def test_test_rows_give_the_predictions_of_the_run(family: str) -> None:
    """What a network says of the rows read again is what predictions.parquet says of them, place by place."""
    function = fofx.load(small.FAMILIES[family]().run.path)
    rung = next(r.name for r in function.rungs if r.family in ("small", "deep") and r.error is None)
    network = neural(function, rung)
    blocks, targets, frame = blocks_and_targets(function, rung)
    with torch.no_grad():
        outputs = network.run(blocks)
    output = function.outputs[0]
    assert np.allclose(output.predictions(outputs), function.predict(frame, rung)[output.name], atol=1e-6)
    kept = pl.read_parquet(function.run.path / "predictions.parquet").filter(pl.col("part") == "test")
    assert kept["row"].to_list() == numbers_of(function, "test").tolist()
    assert len(targets[0]) == frame.height == kept.height
    if output.kind == "category":
        assert frame[output.name].to_list() == kept[output.name].to_list()


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_file_is_read_again_in_the_same_order(part: str, from_file: tuple[fofx.Function, Path]) -> None:
    function = fofx.load(from_file[0].run.path)
    whole = frame_of(function, part)
    assert whole.height == function.record["data"]["rows"][part]
    assert whole["price"].null_count() == 0
    places = [3, 0, 3]
    some = blocks_and_targets(function, "mlp", places, part)
    everything = blocks_and_targets(function, "mlp", None, part)
    assert some.frame.equals(whole[places])
    assert torch.equal(some.blocks[0], everything.blocks[0][places])
    assert torch.equal(some.targets[0], everything.targets[0][places])
    assert bool(everything.known.all())


def test_right_after_find_the_rows_are_those_of_find(from_file: tuple[fofx.Function, Path]) -> None:
    function, _ = from_file
    assert function.test_frame is not None
    assert frame_of(function, "test").equals(function.test_frame)


def test_the_training_rows_of_a_time_split_come_in_time_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = rng.permutation(90)
    data = {"day": days.tolist(), "a": rng.normal(size=90).tolist(), "y": (days * 0.5).tolist()}
    function = fofx.find(data, "y", time="day", model="mlp", budget=0.6, out=str(tmp_path))
    found = frame_of(fofx.load(function.run.path), "train")["day"].to_list()
    assert found == sorted(found)


def test_a_changed_or_missing_file_is_said(from_file: tuple[fofx.Function, Path], tmp_path: Path) -> None:
    function, file = from_file
    function = fofx.load(function.run.path)
    before = file.read_bytes()
    try:
        file.write_bytes(before.replace(b"red", b"rot", 1))
        with pytest.raises(RunError) as changed:
            table_of(function)
        assert changed.value.code == "other-data"
        file.write_text("a,b\n1,2\n3,4\n5,6\n")
        with pytest.raises(RunError) as other:
            blocks_and_targets(function, "mlp")
        assert other.value.code == "other-data"
        file.unlink()
        with pytest.raises(RunError) as missing:
            blocks_and_targets(function, "mlp")
        assert missing.value.code == "data-gone"
        assert "sales.csv" in missing.value.message
    finally:
        file.write_bytes(before)
    assert table_of(function).height == 119


def test_what_cannot_be_had_is_an_error(from_file: tuple[fofx.Function, Path]) -> None:
    function, _ = from_file
    for code, call in {
        "no-network": lambda: blocks_and_targets(function, "linear"),
        "unknown-rung": lambda: blocks_and_targets(function, "nothing"),
        "unknown-part": lambda: blocks_and_targets(function, "mlp", None, "exam"),
        "unknown-row": lambda: blocks_and_targets(function, "mlp", [0, 9999]),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code


def test_without_a_name_a_network_is_chosen(from_file: tuple[fofx.Function, Path]) -> None:
    assert neural(from_file[0]).name == "mlp"
    lines = fofx.find(
        {"x": list(range(40)), "y": list(range(40))}, "y", model="linear", budget=0.6, out=str(from_file[1].parent)
    )
    with pytest.raises(TaskError) as error:
        neural(lines)
    assert error.value.code == "no-network"
