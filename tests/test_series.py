"""Naive forecasts and their errors: by hand, against scikit-learn, and the promise of the intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from fofx.series import (
    forecast_metrics,
    mase_scale,
    metrics_by_step,
    naive_answers,
    naive_drift,
    naive_last,
    naive_mean,
    naive_seasonal,
)

DICE = np.random.default_rng(0)
PAST = np.array([[1.0, 2.0, 3.0, 4.0], [10.0, 0.0, 0.0, 7.0]])


def test_naive_answers_by_hand():
    assert naive_last(PAST, 2).tolist() == [[4, 4], [7, 7]]
    assert naive_drift(PAST, 2).tolist() == [[5, 6], [6, 5]]
    assert naive_mean(PAST, 1).tolist() == [[2.5], [4.25]]
    assert naive_seasonal(PAST, 5, 3).tolist() == [[2, 3, 4, 2, 3], [0, 0, 7, 0, 0]]
    assert naive_seasonal(PAST, 2, 4).tolist() == [[1, 2], [10, 0]]
    with pytest.raises(ValueError, match="at least one season, 5"):
        naive_seasonal(PAST, 1, 5)
    assert set(naive_answers(PAST, 1, 5)) == {"last", "drift", "mean"}
    assert set(naive_answers(PAST, 1, 4)) == {"last", "drift", "mean", "seasonal"}
    assert naive_drift(PAST[:, :1], 2).tolist() == [[1, 1], [10, 10]]


def test_mase_by_hand():
    """Hyndman and Koehler: |1| + |2| + |-1| over three changes; a forecast wrong by 2 on average is 1.5 times as bad."""
    assert mase_scale([np.array([1.0, 2.0, 4.0, 3.0])]) == pytest.approx(4 / 3)
    assert mase_scale([np.array([1.0, 2.0, 4.0, 3.0])], season=2) == pytest.approx(2.0)
    assert mase_scale([np.array([1.0, np.nan, 4.0, 3.0]), np.array([5.0, 8.0])]) == pytest.approx(2.0)
    assert mase_scale([np.ones(5)]) is None and mase_scale([np.ones(1)]) is None and mase_scale([]) is None
    scores = forecast_metrics(np.array([[5.0, 7.0]]), np.array([[3.0, 9.0]]), scale=4 / 3)
    assert scores["mase"] == pytest.approx(1.5) and scores["mae"] == 2.0 and scores["r2"] is None


def test_the_naive_answer_has_a_mase_of_one_where_nothing_changes_its_manner():
    walk = DICE.normal(size=20_000).cumsum()
    scale = mase_scale([walk[:10_000]])
    late = walk[10_000:]
    scores = forecast_metrics(late[1:, None], late[:-1, None], scale)
    assert scores["mase"] == pytest.approx(1.0, abs=0.05)


def test_metrics_are_scikit_learns():
    target, predicted = DICE.normal([0, 5, 10], size=(40, 3)), DICE.normal([0, 5, 10], size=(40, 3))
    ours = forecast_metrics(target, predicted)
    assert ours["rmse"] == pytest.approx(np.sqrt(sklearn_metrics.mean_squared_error(target, predicted)))
    assert ours["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(target, predicted))
    assert ours["r2"] == pytest.approx(sklearn_metrics.r2_score(target, predicted, multioutput="variance_weighted"))
    each = metrics_by_step(target, predicted)
    assert len(each) == 3
    for step, scores in enumerate(each):
        assert scores["r2"] == pytest.approx(sklearn_metrics.r2_score(target[:, step], predicted[:, step]))
        assert scores["mse"] == pytest.approx(sklearn_metrics.mean_squared_error(target[:, step], predicted[:, step]))
    assert np.mean([scores["mse"] for scores in each]) == pytest.approx(ours["mse"])


def test_metrics_where_they_are_undefined():
    assert set(forecast_metrics(np.zeros((0, 2)), np.zeros((0, 2)), 1.0).values()) == {None}
    assert forecast_metrics(np.ones((3, 2)), np.zeros((3, 2)))["r2"] is None
    with pytest.raises(ValueError, match="does not fit"):
        forecast_metrics(np.zeros((3, 1)), np.zeros((1, 3)))
