"""K nearest neighbours against scikit-learn, the compiled twin against the readable model, and what always holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from fofx.classic.fast import FastKNN
from fofx.classic.knn import KNN

BOTH = pytest.mark.parametrize("kind", [KNN, FastKNN])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def halves(features, target):
    order = np.random.default_rng(0).permutation(len(features))
    half = len(order) // 2
    return features[order[:half]], target[order[:half]], features[order[half:]], target[order[half:]]


@BOTH
@DTYPES
@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits, load_breast_cancer])
def test_real_data_as_scikit_learn(kind, dtype, load):
    features, target = load(return_X_y=True)
    features = features.astype(dtype) + np.random.default_rng(1).normal(0, 1e-3, features.shape).astype(dtype)
    known, answers, asked, _ = halves(features, target)
    for k, weights in ((1, "uniform"), (7, "uniform"), (10, "distance")):
        theirs = KNeighborsClassifier(k, weights=weights).fit(known, answers)
        ours = kind(k, weights=weights).fit(known, answers)
        distances, rows = ours.neighbours(asked)
        their_distances, their_rows = theirs.kneighbors(asked)
        np.testing.assert_array_equal(rows, their_rows)
        np.testing.assert_allclose(distances, their_distances, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(ours.predict(asked), theirs.predict(asked))
        np.testing.assert_allclose(ours.probabilities(asked), theirs.predict_proba(asked), rtol=1e-4, atol=1e-6)


@BOTH
@DTYPES
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "chebyshev"])
def test_regression_as_scikit_learn(kind, dtype, weights, distance):
    features, target = load_diabetes(return_X_y=True)
    # some columns hold few values, far apart: the largest gap alone would be full of ties
    features = features + np.random.default_rng(0).normal(0, 0.01, features.shape)
    known, answers, asked, _ = halves(features.astype(dtype), target)
    theirs = KNeighborsRegressor(9, weights=weights, metric=distance, algorithm="brute").fit(known, answers)
    ours = kind(9, "regression", weights, distance).fit(known, answers)
    np.testing.assert_allclose(ours.predict(asked), theirs.predict(asked), rtol=1e-5)
    np.testing.assert_allclose(ours.predict(known), theirs.predict(known), rtol=1e-5)


@BOTH
@DTYPES
def test_two_thousand_columns(kind, dtype):
    random = np.random.default_rng(2)
    features, target = random.normal(size=(300, 2000)).astype(dtype), random.integers(0, 4, 300)
    asked = random.normal(size=(150, 2000)).astype(dtype)
    theirs = KNeighborsClassifier(5).fit(features, target)
    np.testing.assert_array_equal(kind(5).fit(features, target).predict(asked), theirs.predict(asked))


@BOTH
def test_ties_go_to_the_lower_row_and_the_lower_class(kind):
    features = np.array([[1.0], [-1.0], [1.0], [-1.0], [3.0]])
    model = kind(3).fit(features, ["b", "a", "a", "b", "c"])
    distances, rows = model.neighbours([[0.0]])
    assert rows.tolist() == [[0, 1, 2]] and distances.tolist() == [[1, 1, 1]]
    model = kind(2).fit(features, ["b", "a", "a", "b", "c"])
    assert model.votes([[0.0]]).tolist() == [[1, 1, 0]]
    assert model.predict([[0.0]]).tolist() == ["a"]


@BOTH
def test_a_row_at_distance_zero_outvotes_all(kind):
    model = kind(3, weights="distance").fit([[0.0], [1e-9], [2e-9]], ["far", "here", "far"])
    assert model.predict([[1e-9]]).tolist() == ["here"]
    assert model.votes([[1e-9]]).tolist() == [[0, 1]]


@BOTH
def test_one_class_and_constant_columns(kind):
    model = kind(3).fit(np.ones((5, 4)), np.zeros(5))
    assert model.predict(np.zeros((2, 4))).tolist() == [0, 0]
    assert model.probabilities(np.zeros((2, 4))).tolist() == [[1], [1]]
    assert model.neighbours(np.ones((1, 4)))[1].tolist() == [[0, 1, 2]]


@BOTH
def test_k_above_the_rows_asks_all_and_says_so(kind):
    model = kind(9).fit([[0.0], [1.0], [5.0]], [0, 0, 1])
    assert model.notes[0]["code"] == "k-above-rows" and model.notes[0]["count"] == 3
    assert model.votes([[5.0]]).tolist() == [[2, 1]]


def test_unseen_values_are_said():
    model = KNN(1).fit([[0.0, 5.0], [1.0, 6.0]], [0, 1])
    assert model.unseen([[0.5, 7.0], [-1.0, 5.0]]).tolist() == [[False, True], [True, False]]


@DTYPES
@pytest.mark.parametrize("shift", [0, 1e6])
@pytest.mark.parametrize("columns", [1, 2, 6, 9])  # up to six the rows are packed into boxes
@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "chebyshev"])
def test_fast_is_equal_to_the_bit(dtype, shift, columns, distance):
    """Also where rounding hurts the matrix product most: a huge offset, many ties, and rows within rounding."""
    random = np.random.default_rng(3)
    features = random.integers(0, 4, (1500, columns)) + shift
    features[700:] = features[:800]
    noise = random.normal(size=(1500, columns)) * 1e-3 + shift
    for known in (features.astype(dtype), noise.astype(dtype)):
        asked = np.concatenate([known[:100], known[:150] + np.asarray(0.25, dtype)])
        target = random.integers(0, 3, 1500)
        visible, fast = KNN(11, distance=distance).fit(known, target), FastKNN(11, distance=distance).fit(known, target)
        for ours, theirs in zip(fast.neighbours(asked), visible.neighbours(asked), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(fast.votes(asked), visible.votes(asked))


def test_fast_is_equal_for_huge_and_tiny_numbers():
    random = np.random.default_rng(4)
    for scale in (1e-30, 1e25, 1e120):
        known, asked = random.normal(size=(600, 3)) * scale, random.normal(size=(40, 3)) * scale
        visible, fast = KNN(4).fit(known, np.arange(600)), FastKNN(4).fit(known, np.arange(600))
        np.testing.assert_array_equal(fast.neighbours(asked)[1], visible.neighbours(asked)[1])


tables = st.integers(1, 40).flatmap(
    lambda rows: st.tuples(
        st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 2), min_size=rows, max_size=rows),
    )
)


@settings(max_examples=40, deadline=None)
@given(tables, st.integers(1, 8), st.sampled_from(["uniform", "distance"]))
def test_what_always_holds(table, k, weights):
    features, target = np.array(table[0], float), np.array(table[1])
    asked = np.array([[0.0, 0.0], [1.0, -2.0], [9.0, 0.5]])
    model = KNN(k, weights=weights).fit(features, target)
    np.testing.assert_allclose(model.probabilities(asked).sum(axis=1), 1)
    fast = FastKNN(k, weights=weights).fit(features, target)
    for ours, theirs in zip(fast.neighbours(asked), model.neighbours(asked), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    order = np.random.default_rng(0).permutation(len(target))
    moved = KNN(k, weights=weights).fit(features[order], target[order])
    np.testing.assert_array_equal(
        moved.neighbours(asked)[0], model.neighbours(asked)[0]
    )  # distances, whatever the order
    twice = KNN(2 * k, weights=weights).fit(np.repeat(features, 2, axis=0), np.repeat(target, 2))
    # every row twice, twice as many asked: the same shares (but for rounding, which may settle a tie otherwise)
    np.testing.assert_allclose(twice.probabilities(asked), model.probabilities(asked), rtol=1e-9)
