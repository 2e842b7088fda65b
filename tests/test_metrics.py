"""Metrics are scikit-learn's on random cases with ties; where it warns or fails, ours say None."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from fofx import metrics

seeds = st.integers(0, 10_000)


@given(seed=seeds, rows=st.integers(2, 30), outputs=st.integers(0, 3), whole=st.booleans(), single=st.booleans())
@settings(max_examples=60, deadline=None)
def test_regression(seed, rows, outputs, whole, single):
    dice = np.random.default_rng(seed)
    shape = (rows, outputs) if outputs else (rows,)
    target, predicted = 100 + 3 * dice.normal(size=shape), 100 + 3 * dice.normal(size=shape)
    if whole:
        target, predicted = target.round(), predicted.round()  # ties
    if single:
        target, predicted = target.astype(np.float32), predicted.astype(np.float32)
    ours = metrics.regression(target, predicted)
    assert set(ours) == {"mse", "rmse", "mae", "r2"}
    wide = target.astype(np.float64), predicted.astype(np.float64)
    assert ours["mse"] == pytest.approx(sklearn_metrics.mean_squared_error(*wide), rel=1e-10)
    assert ours["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(*wide), rel=1e-10)
    assert ours["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(*wide), rel=1e-10)
    columns = target.reshape(rows, -1)
    if all(len(np.unique(column)) > 1 for column in columns.T):
        assert ours["r2"] == pytest.approx(sklearn_metrics.r2_score(*wide), rel=1e-9, abs=1e-9)


def test_regression_where_it_is_undefined():
    one, none, constant = np.array([2.0]), np.array([]), np.array([2.0, 2.0, 2.0])
    assert metrics.regression(one, one + 1) == {"mse": 1.0, "rmse": 1.0, "mae": 1.0, "r2": None}
    assert metrics.regression(none, none) == {"mse": None, "rmse": None, "mae": None, "r2": None}
    assert metrics.r2(constant, constant) is None
    both = np.stack([constant, [1.0, 2.0, 3.0]], axis=1)
    assert metrics.r2(both, both) == 1.0  # of the output that varies


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match="does not fit"):
        metrics.mse(np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="does not fit"):
        metrics.mse(np.zeros((3, 1)), np.zeros((1, 3)))
    assert metrics.mse(np.zeros(3), np.ones((3, 1))) == 1.0  # one output, written either way


def case(seed, rows, classes, ties, single):
    dice = np.random.default_rng(seed)
    target = dice.integers(0, classes, rows)
    probabilities = dice.dirichlet(np.ones(classes), rows)
    probabilities[np.arange(rows), target] += 0.5
    if ties:
        probabilities = np.ceil(probabilities * 4)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return target, probabilities.astype(np.float32) if single else probabilities


@given(seed=seeds, rows=st.integers(1, 40), classes=st.integers(2, 5), ties=st.booleans(), single=st.booleans())
@settings(max_examples=120, deadline=None)
def test_classification(seed, rows, classes, ties, single):
    target, probabilities = case(seed, rows, classes, ties, single)
    predicted = probabilities.argmax(axis=1)
    labels = list(range(classes))
    ours = metrics.classification(target, probabilities)
    assert ours["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(target, predicted))
    matrix = metrics.confusion_matrix(target, predicted, classes)
    assert np.array_equal(matrix, sklearn_metrics.confusion_matrix(target, predicted, labels=labels))
    oracle = sklearn_metrics.log_loss(target, probabilities, labels=labels)
    assert ours["log_loss"] == pytest.approx(oracle, rel=1e-5)
    if classes > 2:
        assert ours["f1"] == pytest.approx(
            sklearn_metrics.f1_score(target, predicted, average="macro", zero_division=0)
        )
    elif 1 in target or 1 in predicted:
        assert ours["f1"] == pytest.approx(sklearn_metrics.f1_score(target, predicted, zero_division=0))
    else:
        assert ours["f1"] is None
    occurring = set(target.tolist())
    if len(occurring) < 2:
        assert ours["auc"] is None
    elif classes == 2:
        assert ours["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(target, probabilities[:, 1]))
    elif len(occurring) == classes:
        # One class against the rest, each on its own: scikit-learn's multi-class form insists on exact sums of 1.
        each = [sklearn_metrics.roc_auc_score(target == one, probabilities[:, one]) for one in labels]
        assert ours["auc"] == pytest.approx(np.mean(each))
        if not single:
            assert ours["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(target, probabilities, multi_class="ovr"))


def test_auc_with_a_class_that_does_not_occur():
    target, probabilities = case(0, 30, 4, False, False)
    target[target == 3] = 0
    each = [sklearn_metrics.roc_auc_score(target == one, probabilities[:, one]) for one in range(3)]
    assert metrics.auc(target, probabilities) == pytest.approx(np.mean(each))


def test_auc_of_all_ties_is_a_half():
    assert metrics.auc(np.array([0, 1, 1, 0]), np.full((4, 2), 0.5)) == 0.5


def test_classification_of_no_rows():
    nothing = metrics.classification(np.array([], dtype=np.int64), np.zeros((0, 3)))
    assert set(nothing.values()) == {None}
    assert (
        metrics.confusion_matrix(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 2).tolist() == [[0, 0]] * 2
    )


def test_a_sure_mistake_has_a_finite_log_loss():
    loss = metrics.log_loss(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert loss == pytest.approx(-math.log(np.finfo(float).eps) / 2)


def test_calibration_error_by_hand():
    """Four rows at 0.8 of which three are right, two at 0.6 of which none is."""
    probabilities = np.array([[0.8, 0.2]] * 4 + [[0.4, 0.6]] * 2)
    target = np.array([0, 0, 0, 1, 0, 0])
    assert metrics.calibration_error(target, probabilities) == pytest.approx((4 * 0.05 + 2 * 0.6) / 6)


@given(seed=seeds, rows=st.integers(1, 60), classes=st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_calibration_error_is_the_binned_definition(seed, rows, classes):
    target, probabilities = case(seed, rows, classes, False, False)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == target
    expected = 0.0
    for low, high in zip(np.linspace(0, 1, 11)[:-1], np.linspace(0, 1, 11)[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert metrics.calibration_error(target, probabilities) == pytest.approx(expected)
    assert 0 <= metrics.calibration_error(target, probabilities) <= 1


def test_perfect_confidence_is_calibrated():
    assert metrics.calibration_error(np.array([0, 1]), np.eye(2)) == 0.0
