"""From a table in time order to rows for forecasting: windows of the past go in, the next values come out.

    rows = series_rows(frame, "level", time="month", horizon=3)
    rows.frame            # month asked for | level: the past, an array a row | next_level: the next three values
    rows.split            # in time order
    rows.notes            # what was filled, sorted, left out

What is asked of training lies before what is asked of validation, and that before the test: a test row's past may reach
back into training, as it will in use, but nothing learns from a value that a later part is asked for.
"""

# R rows, P past values, H next values, V variables

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fofx.data.moments import as_column, find_step, later
from fofx.data.season import calendar_periods, seasonal_period
from fofx.data.series_check import look, said, too_short, variables_of
from fofx.data.split import FRACTIONS, PARTS, Split
from fofx.data.stretch import cut_stretches, on_calendar, parts_by_time, series_of, steps_between, time_borders
from fofx.errors import DataError, Notice, TaskError
from fofx.series import mase_scale

MOST_NUMBERS = 20_000_000  # in all pasts together (160 MB); beyond it only every second, third ... stretch is taken


@dataclass
class SeriesRows:
    """Rows made from series, ordered by the moment that is asked for.

    frame   : the time column (the first moment asked for), the group column, each variable as an array of its past (P,), oldest
              first, and each output as `next_NAME`, an array of its next values (H,).
    split   : in time order; rows whose answers cross a border are left out.
    newest  : the same columns without answers: the end of each series, whose future nobody knows yet.
    answers : {output: its column of next values}.        season : the period in steps, or None; `season_from` says whence.
    scales  : {output: how wrong the naive answer (of a season ago, else the last value) is on average in training, or None}.
    plan    : plain data from which `stretch.cut_stretches` makes the same rows.
    """

    frame: pl.DataFrame
    split: Split
    newest: pl.DataFrame
    answers: dict[str, str]
    plan: dict[str, Any]
    dated: bool
    season: int | None = None
    season_from: str = "none"
    scales: dict[str, float | None] = field(default_factory=dict)
    ends: list[dict] = field(
        default_factory=list
    )  # of `newest` as plain data: {"group", "last" moment, "past": {variable}}
    notes: list[Notice] = field(default_factory=list)

    def moments(self, first: float) -> pl.Series:
        """The H moments that a row asks for, from its first (in the numbers of `plan`: seconds since 1970, or numbers)."""
        step = self.plan["unit"], self.plan["size"]
        return as_column("moment", np.concatenate([[first], later(first, self.plan["horizon"] - 1, *step)]), self.dated)


def series_rows(
    frame: pl.DataFrame,
    outputs: str | list[str],
    inputs: list[str] | None = None,
    *,
    time: str | None = None,
    group: str | None = None,
    past: int | None = None,
    horizon: int = 1,
    season: int | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> SeriesRows:
    """Rows for forecasting `outputs` from the past of `inputs` and of the outputs themselves.

    inputs : columns of numbers (all others by default).    time : their moments; without it rows follow one another.
    group  : a column that tells several series apart.      past : how many values are seen; chosen when not given: two
    seasons, or about a tenth of the series (4 to 24).       horizon : how many next values are asked for.
    season : the period in steps; found from the calendar and the training part when not given.
    Raises TaskError ("unknown-column", "bad-option") and DataError ("not-numbers", "not-moments", "repeated-moments",
    "series-too-short").
    """
    outputs = [outputs] if isinstance(outputs, str) else list(outputs)
    variables = variables_of(frame, outputs, inputs, time, group)
    for word, value, least in (("past", past, 1), ("horizon", horizon, 1), ("season", season, 2)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise TaskError("bad-option", f"{word} is a whole number from {least} up, not {value!r}.")
    plan: dict[str, Any] = {"time": time, "group": group, "variables": variables, "outputs": outputs}
    series, found = series_of(frame, plan)
    notes = look(frame, series, found, plan)
    unit, size = find_step([times for _, times, _ in series], found["dated"])
    if unit != "row" and _mostly_empty(series, unit, size, (past or 24) // 2):
        unit = "row"
    if unit == "row" and time is not None:
        text = "The moments follow no regular step; each row counts as one step after the one before."
        notes.append(Notice("series-irregular", text, frame.height))
    plan |= {"unit": unit, "size": size, "horizon": horizon, "stride": 1}
    whence = "given" if season else "none"
    if season is None:
        season, whence = _season(series, plan, fractions[0] / sum(fractions))
    lengths = [len(times) for _, times, _ in series]
    typical = int(np.median(lengths))
    tried = [past] if past else _pasts(typical, horizon, season)
    for wanted in tried:
        plan |= {"past": wanted, "longest": max(1, wanted // 2)}
        rows, newest, counts = cut_stretches(series, plan)
        part = np.zeros(0, dtype=np.int64)
        if len(rows["first"]):
            plan["borders"] = time_borders(rows["first"], fractions, horizon)
            part = parts_by_time(rows["first"], rows["last"], plan["borders"])
        if all((part == number).any() for number in range(3)):
            break
    else:
        raise DataError("series-too-short", too_short(lengths, tried[-1], horizon))
    numbers = len(part) * plan["past"] * len(variables)
    if numbers > MOST_NUMBERS:
        plan["stride"] = math.ceil(numbers / MOST_NUMBERS)
        text = f"The series are long: one stretch in {plan['stride']} is used, which keeps memory within bounds."
        notes.append(Notice("series-thinned", text, len(part) - len(part) // plan["stride"]))
        rows, newest, counts = cut_stretches(series, plan)
        part = parts_by_time(rows["first"], rows["last"], plan["borders"])
    notes += said(counts, len(series), int((part < 0).sum()), plan)
    made = _together(frame, rows, newest, part, plan, found["dated"])
    made.season, made.season_from, made.notes = season, whence, notes
    for group, last, values in newest:
        seen = {name: values[:, number].tolist() for number, name in enumerate(variables)}
        made.ends.append(
            {"group": group if isinstance(group, int | float | str) else str(group), "last": last, "past": seen}
        )
    for number, name in enumerate(outputs):
        early = [values[times < plan["borders"][0], number] for _, times, values in series]
        made.scales[name] = mase_scale(early, season or 1)
    return made


def _mostly_empty(series: list, unit: str, size: float, longest: int) -> bool:
    """Would filling the gaps make a series of mostly filled values?"""
    steps = np.concatenate([steps_between(times, unit, size) for _, times, _ in series])
    return float(np.where(steps > longest + 1, 1, steps).sum()) > 4 * len(steps)


def _season(series: list, plan: dict, share: float) -> tuple[int | None, str]:
    """The period of the first output, from the part of each series that will train."""
    number, border = (
        plan["variables"].index(plan["outputs"][0]),
        np.quantile(np.concatenate([t for _, t, _ in series]), share),
    )
    seen = []
    for _, times, values in series:
        early = times <= border
        if early.sum() > 3:
            steps = steps_between(times[early], plan["unit"], plan["size"])
            filled = on_calendar(values[early][:, number : number + 1], steps, longest=10)[0]
            known = filled[np.isfinite(filled[:, 0]), 0]
            seen.append(known)
    return seasonal_period(seen, calendar_periods(plan["unit"], plan["size"]))


def _pasts(length: int, horizon: int, season: int | None) -> list[int]:
    """How many past values to try, in this order, for a series of this length: the first that fits is taken."""
    wanted = max(horizon, min(24, max(4, length // 10)))
    if season:
        wanted = max(2 * season if 2 * season <= length // 4 else season, min(horizon, length // 4))
    wanted = max(1, min(wanted, length // 3))
    tried = [wanted]
    while tried[-1] > 1:
        tried.append(tried[-1] // 2)
    return tried


def _together(frame: pl.DataFrame, rows: dict, newest: list, part: np.ndarray, plan: dict, dated: bool) -> SeriesRows:
    """Everything as columns; rows that cross a border are gone."""
    kept = np.flatnonzero(part >= 0)
    time, variables = plan["time"] or "step", plan["variables"]
    answers: dict[str, str] = {}
    for name in plan["outputs"]:
        answers[name] = f"next_{name}"
        while answers[name] in (*variables, time, plan["group"]):
            answers[name] += "_"
    columns = [as_column(time, rows["first"][kept], dated)]
    ends = np.array([last for _, last, _ in newest])
    step = plan["unit"], plan["size"]
    ahead = [as_column(time, np.array([later(last, 1, *step)[0] for last in ends]), dated)]
    if plan["group"] is not None:
        kind = frame[plan["group"]].dtype
        columns.append(pl.Series(plan["group"], [rows["group"][row] for row in kept], dtype=kind))
        ahead.append(pl.Series(plan["group"], [group for group, _, _ in newest], dtype=kind))
    shape = pl.Array(pl.Float64, plan["past"])
    for number, name in enumerate(variables):
        columns.append(pl.Series(name, rows["past"][name][kept], dtype=shape))
        ahead.append(pl.Series(name, [values[:, number] for _, _, values in newest], dtype=shape))
    for name in plan["outputs"]:
        after = rows["next"][name][kept]
        columns.append(pl.Series(answers[name], after, dtype=pl.Array(pl.Float64, plan["horizon"])))
    parts = dict(zip(PARTS, (np.flatnonzero(part[kept] == number).astype(np.int64) for number in range(3))))
    border = as_column("border", np.array(plan["borders"]), dated).to_list()
    how = f"in time order: validation asks from {border[0]}, test from {border[1]}"
    made = Split(parts["train"], parts["validation"], parts["test"], how)
    return SeriesRows(pl.DataFrame(columns), made, pl.DataFrame(ahead), answers, plan, dated)
