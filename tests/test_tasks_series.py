"""The tasks of the river, the Nile, the survey and the clips: their rows, their traps, and one's own data in their place."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fofx
from fofx.data.read import read
from fofx.data.windows import window_groups
from fofx.errors import TaskError
from fofx.tasks import ahead, clips, covid, march, nile, task
from fofx.tasks._timed import timed


def test_march_holds_every_march_once_and_looks_back_ten_years():
    rows = march.data()
    assert len(rows["next_march"]) == 80 and rows["year"] == list(range(1913, 1993))
    assert rows["march_10"][0] == -1.34911  # of 1903, as in river.csv
    for back in (1, 2, 10):
        assert rows[f"march_{back}"][back:] == rows["next_march"][:-back]
    assert march.data(years=3, month=7)["year"][0] == 1906


def test_march_has_no_memory_worth_speaking_of():
    rows = march.data()
    last, level = np.array(rows["march_1"]), np.array(rows["next_march"])
    assert abs(np.corrcoef(last, level)[0, 1]) < 0.35


def test_the_nile_is_that_of_the_books():
    rows = nile.data()
    assert rows["year"] == list(range(1871, 1971)) and rows["flow"][:3] == [1120, 1160, 963]
    flow = np.array(rows["flow"])
    assert flow.mean() == pytest.approx(919.35) and flow[:28].mean() - flow[28:].mean() > 200  # the fall around 1898
    assert len(ahead.data()["level"]) == 1080


def test_one_s_own_series_in_their_place(tmp_path: Path):
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 5, 9), eager=True)
    frame = pl.DataFrame({"shop": ["a"] * 130, "day": days, "other": range(130), "sales": np.arange(130) * 1.5})
    frame.write_csv(tmp_path / "sales.csv")
    given = task("ahead").arguments(str(tmp_path / "sales.csv"))
    assert given == (str(tmp_path / "sales.csv"), {"outputs": "sales", "time": "day", "past": 24, "horizon": 6})
    frame.select(pl.arange(1900, 2030).alias("year"), "sales").write_csv(tmp_path / "years.csv")
    assert timed(str(tmp_path / "years.csv"), horizon=1)["time"] == "year"
    frame.select("sales").sample(fraction=1.0, shuffle=True, seed=1).write_csv(tmp_path / "bare.csv")
    assert timed(str(tmp_path / "bare.csv")) == {"data": str(tmp_path / "bare.csv"), "outputs": "sales"}
    frame.select("shop", "day").write_csv(tmp_path / "none.csv")
    with pytest.raises(TaskError, match="no column of numbers"):
        timed(str(tmp_path / "none.csv"))


@pytest.fixture(scope="module")
def survey():
    return task("covid").table()


def test_the_survey_has_the_columns_of_the_course(survey):
    names = survey.frame.columns
    assert len(names) == 1 + 40 + 3 * 18 and names[:3] == ["id", "AL", "AK"] and names[-1] == "tested_positive_3"
    assert survey.families["cli"] == ["cli_1", "cli_2", "cli_3"] and survey.resolve("tested_positive") == names[-1]
    assert [note.code for note in survey.notes] == ["simulated"]
    states = survey.frame.select(covid.STATES).to_numpy()
    assert (states.sum(axis=1) == 1).all() and (states.sum(axis=0) == 68).all()
    values = survey.frame[:, 41:].to_numpy()
    assert values.min() > 0 and values.max() <= 100
    assert survey.frame.equals(covid.data().frame) and not survey.frame.equals(covid.data(seed=1).frame)


def test_what_the_survey_knows_of_the_epidemic(survey):
    """What neighbours say goes with the tests; whoever is careful goes out less when there is more of it."""
    frame = survey.frame
    share = frame["tested_positive_3"].to_numpy()
    for name, least, most in (("cli_3", 0.5, 1), ("hh_cmnty_cli_3", 0.7, 1), ("restaurant_3", -0.8, -0.1)):
        assert least < np.corrcoef(frame[name].to_numpy(), share)[0, 1] < most
    assert np.corrcoef(frame["tested_positive_2"].to_numpy(), share)[0, 1] > 0.98


def test_the_survey_leaks_by_a_random_split_and_not_by_its_own(survey, tmp_path: Path):
    groups = window_groups(survey.frame)
    assert groups is not None
    home = survey.frame.select(covid.STATES).to_numpy().argmax(axis=1)
    assert len({*zip(groups.tolist(), home.tolist())}) == len(set(groups.tolist())) == 40  # a chain is a state
    options = {"model": "mean", "budget": 1, "out": str(tmp_path)}
    leaky = fofx.find(covid.data(states=10, days=30), "tested_positive", **options, name="random")
    assert "leak-windows" in [note.code for note in leaky.warnings]
    table, asked = task("covid").arguments(states=10, days=30)
    clean = fofx.find(table, **{**options, **asked}, name="states")
    assert not [note for note in clean.warnings if note.code.startswith("leak")]
    assert "simulated" in [note.code for note in clean.warnings]


def test_the_course_s_own_table_in_its_place(tmp_path: Path):
    """Repeated header names as in the course's file; the last one of the target is asked for."""
    table = covid.data(states=6, days=20)
    header = [name.rsplit("_", 1)[0] if name[-1].isdigit() else name for name in table.frame.columns]
    with open(tmp_path / "covid.train.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(table.frame.rows())
    path = str(tmp_path / "covid.train.csv")
    assert covid.own(path) == {"data": path, "outputs": "tested_positive", "group": "windows"}
    assert read(path).resolve("tested_positive") == "tested_positive_3"
    table.frame.select("id", "AL", pl.col("tested_positive_3").alias("tested_positive")).write_csv(path)
    assert covid.own(path) == {"data": path, "outputs": "tested_positive"}
    table.frame.select("id", "AL").write_csv(path)
    with pytest.raises(TaskError, match="tested_positive"):
        covid.own(path)


def test_clips_are_videos_with_their_directions():
    rows = clips.data(count=12, frames=4, side=24)
    assert rows["clip"].shape == (12, 4, 24, 24, 3) and set(rows["direction"]) <= {"right", "left", "up", "down"}
    table = task("clips").table(count=4)
    assert table.frame["clip"].dtype.shape == (6, 32, 32, 3)
