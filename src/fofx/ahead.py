"""Beyond the end of the data: what a found forecaster says comes next, with the interval that its errors suggest.

f = fofx.find("river.csv", "level", time="month", horizon=3)
f.forecast()                 # after the last row that it was found with
f.forecast("newer.csv")      # after the last row of another table of the same columns
"""

# S series, H next values

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fofx.data.moments import as_column, later
from fofx.data.read import read
from fofx.data.stretch import cut_stretches, series_of
from fofx.errors import DataError, TaskError

if TYPE_CHECKING:
    from fofx.finding import Finding


def forecast(function: Finding, data: Any = None, rung: str | None = None) -> pl.DataFrame:
    """One row for each series and next moment: the moment, and for each output its forecast, low and high.

    Nine in ten true values should lie between low and high, as nine in ten did on the validation rows; both are missing where the
    answers of another rung than the winner are asked for. Raises TaskError "no-series" for functions that do not forecast and
    DataError "series-too-short" when no series ends with enough values.
    """
    reader = function.record["data"]["reader"]
    plan = reader.get("series")
    if plan is None:
        raise TaskError(
            "no-series", "This function does not forecast: it was not found with past= or horizon= of a series."
        )
    ends, dated = reader.get("newest", []), bool(plan.get("dated"))
    if data is not None:
        ends, dated = ends_of(read(data).frame, plan)
    if not ends:
        words = f"No series ends with {plan['past']} values in a row; so many are needed to see what comes next."
        raise DataError("series-too-short", words)
    pasts = [pl.Series(name, [end["past"][name] for end in ends], dtype=pl.Array(pl.Float64, plan["past"])) for name in plan["variables"]]  # fmt: skip
    found = function.predict(pl.DataFrame(pasts), rung)
    reaches = function.record.get("interval", {}) if rung in (None, function.winner) else {}
    horizon = plan["horizon"]
    moments = np.concatenate([later(end["last"], horizon, plan["unit"], plan["size"]) for end in ends])  # (S * H,)
    columns = [as_column(plan["time"] or "step", moments, dated)]
    if plan["group"] is not None:
        columns.append(pl.Series(plan["group"], [end["group"] for end in ends for _ in range(horizon)]))
    for name in plan["outputs"]:
        titles = [f"next {name}"] if horizon == 1 else [f"{name} +{step}" for step in range(1, horizon + 1)]
        values = np.stack([found[title] for title in titles], axis=1)  # (S, H)
        columns.append(pl.Series(name, values.reshape(-1)))
        for word, sign in (("low", -1), ("high", 1)):
            reach = np.array([reaches.get(title, np.nan) for title in titles])  # (H,)
            columns.append(pl.Series(f"{name} {word}", (values + sign * reach).reshape(-1)).fill_nan(None))
    return pl.DataFrame(columns)


def ends_of(frame: pl.DataFrame, plan: dict) -> tuple[list[dict], bool]:
    """The newest past of each series in a table, as the run keeps those of its own data."""
    missing = [
        name
        for name in (plan["time"], plan["group"], *plan["variables"])
        if name is not None and name not in frame.columns
    ]
    if missing:
        raise TaskError("missing-columns", f"These columns are needed but are not there: {', '.join(missing[:8])}.")
    series, found = series_of(frame, plan)
    newest = cut_stretches(series, plan)[1] if series else []
    names = plan["variables"]
    ends = [
        {"group": group, "last": last, "past": {name: values[:, number].tolist() for number, name in enumerate(names)}}
        for group, last, values in newest
    ]
    return ends, found["dated"]
