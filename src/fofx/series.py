"""Forecasts in plain numbers: the naive answers that every forecaster must beat, and how wrong a forecast is.

Nothing here is learned. NumPy in and out; the functions need nothing else, so that an ejected script can carry them along.

Shapes: N rows, P past values (oldest first), H next values, T values of a whole series.
"""

from __future__ import annotations

import numpy as np


def naive_last(past, horizon):
    """Tomorrow will be like today: the last value, `horizon` times. (N, P) -> (N, H)"""
    return np.repeat(past[:, -1:], horizon, axis=1)


def naive_seasonal(past, horizon, season):
    """Like the same time of the last season: (N, P) -> (N, H). The past must hold a season, or it is a ValueError."""
    if past.shape[1] < season:
        raise ValueError(f"expected a past of at least one season, {season} values, got {past.shape[1]}.")
    places = past.shape[1] - season + np.arange(horizon) % season  # (H,)
    return past[:, places]


def naive_drift(past, horizon):
    """As it went on the whole so far: a straight line through the first and the last value. (N, P) -> (N, H)"""
    slope = (past[:, -1:] - past[:, :1]) / max(past.shape[1] - 1, 1)  # (N, 1)
    return past[:, -1:] + slope * np.arange(1, horizon + 1)


def naive_mean(past, horizon):
    """The mean of the past that is seen, `horizon` times. (N, P) -> (N, H)"""
    return np.repeat(past.mean(axis=1, keepdims=True), horizon, axis=1)


def naive_answers(past, horizon, season=None):
    """Every naive answer by its name; the seasonal one when there is a season and the past holds it. Each (N, H)"""
    answers = {
        "last": naive_last(past, horizon),
        "drift": naive_drift(past, horizon),
        "mean": naive_mean(past, horizon),
    }
    if season and past.shape[1] >= season:
        answers["seasonal"] = naive_seasonal(past, horizon, season)
    return answers


def mase_scale(series, season=1):
    """How wrong the naive answer (of one season before) is on average inside the training values, over all series.

    series: a list of arrays (T,) in time order, NaN where unknown. None when no pair of values is one season apart, or when
    nothing ever changes: then there is no scale to measure by.
    """
    changes = [np.abs(values[season:] - values[:-season]) for values in map(np.asarray, series) if len(values) > season]
    known = np.concatenate([change[np.isfinite(change)] for change in changes]) if changes else np.zeros(0)
    scale = float(known.mean()) if len(known) else 0.0
    return scale if scale > 0 else None


def forecast_metrics(target, predicted, scale=None):
    """mse, rmse, mae, r2 over all steps, and mase where `scale` is given. (N, H) each -> {name: number or None}

    mse, rmse and mae are over all rows and steps together. r2 is 1 - squared errors / squared deviations from each step's own
    mean, all steps together. mase is mae / scale (Hyndman and Koehler, "Another look at measures of forecast accuracy",
    2006): below 1 it is better than the naive answer was inside the training values.
    """
    target, predicted = np.asarray(target, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if target.shape != predicted.shape:
        raise ValueError(f"target {target.shape} does not fit predicted {predicted.shape}")
    if not target.size:
        return dict.fromkeys(("mse", "rmse", "mae", "r2", *(["mase"] if scale else [])))
    error = predicted - target  # (N, H)
    mse, mae = float(np.mean(error**2)), float(np.mean(np.abs(error)))
    spread = float(np.sum((target - target.mean(axis=0)) ** 2))
    r2 = 1 - float(np.sum(error**2)) / spread if len(target) > 1 and spread > 0 else None
    scores = {"mse": mse, "rmse": mse**0.5, "mae": mae, "r2": r2}
    return scores | ({"mase": mae / scale} if scale else {})


def metrics_by_step(target, predicted, scale=None):
    """The same for each step alone: further ahead is harder. (N, H) each -> a list of H dicts"""
    target, predicted = np.asarray(target), np.asarray(predicted)
    steps = range(target.shape[1])
    return [forecast_metrics(target[:, step : step + 1], predicted[:, step : step + 1], scale) for step in steps]


PIECES = (
    naive_last,
    naive_seasonal,
    naive_drift,
    naive_mean,
    naive_answers,
    mase_scale,
    forecast_metrics,
    metrics_by_step,
)
