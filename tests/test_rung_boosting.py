"""The rung of gradient boosting: where it stands, its recipe, its seconds, and its script without fofx."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fofx
from fofx.classic.fast_boosting import FastBoosting
from fofx.rungs import boosting
from fofx.rungs.boosting import rounds_until
from test_eject import classes, numbers, run_scripts, same_as_the_run, several


def result_of(function: fofx.Function) -> Any:
    return next(result for result in function.rungs if result.name == "boosting")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[fofx.Function, Any, dict]]:
    """A number; three classes that weigh the same; a number and a class."""
    folder, runs = tmp_path_factory.mktemp("boosting"), {}
    for make in (numbers, classes, several):
        data, options = make(folder)
        function = fofx.find(
            data, model="boosting", budget=3, out=str(folder / "runs"), name=f"b-{make.__name__}", **options
        )
        runs[make.__name__] = (function, data, options)
    return runs


@pytest.mark.parametrize("name", ["numbers", "classes", "several"])
def test_the_script_and_the_saved_run_say_the_same(found: dict, name: str, tmp_path: Path) -> None:
    function = found[name][0]
    assert result_of(function).error is None and function.rung("boosting").family == "classical"
    script = function.eject(tmp_path / "boosting.py", rung="boosting")
    run_scripts([script])
    same_as_the_run(function, "boosting", script)
    text = script.read_text(encoding="utf-8")
    assert "class Boosting" in text and "FastBoosting" not in text and "numba" not in text


@pytest.mark.parametrize("name", ["numbers", "classes", "several"])
def test_a_recipe_gives_the_same_model_again_whatever_the_time(found: dict, name: str, tmp_path: Path) -> None:
    function, data, options = found[name]
    recipe = result_of(function).recipe["chosen"]
    assert {output.name for output in function.outputs} == set(recipe)
    assert all(value["balanced"] == (name == "classes") for value in recipe.values())
    again = fofx.find(
        data, model="boosting", budget=0.3, out=str(tmp_path), name="again", recipe=str(function.run.path), **options
    )
    assert result_of(again).recipe == result_of(function).recipe
    frame = function.rung("boosting"), again.rung("boosting")
    for output in function.outputs:
        (_, mine), (_, other) = (rung.models[output.name].state() for rung in frame)
        assert mine.keys() == other.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], other[key])
    assert result_of(again).validation == result_of(function).validation


def test_it_beats_the_line_where_the_answer_is_bent(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(-2, 2, (600, 3))
    data = {
        "a": x[:, 0],
        "b": x[:, 1],
        "c": x[:, 2],
        "y": np.abs(x[:, 0]) * np.sign(x[:, 1]) + 0.1 * random.normal(size=600),
    }
    function = fofx.find(data, "y", model="boosting", budget=3, out=str(tmp_path))
    scores = {result.name: result.test for result in function.rungs}
    assert scores["boosting"] < 0.5 * scores["linear"]


@pytest.mark.parametrize("rows, there", [(60, False), (90, True)])
def test_few_rows_are_left_to_simpler_rungs(rows: int, there: bool, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=rows)
    function = fofx.find({"x": x, "y": 2 * x + 1}, "y", budget=0.5, out=str(tmp_path), name="few")
    assert ("boosting" in [result.name for result in function.rungs]) == there


def test_the_time_ends_the_rounds_and_the_best_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(200, 2))
    clock = iter(range(1000))
    monkeypatch.setattr(boosting.time, "monotonic", lambda: next(clock))
    model = FastBoosting("regression", rounds=1000, min_leaf=5)
    steps = list(rounds_until(6, model, (x[:150], x[:150, 0]), (x[150:], x[150:, 0])))
    assert [step["round"] for step in steps] == list(range(7))
    assert model.rounds == len(model.trees) == 6
    noise = np.random.default_rng(1).normal(size=200)
    model = FastBoosting("regression", rounds=1000, min_leaf=5)
    steps = list(rounds_until(10**6, model, (x[:150], noise[:150]), (x[150:], noise[150:])))
    assert len(steps) < 200 and model.rounds == len(model.trees) < len(steps) - 20  # validation gains no more
