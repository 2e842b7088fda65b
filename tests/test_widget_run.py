"""Curves read from a run's folder as it grows, thinned without loss of their extremes, and the ladder's bars."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fofx.errors import RunError, TaskError
from fofx.see.frames import curves
from fofx.widgets.run import NUMBERS, POINTS, Run, grouped
from small import quick, table
from stage import needs_browser, stage
from until import until


def line(step: int, loss: float, **more: float) -> str:
    return json.dumps({"step": step, "epoch": 1, "loss": loss, "rate": 0.1, **more, "rung": "mlp"}) + "\n"


@cache
def network():
    columns = table()
    rows = {name: columns[name] for name in ("size", "colour", "price")}
    return quick(rows, "price", model="mlp", budget=1.0, name="curves")


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    """A run that is still learning: one rung done, one at it."""
    for name in ("linear", "mlp"):
        (tmp_path / "rungs" / name).mkdir(parents=True)
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "status": "running", "rungs": []}))
    result = {"name": "linear", "family": "linear", "seconds": 0.5, "validation": 2.0, "test": None, "error": None}
    (tmp_path / "rungs" / "linear" / "rung.json").write_text(json.dumps({"result": result, "state": {}}))
    (tmp_path / "rungs" / "mlp" / "history.jsonl").write_text(line(1, 3.0) + line(2, 2.0, validation=2.5))
    return tmp_path


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=900))
def test_groups_keep_the_extremes_the_mean_and_the_last_step(losses: list[float]) -> None:
    table = np.full((len(losses), len(NUMBERS)), np.nan)
    table[:, 0], table[:, 2], table[:, 4] = np.arange(1, len(losses) + 1), losses, 0.5
    found = grouped(table).astype(np.float64)
    assert len(found) == min(POINTS, len(losses))
    assert found[-1, 0] == len(losses) and (np.diff(found[:, 0]) > 0).all()
    assert found[:, 2].min() == np.float32(min(losses)) and found[:, 3].max() == np.float32(max(losses))
    slack = 1e-6 * max(losses)
    assert (found[:, 2] <= found[:, 1] + slack).all() and (found[:, 1] <= found[:, 3] + slack).all()
    if len(losses) <= POINTS:
        assert np.array_equal(found[:, 1], np.float32(losses).astype(np.float64))


def test_the_curves_of_a_finished_run_are_its_history() -> None:
    function = network()
    widget = Run(function, lang="en")
    assert not widget.live and [rung["name"] for rung in widget.runs[0]["rungs"]] == [r.name for r in function.rungs]
    right = curves(function, "mlp")
    (mine,) = [curve for curve in widget.curves if curve["rung"] == "mlp"]
    numbers = np.frombuffer(widget.points, np.float32)[mine["first"] :]
    groups = numbers[: mine["groups"] * 5].reshape(-1, 5)
    parts = np.array_split(right["loss"], min(POINTS, len(right["loss"])))
    np.testing.assert_allclose(groups[:, 1], [part.mean() for part in parts], rtol=1e-6)
    assert groups[:, 3].max() == np.float32(right["loss"].max()) and groups[-1, 0] == right["step"][-1]
    checks = numbers[mine["groups"] * 5 :][: mine["checks"] * 2].reshape(-1, 2)
    there = ~np.isnan(right["validation"])
    np.testing.assert_array_equal(checks[:, 1], right["validation"][there].astype(np.float32))
    assert mine["steps"] == right["step"][-1]


def test_values_at_a_step_are_those_of_its_line() -> None:
    function = network()
    widget, right = Run(function, lang="en"), curves(function, "mlp")
    widget._received(widget, {"do": "scrub", "step": 7}, [])
    (mine,) = [values for values in widget.at if values["rung"] == "mlp"]
    assert (mine["step"], mine["loss"], mine["rate"]) == (7, right["loss"][6], right["rate"][6])
    looked = np.flatnonzero(~np.isnan(right["validation"][:7]))
    assert mine["validation"] == (right["validation"][looked[-1]] if len(looked) else None)
    widget._received(widget, {"do": "scrub", "step": -5}, [])
    assert widget.step == -1 and widget.at[0]["step"] == right["step"][-1]


def test_a_run_that_is_still_learning_is_followed(growing: Path) -> None:
    widget = Run(growing, lang="en")
    assert widget.live and widget.curves[0]["steps"] == 2 and widget.at[0]["validation"] == 2.5
    assert [(rung["name"], rung["learning"]) for rung in widget.runs[0]["rungs"]] == [("linear", False), ("mlp", True)]
    assert widget.refresh() is False
    history = growing / "rungs" / "mlp" / "history.jsonl"
    with open(history, "a") as file:
        file.write(line(3, 1.0) + line(4, 0.5)[:20])  # the last line is not whole yet
    assert widget.refresh() is True and widget.curves[0]["steps"] == 3
    with open(history, "a") as file:
        file.write(line(4, 0.5)[20:])
    widget._received(widget, {"do": "refresh"}, [])
    assert widget.curves[0]["steps"] == 4 and widget.at[0]["loss"] == 0.5
    history.write_text(line(1, 9.0))  # a resumed run cuts its history
    assert widget.refresh() is True and widget.curves[0]["steps"] == 1 and widget.at[0]["loss"] == 9.0
    record = {"format": 1, "status": "done", "metric": "rmse", "winner": "mlp"}
    rungs = [{"name": "mlp", "family": "small", "seconds": 1, "validation": 1.5, "test": 1.6, "error": None}]
    (growing / "run.json").write_text(json.dumps(record | {"rungs": rungs}))
    assert widget.refresh() is True and not widget.live and widget.runs[0]["winner"] == "mlp"


def test_several_runs_stand_side_by_side_and_wrong_ones_are_refused(growing: Path) -> None:
    widget = Run(network(), str(growing), lang="zh")
    assert {curve["run"] for curve in widget.curves} == {0, 1} and len(widget.runs) == 2
    assert widget.words["run_widget.rate"].startswith("学习率")
    with pytest.raises(RunError) as caught:
        Run(growing / "nowhere")
    assert caught.value.code == "no-run"
    with pytest.raises(TaskError):
        Run()


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_follows_scrubs_and_hides(growing: Path, width: int) -> None:
    widget = Run(growing, lang="en")
    with stage(widget, width=width) as page:
        with open(growing / "rungs" / "mlp" / "history.jsonl", "a") as file:
            file.writelines(
                line(step, 1 / step, **({"validation": 2 / step} if step % 4 == 0 else {})) for step in range(3, 41)
            )
        page.wait_for_function("document.querySelector('input[type=range]').max === '40'")
        page.locator("canvas").nth(1).focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelectorAll('td')[1].textContent === '2'")
        assert page.locator("td").all_text_contents()[:5] == ["mlp", "2", "1", "2", "2.5"]
        page.get_by_role("switch", name="mlp").press("Enter")
        until(page, lambda: widget.hidden == [[0, "mlp"]])
        assert page.locator(".run-bar").all_text_contents() == ["2 validation"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
