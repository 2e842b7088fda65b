"""The worst mistakes: the same as the report's, with their inputs, for any rung and any part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fofx
import see_small
import small
from fofx.errors import TaskError
from fofx.report.facts import gather_facts
from fofx.report.mistakes import chosen
from fofx.see.mistakes import mistakes
from fofx.see.rows import frame_of, numbers_of, table_of


@pytest.mark.parametrize("family", ["number", "category", "text", "picture", "mixed", "several"])
def test_they_are_those_of_the_report(family: str) -> None:
    function = see_small.several_function() if family == "several" else see_small.again(family)
    facts = gather_facts(function)
    for end in function.outputs:
        wrong, right = chosen(facts, end)
        found = mistakes(function, output=end.name, most=6)
        assert [each.place for each in found.wrong] == wrong and [each.place for each in found.right] == right
        assert [each.row for each in found.wrong] == facts.test["row"].to_numpy()[wrong].tolist()
        assert found.rung == function.winner and not found.notes


@pytest.mark.parametrize("part", ["test", "validation", "train"])
@pytest.mark.parametrize("rung", ["mean", "tree", "mlp"])
def test_of_a_number_the_largest_errors_come_first(part: str, rung: str) -> None:
    function = see_small.again("number")
    found = mistakes(function, rung, part=part, most=5)
    frame = frame_of(function, part)
    errors = function.predict(frame, rung)["price"] - frame["price"].to_numpy()
    worst = np.sort(np.abs(errors))[::-1][:5]
    assert [abs(each.error) for each in found.wrong] == pytest.approx(worst.tolist())
    assert found.of == len(errors) and found.count == int((errors != 0).sum())
    for each in [*found.wrong, *found.right]:
        assert each.error == pytest.approx(each.answered - each.right) and each.sure is None
        assert each.row == numbers_of(function, part)[each.place]
        row = table_of(function)[each.row]
        assert each.right == row["price"][0]
        assert each.inputs == {name: row[name][0] for name in ("size", "colour", "day")}
    if found.right and found.wrong:
        assert max(abs(each.error) for each in found.right) <= np.median(np.abs(errors)) + 1e-9


@pytest.mark.parametrize("rung", [None, "majority", "knn"])
def test_of_classes_the_surest_wrong_answers_come_first(rung: str | None) -> None:
    function = see_small.three_function()
    found = mistakes(function, rung, most=1000, fine=2)
    frame = frame_of(function, "test")
    said, truth = function.predict(frame, rung)["label"], function.outputs[0].truth(frame["label"])
    wrong = said.argmax(axis=1) != truth
    assert found.count == len(found.wrong) == wrong.sum() > 0 and len(found.right) == 2
    assert [each.sure for each in found.wrong] == sorted((each.sure for each in found.wrong), reverse=True)
    assert {each.place for each in found.wrong} == set(np.flatnonzero(wrong).tolist())
    for each in found.wrong:
        assert each.right != each.answered and each.sure == pytest.approx(said[each.place].max())
    assert all(each.right == each.answered for each in found.right)


def test_pictures_and_texts_are_among_the_inputs() -> None:
    found = mistakes(see_small.several_function(), "mean", most=2)
    for each in found.wrong:
        assert np.asarray(each.inputs["photo"]).shape == (12, 12) and isinstance(each.inputs["text"], str)


def test_without_the_data_the_winners_mistakes_are_left_and_it_is_said(tmp_path: Path) -> None:
    pl.DataFrame(small.table()).write_csv(tmp_path / "sales.csv")
    function = fofx.find(tmp_path / "sales.csv", "price", model="linear", budget=0.6, out=str(tmp_path), name="run")
    before = mistakes(fofx.load(function.run.path))
    (tmp_path / "sales.csv").unlink()
    after = mistakes(fofx.load(function.run.path))
    assert [each.row for each in after.wrong] == [each.row for each in before.wrong]
    assert all(each.inputs is None for each in after.wrong) and [n.code for n in after.notes] == ["inputs-gone"]
    assert before.wrong[0].inputs is not None and not before.notes


def test_an_output_called_row_does_no_harm(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=60)
    function = fofx.find(
        {"a": a, "row": 2 * a + rng.normal(0, 0.1, 60)}, "row", model="linear", budget=0.6, out=str(tmp_path)
    )
    found = mistakes(fofx.load(function.run.path), most=3)
    assert [each.right for each in found.wrong] == [table_of(function)["row"][each.row] for each in found.wrong]


def test_what_cannot_be_had_is_said() -> None:
    function = see_small.three_function()
    for code, call in {
        "bad-option": lambda: mistakes(function, most=-1),
        "unknown-part": lambda: mistakes(function, part="exam"),
        "unknown-output": lambda: mistakes(function, output="nothing"),
        "unknown-rung": lambda: mistakes(function, "forest"),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
