"""Series out of a table, put on their calendar and cut into stretches: what a forecaster sees, and what came next.

Plain numpy, and nothing is read from the future: an unknown value becomes the last one known before it. An ejected script
carries these functions along (`PIECES`). They follow a plan, plain JSON that `data.forecast` makes: time, group (columns or
None), variables (columns), outputs (those of them that are forecast), past, horizon, unit, size, longest, stride, borders.

Shapes: N rows of the table, T rows of one series, S places on its calendar, V variables, R stretches, P past values, H next
values.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fofx.data.moments import moments_of, steps_between


def on_calendar(values, steps, longest):
    """Put the rows of one series where they belong and fill what is missing with the last known value.

    values : (T, V) float64, NaN where unknown.    steps : (T - 1,) int64 from each row to the next, 1 where none is missing.
    longest: a gap of more places than this is not bridged; a new piece begins after it.
    Returns filled (S, V), NaN where nothing is known near enough; given (S, V) bool; piece (S,) int64; row (S,) int64, -1
    where no row was given.
    """
    broken = steps > longest + 1
    place = np.concatenate([[0], np.cumsum(np.where(broken, 1, steps))])  # (T,)
    count = int(place[-1]) + 1
    grid = np.full((count, values.shape[1]), np.nan)  # (S, V)
    grid[place] = values
    row = np.full(count, -1, dtype=np.int64)
    row[place] = np.arange(len(values))
    begins = np.zeros(count, dtype=np.int64)
    begins[place[1:][broken]] = 1
    piece = np.cumsum(begins)  # (S,)
    here = np.arange(count)
    start = np.maximum.accumulate(np.where(begins == 1, here, 0))  # (S,)
    given = np.isfinite(grid)
    last = np.maximum.accumulate(np.where(given, here[:, None], -1), axis=0)  # (S, V) the place of the last known value
    near = (last >= start[:, None]) & (here[:, None] - last <= longest)
    filled = np.where(near, np.take_along_axis(grid, np.maximum(last, 0), axis=0), np.nan)  # (S, V)
    return filled, given, piece, row


def asked_places(filled, given, piece, past, horizon):
    """The places t that can be asked for, (R,): the `past` values before t are all there, and the values of the
    `horizon` places from t on were given, not filled; all in one piece. `given` (S, outputs) is of the outputs only."""
    asked = np.arange(past, len(filled) - horizon + 1)

    def until(flags):
        return np.concatenate([[0], np.cumsum(flags)])

    lacking, unanswered = until(np.isnan(filled).any(axis=1)), until(~given.all(axis=1))
    whole = lacking[asked] == lacking[asked - past]
    whole &= unanswered[asked + horizon] == unanswered[asked]
    whole &= piece[np.minimum(asked + horizon, len(piece)) - 1] == piece[asked - past]
    return asked[whole]


def past_of(filled, asked, past):
    """The `past` values before each place: (S,) -> (R, P), oldest first."""
    return filled[asked[:, None] - np.arange(past, 0, -1)]


def next_of(filled, asked, horizon):
    """The values at each place and after it: (S,) -> (R, H)."""
    return filled[asked[:, None] + np.arange(horizon)]


def time_borders(first, fractions, horizon):
    """Two moments that cut the asked moments (R,) by these fractions: validation begins at one, the test at the other.
    Validation spans at least a horizon, or no row would lie wholly inside it."""
    moments, counts = np.unique(first, return_counts=True)
    share = np.cumsum(counts) / len(first)
    cuts = np.cumsum(np.asarray(fractions, dtype=np.float64) / np.sum(fractions))
    start, middle = (int(np.searchsorted(share, cut - 1e-9)) + 1 for cut in cuts[:2])
    start = max(min(start, len(moments) - 1 - horizon), 0)
    middle = min(max(middle, start + horizon), len(moments) - 1)
    return [float(moments[start]), float(moments[middle])]


def parts_by_time(first, last, borders):
    """The part of each stretch whose answers reach from `first` to `last`: 0 train, 1 validation, 2 test, -1 left out.

    What is asked of a part lies wholly inside it; its past may reach back into an earlier part, as it will in use.
    """
    part = np.full(len(first), -1, dtype=np.int64)
    part[last < borders[0]] = 0
    part[(first >= borders[0]) & (last < borders[1])] = 1
    part[first >= borders[1]] = 2
    return part


def series_of(frame, plan):
    """The series in a table, each in time order: [(group value, moments (T,), values (T, V)), ...], and what was found.

    Rows of one moment become their mean. found: {"dated", "no_moment", "unsorted", "repeated"}; the last three count rows.
    """
    columns = [frame[name].cast(pl.Float64, strict=False).to_numpy() for name in plan["variables"]]
    values = np.stack([np.where(np.isfinite(column), column, np.nan) for column in columns], axis=1)  # (N, V)
    dated, moments = False, np.arange(frame.height, dtype=np.float64)
    if plan["time"] is not None:
        moments, dated = moments_of(frame[plan["time"]])
    groups = frame[plan["group"]].to_list() if plan["group"] is not None else [None] * frame.height
    members: dict = {}
    for row in np.flatnonzero(np.isfinite(moments)).tolist():
        members.setdefault(groups[row], []).append(row)
    found = {"dated": dated, "no_moment": int((~np.isfinite(moments)).sum()), "unsorted": 0, "repeated": 0}
    series = []
    for group, rows in members.items():
        times, table = moments[rows], values[rows]
        found["unsorted"] += int((np.diff(times) < 0).sum())
        order = np.argsort(times, kind="stable")
        times, table = times[order], table[order]
        distinct, place = np.unique(times, return_inverse=True)
        if len(distinct) < len(times):
            found["repeated"] += len(times) - len(distinct)
            counts, sums = np.zeros((2, len(distinct), table.shape[1]))
            np.add.at(counts, place.reshape(-1), np.isfinite(table))
            np.add.at(sums, place.reshape(-1), np.nan_to_num(table))
            times, table = distinct, np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        series.append((group, times, table))
    return series, found


def cut_stretches(series, plan):
    """All stretches of some series, ordered by the moment asked for, and the newest past of each series.

    Returns (rows, newest, counts). rows: {"group": list, "first", "last": (R,) moments of the first and last answer, "past":
    {variable: (R, P)}, "next": {output: (R, H)}}; newest: the same without answers, one row a series that ends whole;
    counts: {"filled", "gaps", "left": series without a stretch}.
    """
    names, wanted = plan["variables"], [plan["variables"].index(name) for name in plan["outputs"]]
    past, horizon = plan["past"], plan["horizon"]
    groups, first, last, before, after = [], [], [], [], []
    newest, counts = [], {"filled": 0, "gaps": 0, "left": 0}
    for group, times, values in series:
        steps = steps_between(times, plan["unit"], plan["size"])
        filled, given, piece, row = on_calendar(values, steps, plan["longest"])
        asked = asked_places(filled, given[:, wanted], piece, past, horizon)[:: plan["stride"]]
        counts["filled"] += int((np.isfinite(filled) & ~given).sum())
        counts["gaps"] += int(piece[-1])
        counts["left"] += int(len(asked) == 0)
        groups += [group] * len(asked)
        first.append(times[row[asked]])
        last.append(times[row[asked + horizon - 1]])
        before.append([past_of(filled[:, number], asked, past) for number in range(len(names))])
        after.append([next_of(filled[:, number], asked, horizon) for number in wanted])
        if len(filled) >= past and piece[-1] == piece[-past] and np.isfinite(filled[-past:]).all():
            newest.append((group, times[-1], filled[-past:]))
    begin = np.concatenate(first)
    order = np.argsort(begin, kind="stable")
    rows = {
        "group": [groups[number] for number in order],
        "first": begin[order],
        "last": np.concatenate(last)[order],
        "past": {name: np.concatenate([each[n] for each in before])[order] for n, name in enumerate(names)},
        "next": {name: np.concatenate([each[n] for each in after])[order] for n, name in enumerate(plan["outputs"])},
    }
    return rows, newest, counts


PIECES = (on_calendar, asked_places, past_of, next_of, time_borders, parts_by_time, series_of, cut_stretches)
