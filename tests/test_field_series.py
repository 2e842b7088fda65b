"""Series end to end: found, scored against the naive answers, taken home as a script, explained, and asked oddly."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import fofx
from fofx.errors import DataError, FofxError, TaskError
from fofx.fields import make_field
from fofx.fields.number import Number
from fofx.fields.series import Series, fill_from_before, series_values
from fofx.models.forecast import NLinear
from fofx.models.reading import FromLast
from small import warm
from test_eject import run_scripts, same_as_the_run


def months(rows: int = 180, seed: int = 0) -> pl.DataFrame:
    """A season of 12 months, a slow rise, and a second variable that leads the first by one month."""
    rng = np.random.default_rng(seed)
    lead = rng.normal(size=rows + 1)
    place = np.arange(rows)
    level = 10 + 3 * np.sin(2 * np.pi * place / 12) + 0.02 * place + 2 * lead[:-1] + 0.3 * rng.normal(size=rows)
    dates = pl.date_range(pl.date(2000, 1, 1), pl.date(2014, 12, 1), "1mo", eager=True)[:rows]
    return pl.DataFrame({"month": dates, "level": level, "lead": lead[1:]})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("series")


def found_by(place: Path, model: str, budget: float = 1.0) -> fofx.Function:
    options = {"time": "month", "past": 14, "horizon": 1, "model": model, "budget": budget, "out": str(place)}
    return fofx.find(months(), "level", name=model, **options)


@pytest.fixture(scope="module")
def one(place: Path) -> fofx.Function:
    return found_by(place, "gru")


@pytest.fixture(scope="module")
def three(place: Path) -> fofx.Function:
    options = {"time": "month", "past": 13, "horizon": 3, "budget": 1.0, "out": str(place)}
    return fofx.find(months(), "level", inputs=["level"], model="transformer", name="three", **options)


def test_a_model_stands_beside_every_naive_answer(one: fofx.Function) -> None:
    names = ["mean", "drift", "last value", "seasonal value", "linear", "gru"]
    assert [result.name for result in one.rungs] == names
    scores = {result.name: result.test for result in one.rungs}
    assert scores["linear"] < 0.5 * min(scores[name] for name in names[:4])
    assert one.task.cell == (3, 1)
    assert [column.kind for column in one.task.inputs] == ["series", "series"]
    assert one.fields[0].season == 12 and one.fields[0].past == 14


@pytest.mark.slow
def test_the_ladder_is_climbed(place: Path) -> None:
    warm()
    found = found_by(place, "auto", budget=20)
    assert not [result for result in found.rungs if result.error]
    assert {"nlinear", "dlinear", "gru", "transformer"} <= {result.name for result in found.rungs}
    assert found.scores["mase"] < 0.5


def test_naive_answers_are_what_they_say(one: fofx.Function) -> None:
    frame = one.test_frame
    past = frame["level"].to_numpy()
    assert np.allclose(one.predict(frame, "last value")["next level"], past[:, -1])
    assert np.allclose(one.predict(frame, "seasonal value")["next level"], past[:, -12])
    assert np.allclose(one.predict(frame, "drift")["next level"], past[:, -1] + (past[:, -1] - past[:, 0]) / 13)


def test_several_steps_ahead(three: fofx.Function) -> None:
    assert [output.name for output in three.outputs] == ["level +1", "level +2", "level +3"]
    past, found = three.test_frame["level"].to_numpy(), three.predict(three.test_frame, "last value")
    assert all(np.allclose(found[name], past[:, -1]) for name in found)
    loaded = fofx.load(three.run.path)
    ours, theirs = three.predict(three.test_frame), loaded.predict(three.test_frame)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    shape = three.rung("transformer").shape["encoders"][0]
    assert [follow[0] for follow in shape["follow"]] == [0, 0, 0] and shape["past"] == 13


@pytest.fixture(scope="module")
def classes(place: Path) -> fofx.Function:
    """Arrays of equal length need no time: here a fast or a slow wave."""
    rng = np.random.default_rng(1)
    label = np.where(np.arange(160) % 2 == 0, "slow", "fast")
    speed = np.where(label == "slow", 0.3, 0.9)[:, None]
    waves = np.sin(speed * np.arange(24) + rng.uniform(0, 6, (160, 1))) + 0.2 * rng.normal(size=(160, 24))
    options = {"model": "gru", "budget": 2, "out": str(place), "name": "classes"}
    return fofx.find({"wave": waves, "label": label}, "label", **options)


@pytest.fixture(scope="module")
def beside(place: Path) -> fofx.Function:
    rng = np.random.default_rng(2)
    waves, more = rng.normal(size=(120, 6)), rng.normal(size=120)
    data = {"wave": waves, "more": more, "y": waves[:, -1] + more}
    return fofx.find(data, "y", model="gru", budget=1, out=str(place), name="beside")


def test_scripts_give_the_numbers_of_the_run(
    place: Path, one: fofx.Function, three: fofx.Function, classes: fofx.Function, beside: fofx.Function
) -> None:
    asked = [(one, rung) for rung in ("mean", "last value", "seasonal value", "drift", "linear", "gru")]
    asked += [(found_by(place, rung), rung) for rung in ("nlinear", "dlinear")]
    asked += [(three, "transformer"), (classes, "gru"), (beside, "gru")]
    made = [(f, rung, f.eject(place / f"{f.run.name}-{rung.replace(' ', '_')}.py", rung=rung)) for f, rung in asked]
    run_scripts([script for _, _, script in made])
    for each in made:
        same_as_the_run(*each)
    text = made[8][2].read_text(encoding="utf-8")
    assert "FromLast(" in text and "class Series" in text and "NLinear" not in text


class Killed(BaseException):
    """Ends a run where it stands."""


def test_a_run_that_was_cut_short_goes_on_to_the_same_end(place: Path, three: fofx.Function) -> None:
    options = {"time": "month", "past": 13, "horizon": 3, "recipe": str(three.run.path), "out": str(place)}
    whole = fofx.find(months(), "level", inputs=["level"], name="whole", **options)

    def stop(event: dict) -> None:
        if event["what"] == "step" and event["fraction"] > 0.5:
            raise Killed

    with pytest.raises(Killed):
        fofx.find(months(), "level", inputs=["level"], name="cut", watch=stop, **options)
    again = fofx.find(resume=str(place / "cut"))
    ours, theirs = whole.predict(whole.test_frame, "transformer"), again.predict(whole.test_frame, "transformer")
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert again.fields[0].season == 12


def test_a_row_may_be_given_in_many_ways(one: fofx.Function) -> None:
    row = {name: one.test_frame[name].to_numpy()[0] for name in ("level", "lead")}
    expected = one.predict(one.test_frame[:1])["next level"][0]
    for given in (
        row,
        {name: [list(values)] for name, values in row.items()},
        {name: json.dumps(list(values)) for name, values in row.items()},
        {name: np.concatenate([[5.0], values]) for name, values in row.items()},  # a longer past
        one.test_frame[:1],
    ):
        answer = one(given)
        answer = answer[0] if isinstance(answer, list) else answer
        assert answer.value == pytest.approx(expected, rel=1e-6)
    with pytest.raises(DataError) as caught:
        one({name: values[:3] for name, values in row.items()})
    assert caught.value.code == "past-too-short"
    assert np.isfinite(one({"level": row["level"]}).value)  # the other variable is missing


def test_series_with_classes(classes: fofx.Function, place: Path) -> None:
    assert [column.kind for column in classes.task.inputs] == ["series"]
    assert classes.rung("gru").shape["encoders"][0]["follow"] is None
    frame = pl.concat([classes.test_frame] * 5)
    for model, words in (("dlinear", "cannot give label"), ("drift", "series that goes in")):
        with pytest.raises(TaskError, match=words) as caught:
            fofx.find(frame, "label", model=model, budget=1, out=str(place))
        assert caught.value.code == "model-does-not-fit"


def test_series_beside_another_input(beside: fofx.Function) -> None:
    parts = beside.rung("gru").shape["encoders"]
    assert [part["kind"] for part in parts] == ["vector", "series"] and parts[1]["follow"] is None


def test_measured_from_the_last_value_it_starts_at_the_last_value() -> None:
    torch.manual_seed(0)
    model = FromLast([[1, 2.0, 0.5], [0, 1.0, 0.0]], NLinear(5, 2, variables=2, targets=(1, 0)))
    series = torch.randn(3, 5, 2)
    torch.testing.assert_close(
        model(series), series[:, -1, [1, 0]] * torch.tensor([2.0, 1.0]) + torch.tensor([0.5, 0.0])
    )
    features = FromLast([], NLinear(5, None, variables=2))(series)
    assert features.shape == (3, 14)
    torch.testing.assert_close(features[:, -2:], series[:, -1])


def test_the_level_of_the_output_is_that_of_the_series() -> None:
    """[gain, shift] turns the series' last value, in its spreads, into the output's spreads."""
    rows = pl.Series("x", np.arange(40.0).reshape(10, 4))
    field, output = Series("x"), Number("next x")
    field.learn(rows), output.learn(pl.Series(np.arange(10.0) * 7 - 3))
    output.attune([field])
    ((variable, gain, shift),) = field.follows
    assert variable == 0
    last = field.encode(rows)[:, -1].numpy()
    assert np.allclose((last * gain + shift) * output.spread + output.mean, field.latest(rows))
    again = make_field(json.loads(json.dumps(field.state())))
    assert again.state() == field.state() and torch.equal(again.encode(rows), field.encode(rows))


def test_missing_values_and_odd_columns() -> None:
    table = np.array([[np.nan, 1, np.nan, 3], [np.nan] * 4])
    assert fill_from_before(table, 9.0).tolist() == [[9, 1, 1, 3], [9, 9, 9, 9]]
    column = pl.Series("x", [[1.0, None], None], dtype=pl.Array(pl.Float64, 2))
    assert np.isnan(series_values(column)).tolist() == [[False, True], [True, True]]
    assert Series.broken(column) == [(1, "it holds no number")]
    for wrong, code in (
        (pl.Series("x", ["[1, 2", "3"]), "not-series"),
        (pl.Series("x", [[1.0], [1.0, 2.0]]), "uneven-series"),
        (pl.Series("x", [1.0, 2.0]), "not-series"),
    ):
        with pytest.raises(FofxError) as caught:
            Series.as_kind(wrong)
        assert caught.value.code == code
    assert Series.as_kind(pl.Series("x", ["1 2 3", "[4, null, 6]"])).to_list() == [[1, 2, 3], [4, None, 6]]


def test_names_of_answers() -> None:
    field = Series("a +1")
    assert field.steps_to("next a +1") == 1 and field.steps_to("a +1 +12") == 12
    assert field.steps_to("a +1") is None and field.steps_to("a") is None and field.steps_to("b +1") is None


def test_rows_cut_here_are_no_leak(three: fofx.Function) -> None:
    assert not [note for note in three.warnings if note.code.startswith("leak")]


def test_what_comes_next(place: Path, one: fofx.Function, three: fofx.Function) -> None:
    frame = months()
    found = one.forecast()
    assert found["month"].to_list() == [datetime.date(2015, 1, 1)] and found.columns[1:] == [
        "level",
        "level low",
        "level high",
    ]
    past = {name: [frame[name].to_list()[-14:]] for name in ("level", "lead")}
    assert found["level"][0] == pytest.approx(one(past)[0].value)
    assert found["level low"][0] < found["level"][0] < found["level high"][0]
    assert fofx.load(one.run.path).forecast().equals(found)
    later = three.forecast(frame[:100].drop("lead"))
    assert later["month"].to_list() == [datetime.date(2008, number, 1) for number in (5, 6, 7)]
    seen = pl.DataFrame({"level": [frame["level"].to_list()[87:100]]}, schema={"level": pl.Array(pl.Float64, 13)})
    answers = three.predict(seen)
    assert later["level"].to_list() == pytest.approx([answers[f"level +{step}"][0] for step in (1, 2, 3)])
    with pytest.raises(DataError) as caught:
        one.forecast(frame[:5])
    assert caught.value.code == "series-too-short"
    with pytest.raises(TaskError) as caught2:
        one.forecast(frame.drop("lead"))
    assert caught2.value.code == "missing-columns"


def test_a_function_that_does_not_forecast_says_so(classes: fofx.Function) -> None:
    with pytest.raises(TaskError) as caught:
        classes.forecast()
    assert caught.value.code == "no-series"


def test_what_carried_a_forecast(one: fofx.Function) -> None:
    """The other variable leads by one month: its newest value must carry the answer."""
    explained = one.explain(one.test_frame[:1])
    effects, heat = dict(explained.parts), explained.heat["lead"]
    assert set(explained.heat) == {"level", "lead"} and heat.shape == explained.pictures["lead"].shape[:2] == (80, 320)
    assert (heat == heat[0]).all() and np.abs(heat[0, -1]) == np.abs(heat[0]).max()
    assert set(effects) == {"level", "lead"} and "<img" in explained.to_html("en")


def test_the_report_shows_how_far_ahead(three: fofx.Function, one: fofx.Function) -> None:
    text = three.report().read_text(encoding="utf-8")
    assert text.count("steps ahead") >= 4 and "MASE" in text and "序列 (series)" in text
    assert "steps ahead" not in one.report().read_text(encoding="utf-8")
    scores = {result.name: result.test_scores for result in three.rungs}
    assert {"level +1.mase", "mase"} <= set(scores["linear"])


def test_the_command_line_forecasts(three: fofx.Function, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from fofx.cli import main

    months()[:100].write_csv(tmp_path / "newer.csv")
    assert main(["forecast", str(three.run.path), str(tmp_path / "newer.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["month"] for row in said["forecast"]] == ["2008-05-01", "2008-06-01", "2008-07-01"]
    assert main(["forecast", str(three.run.path), "--lang", "zh"]) == 0
    assert "接下来" in capsys.readouterr().out
