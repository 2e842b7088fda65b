"""The seasonal period of a series: what the calendar suggests and the values confirm, else what the values show.

A season must show as a peak of the autocorrelation: values one period apart go together, more than values a little less or
more than a period apart. A slow series, whose neighbours are alike, has a high autocorrelation everywhere and no peak.
"""

# S series, T values of one series, L lags

from __future__ import annotations

import numpy as np

LONGEST = 1_000  # lags that are looked at


def calendar_periods(unit: str, size: float) -> list[int]:
    """Periods that the calendar suggests for this step: 12 months, 4 quarters, 7 or 5 days, 24 or 168 hours, 52 weeks."""
    hour, day = 3_600.0, 86_400.0
    spans: list[float] = []
    if unit == "month" and size < 12:
        spans = [12 / size]
    elif unit == "weekday" and size == 1:
        spans = [5.0]
    elif unit == "second" and size < hour:
        spans = [hour / size, day / size]
    elif unit == "second":
        spans = [day / size, 7 * day / size, 364 * day / size if size == 7 * day else 365 * day / size]
    return [round(span) for span in spans if span > 1.5 and abs(span - round(span)) < 1e-6]


def autocorrelation(series: list[np.ndarray], lags: int) -> np.ndarray:
    """How much values go together with values 1, 2, ... lags steps later, over all series; a straight trend is taken
    away before. Each (T,) finite -> (lags + 1,), from 1 at lag 0 to between -1 and 1."""
    total = np.zeros(lags + 1)
    for values in series:
        if len(values) < 4:
            continue
        place = np.linspace(-1.0, 1.0, len(values))
        scale = np.abs(values).max() or 1.0
        rest = values / scale - (values / scale).mean()
        rest = rest - place * (rest @ place) / (place @ place)  # (T,)
        power = float(rest @ rest)
        if power < 1e-12 * len(values):
            continue  # a straight line
        wide = np.fft.rfft(rest, 2 * len(rest))
        together = np.fft.irfft(wide * wide.conj(), 2 * len(rest))[: lags + 1]  # (at most lags + 1,)
        total[: len(together)] += together / power * len(values)
    return total / total[0] if total[0] > 0 else total


def seasonal_period(series: list[np.ndarray], candidates: list[int]) -> tuple[int | None, str]:
    """(period, whence): whence is "calendar", "autocorrelation" or "none". Each series (T,) finite, training part only.

    A period must be seen at least twice, be a peak, and stand clear of chance: above 1.64 standard errors (Bartlett's, as in
    the test of the M4 competition) where the calendar suggests it; otherwise above the level that the largest of so many
    lags reaches by chance once in a hundred, and again at twice the period.
    """
    rows = sum(len(values) for values in series)
    longest = max((len(values) for values in series), default=0)
    lags = min(LONGEST, longest // 2)
    if lags < 2:
        return None, "none"
    together = autocorrelation(series, lags)
    error = np.sqrt((1 + 2 * np.cumsum(np.concatenate([[0.0], together[1:] ** 2]))) / max(rows, 1))  # (L + 1,)
    peak = np.zeros(lags + 1, dtype=bool)
    peak[2:-1] = (together[2:-1] > together[1:-2]) & (together[2:-1] >= together[3:])
    fitting = [p for p in candidates if 2 <= p < lags and together[p] > 1.64 * error[p - 1] and _near_peak(peak, p)]
    if fitting:
        return max(fitting, key=lambda period: together[period]), "calendar"
    from scipy.stats import norm

    sure = float(norm.ppf(1 - 0.01 / lags))
    shown = [
        lag
        for lag in np.flatnonzero(peak).tolist()
        if together[lag] > max(0.2, sure * error[lag - 1])
        and 2 * lag < lags
        and together[2 * lag] > 1.64 * error[2 * lag - 1]
        and _near_peak(peak, 2 * lag)
    ]
    if shown:
        highest = max(together[lag] for lag in shown)
        return min(lag for lag in shown if together[lag] > 0.9 * highest), "autocorrelation"
    return None, "none"


def _near_peak(peak: np.ndarray, period: int) -> bool:
    """Is there a peak within a twentieth of the period (chance moves it a little)?"""
    reach = max(1, period // 20) if period > 4 else 0
    return bool(peak[max(0, period - reach) : period + reach + 1].any())
