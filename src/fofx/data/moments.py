"""A time column as moments: dates, texts or plain numbers in order, the usual step between them, and the moments to come.

The functions in `PIECES` are plain numpy and polars and need nothing else, so that an ejected script can carry them along.
Shapes: N rows, T moments of one series.
"""

from __future__ import annotations

import numpy as np
import polars as pl

DAY = 86_400.0  # seconds
REGULAR = 0.9  # of the steps must be whole multiples of the usual one; else the rows simply follow one another


def moments_of(column):
    """(moments, dated): seconds since 1970 for dates, else the numbers themselves; (N,) float64, NaN where there is none.

    Text may be whatever polars reads as a date, year first with or without the rest (1903-01, 2021年3月5日, 1990Q2), or
    month/day/year. Whole numbers that read as dates throughout (20210305, 190301) are dates.
    """

    def seconds(dates):
        return dates.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6

    if column.dtype.is_temporal():
        return seconds(column), True
    if column.dtype.is_numeric():
        numbers = column.cast(pl.Float64).to_numpy()
        known = numbers[np.isfinite(numbers)]
        month = known // 100 % 100 if len(known) and known.min() > 1e7 else known % 100
        year = known // (10_000 if len(known) and known.min() > 1e7 else 100)
        packed = len(known) > 2 and (known % 1 == 0).all() and ((year >= 1500) & (year <= 2200)).all()
        if not packed or (month < 1).any() or (month > 12).any():
            return np.where(np.isfinite(numbers), numbers, np.nan), False
        column = pl.Series([str(int(v)) if np.isfinite(v) else None for v in numbers], dtype=pl.String)
    text = column.cast(pl.String).str.strip_chars()
    found = []
    for form in (None, "%Y%m%d", "%m/%d/%Y", "%m/%d/%Y %H:%M"):
        try:
            found.append(seconds(text.str.to_datetime(form, strict=False)))
        except pl.exceptions.PolarsError:  # not one value looks like this
            continue
    found.append(year_first(text))
    return found[int(np.argmin([np.isnan(each).sum() for each in found]))], True


def year_first(text):
    """Dates that polars does not guess: year and perhaps quarter or month, day, hour, minute, second. -> (N,) seconds"""

    def number(pattern, default):
        return text.str.extract(pattern).cast(pl.Int64).fill_null(default)

    year, month = r"^(?:\d{4})", r"\D{0,2}\d{1,2}"
    clock = (r"(\d{1,2})[:时点]", r"[:时点](\d{2})", r"[:时点]\d{2}[:分](\d{2})")
    parts = [
        number(r"^(\d{4})", -1),
        number(year + r"\D{0,2}(\d{1,2})", 1),
        number(year + month + r"\D(\d{1,2})(?:\D|$)", 1),
    ]
    parts += [number(pattern, 0) for pattern in clock]
    quarter = text.str.contains("[Qq季]").fill_null(False)
    parts[1] = parts[1].zip_with(~quarter, 3 * parts[1] - 2)
    table = np.stack([part.to_numpy() for part in parts])  # (6, N)
    low, high = np.array([1, 1, 1, 0, 0, 0]), np.array([9999, 12, 31, 23, 59, 59])
    known = ((table >= low[:, None]) & (table <= high[:, None])).all(0)
    table = np.where(known, table, low[:, None])
    months = (table[0] - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (table[1] - 1)
    first, next_first = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    known &= table[2] <= (next_first - first).astype(np.int64)  # no 31st of February
    moments = (first.astype(np.int64) + table[2] - 1) * 86_400.0
    moments = moments + table[3] * 3_600 + table[4] * 60 + table[5]
    return np.where(known, moments, np.nan)


def places(times, unit):
    """Where moments stand on the calendar of a unit: month, weekday, second, number or row. (T,) -> (T,) float64"""
    if unit == "month":
        return times.astype(np.int64).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64).astype(float)
    if unit == "weekday":
        days = np.floor(times / 86_400.0) + 3  # 1970-01-01 was a Thursday; now 0 is a Monday
        return np.floor(days / 7) * 5 + np.minimum(days % 7, 4)
    return times


def steps_between(times, unit, size):
    """How many steps lie between each moment and the next: whole numbers from 1 up. (T,) ascending -> (T - 1,)"""
    if unit == "row":
        return np.ones(max(len(times) - 1, 0), dtype=np.int64)
    return np.maximum(np.rint(np.diff(places(times, unit)) / size), 1).astype(np.int64)


def later(last, count, unit, size):
    """The next `count` moments after `last`, in the same numbers. -> (count,) float64"""
    ahead = np.arange(1, count + 1)
    if unit == "month":
        day = np.datetime64(int(last // 86_400), "D")
        month = day.astype("datetime64[M]")
        ends = (day + 1).astype("datetime64[M]") > month  # the last of a month stays the last of a month
        months = month + (ahead * int(size)).astype("timedelta64[M]")
        lengths = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
        since = np.minimum(day - month.astype("datetime64[D]"), lengths - 1) if not ends else lengths - 1
        return (months.astype("datetime64[D]") + since).astype(np.int64) * 86_400.0 + last % 86_400
    if unit == "weekday":
        place = places(np.array([last]), unit)[0] + ahead * size
        return ((place // 5) * 7 + place % 5 - 3) * 86_400.0 + last % 86_400
    return last + ahead * float(size)


PIECES = (moments_of, year_first, places, steps_between, later)


def find_step(series: list[np.ndarray], dated: bool) -> tuple[str, float]:
    """The unit and size of the usual step of some series, each (T,) ascending and distinct.

    ("month", 3) are quarters, ("weekday", 1) working days, ("second", 3600) hours, ("number", 1) counted steps. ("row", s)
    means that the moments follow no calendar, s apart in the middle: then each row is one step after the one before.
    """
    gaps = np.concatenate([np.diff(times) for times in series]) if series else np.zeros(0)
    if len(gaps) == 0:
        return "row", 1.0
    if dated:
        moments = np.concatenate(series)
        if _same_day_of_month(moments):
            size = _size(np.concatenate([np.diff(places(times, "month")) for times in series]))
            if size:
                return "month", float(round(size))
        weekday = (np.floor(moments / DAY).astype(np.int64) + 3) % 7
        whole = (np.diff(np.unique(moments % DAY)) == 0).all()
        if whole and len(gaps) >= 5 and weekday.max() < 5 and gaps.min() == DAY and (gaps == 3 * DAY).any():
            return "weekday", 1.0
    size = _size(gaps)
    if size is None:
        return "row", float(np.median(gaps))
    return "second" if dated else "number", size


def _same_day_of_month(moments: np.ndarray) -> bool:
    """Are these monthly dates: all on one day of the month, or all on the last, never twice in one month?"""
    days = np.floor(moments / DAY).astype(np.int64).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    number = (days - months.astype("datetime64[D]")).astype(np.int64)
    last = ((days + 1).astype("datetime64[M]") > months).all()
    return bool(last or (number == number[0]).all())


def _size(gaps: np.ndarray) -> float | None:
    """The largest usual gap of which nearly all gaps are whole multiples; None when there is none."""
    values, counts = np.unique(gaps, return_counts=True)
    for size in sorted({float(np.median(gaps)), float(values[counts.argmax()]), float(np.quantile(gaps, 0.1))})[::-1]:
        if size <= 0:
            continue
        multiples = np.rint(gaps / size)
        if ((np.abs(gaps / size - multiples) <= 0.25) & (multiples >= 1)).mean() >= REGULAR:
            return size
    return None


def as_column(name: str, moments: np.ndarray, dated: bool) -> pl.Series:
    """Moments as a column again: dates, times where the hour matters, whole numbers or numbers; NaN becomes missing."""
    known = np.isfinite(moments)
    if not dated:
        plain = pl.Series(name, moments).fill_nan(None)
        return plain.cast(pl.Int64) if (moments[known] % 1 == 0).all() else plain
    times = pl.Series(name, np.where(known, moments, 0) * 1e6).cast(pl.Int64).cast(pl.Datetime("us"))
    times = times.set(pl.Series(~known), None)
    return times.cast(pl.Date) if (moments[known] % DAY == 0).all() else times
