"""The confusion matrix: scikit-learn's counts, and behind every cell its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

import fofx
import see_small
from fofx.errors import TaskError
from fofx.fields.category import Category
from fofx.see.answers import Answers
from fofx.see.confusion import confusion, confusion_of
from fofx.see.rows import frame_of, table_of


def made_up(truth: list[int], predicted: list[int], names: list[str]) -> Answers:
    output = Category("y")
    output.learn(pl.Series("y", names))
    rows = np.arange(len(truth)) + 100
    sure = np.linspace(0.5, 0.9, len(truth)) if truth else np.array([])
    said = [names[n] for n in predicted]
    right = [names[n] if n >= 0 else "?" for n in truth]
    return Answers(
        output, "made up", "test", rows - 100, rows, right, said, np.array(truth, int), np.array(predicted, int), sure
    )


@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(2, 6))
def test_counts_are_scikit_learns_and_every_row_stands_in_its_cell(data: st.DataObject, classes: int) -> None:
    pairs = data.draw(st.lists(st.tuples(st.integers(-1, classes - 1), st.integers(0, classes - 1)), max_size=50))
    truth, predicted = [t for t, _ in pairs], [p for _, p in pairs]
    found = confusion_of(made_up(truth, predicted, [f"c{n}" for n in range(classes)]))
    known = [n for n, t in enumerate(truth) if t >= 0]
    right, said = [truth[n] for n in known], [predicted[n] for n in known]
    if known:
        assert found.counts.tolist() == confusion_matrix(right, said, labels=range(classes)).tolist()
        recall = recall_score(right, said, labels=range(classes), average=None, zero_division=np.nan)
        precision = precision_score(right, said, labels=range(classes), average=None, zero_division=np.nan)
        assert np.allclose(found.recall, recall, equal_nan=True) and np.allclose(
            found.precision, precision, equal_nan=True
        )
    assert found.accuracy == (pytest.approx(accuracy_score(truth, predicted)) if truth else None)
    assert sorted(found.unseen.tolist()) == [n for n, t in enumerate(truth) if t < 0]
    assert sorted(n for cell in found.places.values() for n in cell) == known
    for (line, column), places in found.places.items():
        assert len(places) == found.counts[line, column] > 0
        assert all((truth[n], predicted[n]) == (line, column) for n in places)
        assert places.tolist() == sorted(places, reverse=True)  # the made-up answers get surer from row to row
        assert (found.rows[line, column] == places + 100).all()
    assert int(found.counts.sum()) == len(known)


@pytest.mark.parametrize("family", ["category", "text", "picture", "mixed"])
@pytest.mark.parametrize("part", ["test", "train"])
def test_the_matrix_of_a_run(family: str, part: str) -> None:
    function = see_small.again(family)
    end = next(output for output in function.outputs if output.kind == "category")
    for rung in (None, function.naive, see_small.network_of(function)):
        found = confusion(function, rung, end.name, part)
        frame = frame_of(function, part)
        said = function.predict(frame, rung)[end.name].argmax(axis=1)
        right = confusion_matrix(end.truth(frame[end.name]), said, labels=range(len(end.names)))
        assert found.counts.tolist() == right.tolist() and found.names == end.names
        table = table_of(function)
        for (line, _), rows in found.rows.items():
            assert {str(value) for value in table[end.name][rows]} == {end.names[line]}


def test_the_winners_matrix_is_that_of_predictions_parquet() -> None:
    function = see_small.three_function()
    kept = pl.read_parquet(function.run.path / "predictions.parquet").filter(pl.col("part") == "test")
    found = confusion(function)
    right = confusion_matrix(kept["label"], kept["label predicted"], labels=found.names)
    assert found.counts.tolist() == right.tolist() and found.accuracy == pytest.approx(function.scores["accuracy"])
    assert sorted(np.concatenate(list(found.rows.values())).tolist()) == sorted(kept["row"].to_list())


def test_the_most_frequent_confusions_come_first() -> None:
    found = confusion_of(made_up([0, 0, 0, 1, 2, 2, 2], [1, 1, 0, 0, 1, 1, 1], ["a", "b", "c"]))
    assert found.worst() == [("c", "b", 3), ("a", "b", 2), ("b", "a", 1)] and found.worst(1) == [("c", "b", 3)]


def test_a_class_that_training_never_showed_is_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=60)
    data = {
        "a": a,
        "y": np.where(a > 0, "up", "down").tolist(),
        "part": ["train"] * 40 + ["validation"] * 10 + ["test"] * 10,
    }
    data["y"][55] = "sideways"
    function = fofx.find(data, "y", split="part", model="linear", budget=0.6, out=str(tmp_path))
    for loaded in (function, fofx.load(function.run.path)):
        found = confusion(loaded)
        assert found.names == ["down", "up"] and found.unseen.tolist() == [5] and found.counts.sum() == 9
        assert found.accuracy == pytest.approx(function.scores["accuracy"])


def test_a_number_has_no_matrix_and_what_can_be_had_is_said() -> None:
    for code, call in {
        "no-classes": lambda: confusion(see_small.again("number")),
        "unknown-output": lambda: confusion(see_small.again("category"), output="nothing"),
        "unknown-part": lambda: confusion(see_small.again("category"), part="exam"),
        "unknown-rung": lambda: confusion(see_small.again("category"), "forest"),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
        assert code != "no-classes" or "calibration" in error.value.message
