"""Rows made from series: exact windows, nothing from the future, and every gap, repeat and disorder said."""

from __future__ import annotations

import csv
import datetime
from importlib.resources import files

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fofx.data.forecast import series_rows
from fofx.data.moments import as_column, find_step, later, moments_of, steps_between
from fofx.data.season import autocorrelation, calendar_periods, seasonal_period
from fofx.errors import DataError, FofxError, TaskError

DICE = np.random.default_rng(0)


def table(rows: int = 120, **columns) -> pl.DataFrame:
    days = pl.date_range(
        datetime.date(2020, 1, 1), datetime.date(2020, 1, 1) + datetime.timedelta(rows - 1), eager=True
    )
    return pl.DataFrame({"day": days, "x": np.arange(rows, dtype=float), **columns})


def codes(made) -> dict[str, int]:
    return {note.code: note.count for note in made.notes}


def test_windows_are_the_values_themselves():
    made = series_rows(table(), "x", time="day", past=5, horizon=2)
    before, after = made.frame["x"].to_numpy(), made.frame["next_x"].to_numpy()
    assert before.shape == (len(made.frame), 5) and after.shape == (len(made.frame), 2)
    assert (np.diff(np.concatenate([before, after], axis=1), axis=1) == 1).all()  # x counts the days
    first = datetime.date(2020, 1, 1)
    assert [(day - first).days for day in made.frame["day"]] == after[:, 0].tolist()
    assert made.newest["x"].to_list() == [[115.0, 116.0, 117.0, 118.0, 119.0]]
    assert made.newest["day"].to_list() == [first + datetime.timedelta(120)]
    assert made.answers == {"x": "next_x"}
    seconds = moments_of(made.frame["day"][:1])[0][0]
    assert made.moments(seconds).to_list() == [made.frame["day"][0], made.frame["day"][0] + datetime.timedelta(1)]


def test_no_part_answers_for_another():
    made = series_rows(table(), "x", time="day", past=5, horizon=4)
    ends = {
        name: made.frame["next_x"].to_numpy()[getattr(made.split, name)] for name in ("train", "validation", "test")
    }
    assert ends["train"].max() < ends["validation"].min() and ends["validation"].max() < ends["test"].min()
    assert codes(made) == {"series-borders": 6}  # three rows at each of two borders
    seen = made.frame["x"].to_numpy()[made.split.test]
    assert seen.min() < ends["validation"].max()  # the past may reach back, as it will in use
    sizes = made.split.sizes()
    assert sum(sizes.values()) == len(made.frame) and abs(sizes["train"] / 112 - 0.7) < 0.05


@settings(max_examples=40)
@given(some.integers(0, 10_000), some.integers(1, 6), some.integers(1, 4))
def test_rows_never_hold_anything_from_their_future(seed, past, horizon):
    """A change of all values from some moment on changes no past of rows asked until then."""
    dice = np.random.default_rng(seed)
    values = dice.normal(size=80)
    values[dice.random(80) < 0.1] = np.nan
    kept = np.sort(dice.permutation(80)[:70])
    cut = int(dice.integers(20, 60))
    later_values = np.where(np.arange(80) >= cut, dice.normal(size=80) + 99, values)
    made = []
    for column in (values, later_values):
        frame = table(80, y=column)[kept.tolist()]
        try:
            made.append(series_rows(frame, "y", ["y"], time="day", past=past, horizon=horizon, season=7))
        except DataError as error:
            assert error.code == "series-too-short"
            return
    until = datetime.date(2020, 1, 1) + datetime.timedelta(cut)
    one, two = (each.frame.filter(pl.col("day") <= until).select("day", "y") for each in made)
    both = one.join(two, on="day", suffix="2")
    assert np.array_equal(both["y"].to_numpy(), both["y2"].to_numpy())
    answers = made[0].frame["next_y"].to_numpy()
    for day, answer in zip(made[0].frame["day"], answers):
        start = (day - datetime.date(2020, 1, 1)).days
        assert np.array_equal(answer, values[start : start + horizon])  # given, never filled
        assert set(range(start, start + horizon)) <= set(kept.tolist())


def test_gaps_and_missing_values_are_filled_from_before_and_said():
    frame = table(60).with_columns(pl.when(pl.col("x") == 20).then(None).otherwise(pl.col("x")).alias("x"))
    frame = frame.filter(~pl.col("x").is_in([30.0, 31.0]).fill_null(False))  # two days have no row at all
    made = series_rows(frame, "x", time="day", past=6, horizon=1)
    assert codes(made)["series-filled"] == 3
    row = made.frame.filter(pl.col("day") == datetime.date(2020, 2, 2))  # the day 32
    assert row["x"].to_list() == [[26.0, 27.0, 28.0, 29.0, 29.0, 29.0]]
    asked = made.frame["next_x"].to_numpy()[:, 0]
    assert not {20.0, 30.0, 31.0} & set(asked.tolist())  # a filled value is never an answer
    made = series_rows(frame, "x", time="day", past=2, horizon=1)
    assert codes(made)["series-gaps"] == 1  # two steps are longer than half of the past
    starts = made.frame.filter(pl.col("day") >= datetime.date(2020, 2, 2))["x"].to_numpy()
    assert starts[0].tolist() == [32.0, 33.0]


def test_a_typing_error_in_a_year_fills_no_memory():
    frame = table(60).with_columns(
        pl.when(pl.col("x") == 59).then(datetime.date(9020, 1, 1)).otherwise(pl.col("day")).alias("day")
    )
    made = series_rows(frame, "x", time="day", past=4)
    assert codes(made) == {"series-gaps": 1} and len(made.frame) == 55


def test_unsorted_and_repeated_moments():
    frame = table(60)
    made = series_rows(frame.reverse(), "x", time="day", past=4)
    assert codes(made) == {"series-sorted": 59}
    assert made.frame.equals(series_rows(frame, "x", time="day", past=4).frame)
    twice = pl.concat([frame, frame.tail(2).with_columns(pl.col("x") + 2)])
    made = series_rows(twice, "x", time="day", past=4)
    assert codes(made)["series-repeated"] == 2
    assert made.frame["next_x"].to_list()[-1] == [60.0]  # the mean of 59 and 61
    many = pl.concat([frame.with_columns(shop=pl.lit(name)) for name in "ab"])
    with pytest.raises(DataError, match=r"group='NAME'.*'shop'") as caught:
        series_rows(many, "x", time="day")
    assert caught.value.code == "repeated-moments"


def test_several_series_are_cut_apart_and_split_at_the_same_moments():
    shops = [table(90).with_columns(pl.col("x") + start, shop=pl.lit(name)) for name, start in (("a", 0), ("b", 1000))]
    short = table(3).with_columns(shop=pl.lit("c"))
    mixed = pl.concat([*shops, short]).sample(fraction=1.0, shuffle=True, seed=1)
    made = series_rows(mixed, "x", time="day", group="shop", past=6, horizon=2)
    assert codes(made)["series-left-out"] == 1
    for shop, start in (("a", 0), ("b", 1000)):
        own = made.frame.filter(pl.col("shop") == shop)
        assert own["x"].to_numpy().min() == start and own["x"].to_numpy().max() < start + 90
    asked = {name: made.frame["day"].gather(getattr(made.split, name)) for name in ("train", "validation", "test")}
    assert asked["train"].max() < asked["validation"].min() < asked["validation"].max() < asked["test"].min()
    assert sorted(made.newest["shop"].to_list()) == ["a", "b"]


def test_many_variables_and_whole_groups_of_options():
    frame = table(80, y=DICE.normal(size=80), flag=DICE.random(80) < 0.5, name=["a"] * 80)
    made = series_rows(frame, ["x", "y"], time="day", past=4)
    assert made.frame.columns == ["day", "x", "y", "flag", "next_x", "next_y"]
    assert made.frame["flag"].dtype == pl.Array(pl.Float64, 4)
    made = series_rows(frame, "x", ["y"], time="day", past=4)
    assert made.frame.columns == ["day", "x", "y", "next_x"]  # its own past always belongs to it
    made = series_rows(frame.with_columns(next_x=pl.col("x")), "x", time="day", past=4)
    assert made.answers == {"x": "next_x_"}


def test_rows_without_a_time_column_follow_one_another():
    made = series_rows(table(60).select("x"), "x", past=3)
    assert made.frame["step"].to_list() == list(range(3, 60)) and made.newest["step"].to_list() == [60]


def test_moments_without_a_step_are_said_to_have_none():
    times = np.cumsum(DICE.exponential(size=80)) * 1000
    made = series_rows(pl.DataFrame({"t": times, "x": np.arange(80.0)}), "x", time="t", past=3)
    assert codes(made) == {"series-irregular": 80} and made.plan["unit"] == "row"
    sparse = pl.DataFrame({"t": np.cumsum(DICE.integers(1, 40, 80)), "x": np.arange(80.0)})
    made = series_rows(sparse, "x", time="t", past=60 // 3)
    assert "series-irregular" in codes(made) and "series-filled" not in codes(made)


def test_too_short_says_what_is_needed():
    with pytest.raises(DataError, match="at least 26") as caught:
        series_rows(table(20), "x", time="day", past=20, horizon=2)
    assert caught.value.code == "series-too-short"
    assert min(series_rows(table(26), "x", time="day", past=20, horizon=1).split.sizes().values()) >= 1
    made = series_rows(table(26), "x", time="day", past=20, horizon=2)
    assert min(made.split.sizes().values()) >= 1
    with pytest.raises(DataError):
        series_rows(table(25), "x", time="day", past=20, horizon=2)
    assert min(series_rows(table(4), "x", time="day").split.sizes().values()) == 1  # a past of one value


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outputs": "y"}, "unknown-column"),
        ({"time": "dya"}, "unknown-column"),
        ({"outputs": []}, "no-output"),
        ({"past": 0}, "bad-option"),
        ({"horizon": 1.5}, "bad-option"),
        ({"past": True}, "bad-option"),
        ({"season": 1}, "bad-option"),
        ({"outputs": "word"}, "not-numbers"),
        ({"outputs": "nothing"}, "not-numbers"),
        ({"time": "word"}, "not-moments"),
    ],
)
def test_wrong_options_and_columns(change, code):
    frame = table(40, word=["a"] * 40, nothing=[np.nan] * 40)
    with pytest.raises(FofxError) as caught:
        series_rows(frame, **{"outputs": "x", "inputs": [], "time": "day", **change})
    assert caught.value.code == code


def test_numbers_that_are_text_and_infinite_values():
    frame = table(60).with_columns(
        pl.when(pl.col("x") == 9).then(np.inf).otherwise(pl.col("x")).cast(pl.String).alias("x")
    )
    made = series_rows(frame, "x", time="day", past=4)
    assert codes(made)["series-filled"] == 1 and np.isfinite(made.frame["x"].to_numpy()).all()


def test_moments_that_cannot_be_read_are_left_out():
    frame = (
        table(60)
        .with_columns(pl.col("day").cast(pl.String))
        .with_columns(pl.when(pl.col("x") == 30).then(pl.lit("soon")).otherwise(pl.col("day")).alias("day"))
    )
    assert codes(series_rows(frame, "x", time="day", past=4)) == {"series-no-moment": 1, "series-filled": 1}


def test_long_tables_are_thinned_within_bounds(monkeypatch):
    from fofx.data import forecast

    monkeypatch.setattr(forecast, "MOST_NUMBERS", 1_000)
    made = series_rows(table(500), "x", time="day", past=10)
    assert made.plan["stride"] == 5 and len(made.frame) <= 100 and "series-thinned" in codes(made)


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["1903-01", "1903-02"], datetime.date(1903, 1, 1)),
        (["2021年3月5日", "2021年4月15日"], datetime.date(2021, 3, 5)),
        (["2021年3月", "2021年4月"], datetime.date(2021, 3, 1)),
        (["2021年3月5日 14时", "2021年3月5日15:30"], datetime.datetime(2021, 3, 5, 14)),
        (["1990Q2", "1990-Q3", "1990年第4季度"], datetime.date(1990, 4, 1)),
        (["05/21/2020", "06/01/2020"], datetime.date(2020, 5, 21)),
        (["2020-01-01T05:00:00Z", "2020-01-01T06:00:00Z"], datetime.datetime(2020, 1, 1, 5)),
        (["1871", "1872"], datetime.date(1871, 1, 1)),
        (["20200105", "20200106"], datetime.date(2020, 1, 5)),
        (["2021年2月31日", "2021年3月1日"], None),
        (["soon", "later"], None),
        ([20210305, 20210306, 20210307], datetime.date(2021, 3, 5)),
        ([190301, 190302, 190303], datetime.date(1903, 1, 1)),
        ([1871, 1872, 1873], 1871),
        ([0.5, 1.5], 0.5),
    ],
)
def test_many_ways_to_write_a_moment(texts, first):
    moments, dated = moments_of(pl.Series(texts))
    assert as_column("t", moments, dated).to_list()[0] == first


@pytest.mark.parametrize(
    ("interval", "unit", "size", "periods"),
    [
        ("1mo", "month", 1, [12]),
        ("3mo", "month", 3, [4]),
        ("1y", "month", 12, []),
        ("1d", "second", 86_400, [7, 365]),
        ("1h", "second", 3_600, [24, 168, 8760]),
        ("15m", "second", 900, [4, 96]),
        ("1w", "second", 7 * 86_400, [52]),
    ],
)
def test_the_step_of_a_calendar_and_its_seasons(interval, unit, size, periods):
    times = pl.datetime_range(datetime.datetime(2020, 1, 1), datetime.datetime(2024, 1, 1), interval, eager=True)
    moments, dated = moments_of(times)
    assert find_step([moments], dated) == (unit, size)
    assert calendar_periods(unit, size) == periods
    fewer = moments[[row for row in range(len(moments)) if row % 5 != 3]]  # a fifth of the rows is missing
    if len(moments) > 40:
        assert find_step([fewer], dated) == (unit, size)
        assert steps_between(fewer, unit, size).sum() == np.searchsorted(moments, fewer[-1])
    assert np.array_equal(later(moments[1], 3, unit, size), moments[2:5])


def test_working_days_and_ends_of_months():
    days = pl.date_range(datetime.date(2024, 1, 1), datetime.date(2024, 6, 30), eager=True)
    working = days.filter(days.dt.weekday() < 6)
    moments, _ = moments_of(working)
    assert find_step([moments], True) == ("weekday", 1.0) and (steps_between(moments, "weekday", 1) == 1).all()
    assert np.array_equal(later(moments[0], 20, "weekday", 1), moments[1:21])
    ends = days.dt.month_end().unique().sort()
    moments, _ = moments_of(ends)
    assert find_step([moments], True) == ("month", 1.0)
    assert np.array_equal(later(moments[0], 5, "month", 1), moments[1:])
    leap = as_column("t", later(moments_of(pl.Series([datetime.date(2023, 1, 30)]))[0][0], 2, "month", 1), True)
    assert leap.to_list() == [datetime.date(2023, 2, 28), datetime.date(2023, 3, 30)]


def test_jitter_is_no_irregularity():
    times = np.arange(200) * 60.0 + DICE.uniform(-3, 3, 200)
    unit, size = find_step([times], True)
    assert unit == "second" and (steps_between(times, unit, size) == 1).all()


def test_autocorrelation_is_the_textbook_sum():
    values = DICE.normal(size=50).cumsum()
    rest = values - np.polyval(np.polyfit(np.arange(50), values, 1), np.arange(50))
    expected = [(rest[lag:] * rest[: 50 - lag]).sum() / (rest**2).sum() for lag in range(8)]
    assert np.allclose(autocorrelation([values], 7), expected)
    assert (autocorrelation([np.arange(30.0) * 1e9], 5) == 0).all()  # a straight line


def test_seasons_are_found_and_not_invented():
    days = np.arange(300)
    wave = np.sin(2 * np.pi * days / 7) + 0.01 * days + DICE.normal(size=300)
    assert seasonal_period([wave], [7, 365]) == (7, "calendar")
    assert seasonal_period([np.sin(2 * np.pi * days / 9) + 0.3 * DICE.normal(size=300)], [7]) == (9, "autocorrelation")
    noise = [seasonal_period([DICE.normal(size=300)], [7])[0] for _ in range(30)]
    walks = [seasonal_period([DICE.normal(size=300).cumsum()], [7])[0] for _ in range(30)]
    assert noise.count(None) >= 27 and walks.count(None) >= 27
    assert seasonal_period([np.ones(50)], [7]) == (None, "none") and seasonal_period([], [7]) == (None, "none")


def test_the_past_follows_the_season_and_the_length():
    months = pl.date_range(datetime.date(1990, 1, 1), datetime.date(2009, 12, 1), "1mo", eager=True)
    wave = np.sin(2 * np.pi * np.arange(240) / 12) + 0.2 * DICE.normal(size=240)
    made = series_rows(pl.DataFrame({"month": months, "x": wave}), "x", time="month")
    assert (made.season, made.season_from, made.plan["past"]) == (12, "calendar", 24)
    made = series_rows(pl.DataFrame({"month": months, "x": wave})[:40], "x", time="month", season=12)
    assert (made.season_from, made.plan["past"]) == ("given", 12)


def test_the_rivers_of_the_catalogue():
    with files("fofx.tasks").joinpath("nile.csv").open(encoding="utf-8") as file:
        nile = pl.DataFrame(list(csv.DictReader(file)))
    made = series_rows(nile, "flow", time="year")
    assert made.plan["past"] == 10 and made.season is None and len(made.frame) == 90
    with files("fofx.tasks").joinpath("river.csv").open(encoding="utf-8") as file:
        river = pl.DataFrame(list(csv.DictReader(file)))
    made = series_rows(river, "level", time="month")
    assert made.plan["past"] == 24 and made.season is None  # each month's own mean has been taken away
    assert made.frame["month"][0] == datetime.date(1905, 1, 1) and not made.notes


def test_unknown_columns_name_the_nearest():
    with pytest.raises(TaskError, match="Did you mean 'day'"):
        series_rows(table(), "x", time="days")
