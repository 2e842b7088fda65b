"""A column of dates or times: how late, which season, which weekday, which hour.

Season and hour lie on a circle (sine and cosine), so that December stands next to January.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from fofx.errors import DataError
from fofx.fields.base import Flat

DAY = 86_400.0  # seconds


class Date(Flat):
    """(N, 12): lateness, sine and cosine of the year and of the day, seven weekdays; all zeros but a flag when missing."""

    kind = "date"
    learnt = ("mean", "spread", "typical")

    def learn(self, column: pl.Series) -> None:
        seconds = as_seconds(column)
        known = seconds[np.isfinite(seconds)]
        if len(known) == 0 and column.null_count() < len(column):
            first = "arrays" if column.dtype.is_nested() else repr(column.drop_nulls()[0])
            raise DataError("not-dates", f"{column.name!r} should hold dates; it holds {first}.")
        self.mean = float(known.mean()) if len(known) else 0.0
        self.spread = float(known.std()) or 1.0 if len(known) else 1.0
        self.typical = float(np.median(known)) if len(known) else 0.0

    def encode(self, column: pl.Series) -> torch.Tensor:
        seconds = as_seconds(column)
        known = np.isfinite(seconds)
        seconds = np.where(known, seconds, self.mean)
        year, day = 2 * np.pi * seconds / (365.2425 * DAY), 2 * np.pi * seconds / DAY
        weekday = (np.floor(seconds / DAY).astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
        circle = [np.sin(year), np.cos(year), np.sin(day), np.cos(day)]
        parts = [(seconds - self.mean) / self.spread, *circle, *(weekday == number for number in range(7))]
        table = np.stack(parts, axis=1) * known[:, None]  # (N, 12)
        return torch.from_numpy(table.astype(np.float32))

    def feature_names(self) -> list[str]:
        days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        parts = ("lateness", "year sine", "year cosine", "day sine", "day cosine", *days)
        return [f"{self.name} {part}" for part in parts]


def as_seconds(column: pl.Series) -> np.ndarray:
    """Dates, datetimes, or text that polars can read as one of them, to seconds since 1970; all the rest is NaN."""
    if column.dtype == pl.String:
        try:
            column = column.str.to_datetime(strict=False)
        except pl.exceptions.PolarsError:  # not one value looks like a date
            return np.full(len(column), np.nan)
    if not column.dtype.is_temporal():
        if column.dtype.is_nested():
            return np.full(len(column), np.nan)
        return column.cast(pl.Float64, strict=False).to_numpy()
    return column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6
