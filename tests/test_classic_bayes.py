"""Naive Bayes against scikit-learn, its factors against the definition, and the compiled twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import naive_bayes
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from fofx.classic.bayes import BernoulliBayes, CategoricalBayes, GaussianBayes, MultinomialBayes
from fofx.classic.fast import FastGaussianBayes
from fofx.errors import DataError, TaskError

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
GAUSSIAN = pytest.mark.parametrize("kind", [GaussianBayes, FastGaussianBayes])
PAIRS = [
    (MultinomialBayes, naive_bayes.MultinomialNB),
    (BernoulliBayes, naive_bayes.BernoulliNB),
    (CategoricalBayes, naive_bayes.CategoricalNB),
]


@GAUSSIAN
@DTYPES
@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits, load_breast_cancer])
def test_gaussian_as_scikit_learn(kind, dtype, load):
    features, target = load(return_X_y=True)
    theirs = naive_bayes.GaussianNB().fit(features, target)
    ours = kind().fit(features.astype(dtype), target)
    np.testing.assert_array_equal(ours.predict(features.astype(dtype)), theirs.predict(features))
    np.testing.assert_allclose(ours.mean, theirs.theta_, rtol=1e-6)
    np.testing.assert_allclose(ours.variance, theirs.var_, rtol=1e-5)
    if dtype == np.float64:
        np.testing.assert_allclose(ours.joint(features), theirs.predict_joint_log_proba(features), rtol=1e-9)
        np.testing.assert_allclose(ours.probabilities(features), theirs.predict_proba(features), rtol=1e-6, atol=1e-12)


@GAUSSIAN
@DTYPES
def test_gaussian_two_thousand_columns(kind, dtype):
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 300)
    features = (random.normal(size=(300, 2000)) + 0.1 * target[:, None]).astype(dtype)
    theirs = naive_bayes.GaussianNB().fit(features[:200], target[:200])
    ours = kind().fit(features[:200], target[:200])
    np.testing.assert_array_equal(ours.predict(features), theirs.predict(features))


@GAUSSIAN
def test_gaussian_one_class_and_constant_columns(kind):
    model = kind().fit(np.ones((4, 3)), ["a"] * 4)
    assert model.predict([[5.0, 5, 5]]).tolist() == ["a"]
    model = kind().fit(np.ones((5, 3)), [0, 1, 1, 1, 0])
    np.testing.assert_allclose(model.probabilities(np.ones((1, 3))), [[0.4, 0.6]])
    np.testing.assert_allclose(model.probabilities([[3.0, 0.0, 1.0]]), [[0.4, 0.6]])
    assert model.unseen([[2.0, 1.0, 1.0]]).tolist() == [[True, False, False]]


@pytest.mark.parametrize("offset", [0.0, 1e7])
@DTYPES
def test_fast_gaussian_is_equal(dtype, offset):
    random = np.random.default_rng(1)
    features, target = (random.normal(size=(500, 7)) + offset).astype(dtype), random.integers(0, 4, 500)
    visible, fast = GaussianBayes().fit(features, target), FastGaussianBayes().fit(features, target)
    np.testing.assert_allclose(fast.mean, visible.mean, rtol=1e-12)
    np.testing.assert_allclose(fast.variance, visible.variance, rtol=1e-7)
    np.testing.assert_array_equal(fast.unseen(features[:9] + 1), visible.unseen(features[:9] + 1))
    np.testing.assert_array_equal(fast.predict(features), visible.predict(features))
    np.testing.assert_allclose(fast.joint(features), visible.joint(features), rtol=1e-6)


@pytest.mark.parametrize("ours, theirs", PAIRS)
@pytest.mark.parametrize("alpha", [1.0, 0.1])
@DTYPES
def test_counts_as_scikit_learn(ours, theirs, alpha, dtype):
    digits, target = load_digits(return_X_y=True)
    many = np.random.default_rng(0).poisson(0.3, (300, 2000))
    for features, answers in ((digits, target), (many, np.arange(300) % 3)):
        features = features.astype(dtype)
        known = len(features) if ours is CategoricalBayes else len(features) // 2
        a, b = (
            ours(alpha=alpha).fit(features[:known], answers[:known]),
            theirs(alpha=alpha).fit(features[:known], answers[:known]),
        )
        np.testing.assert_array_equal(a.predict(features), b.predict(features))
        np.testing.assert_allclose(a.joint(features), b.predict_joint_log_proba(features), rtol=1e-5)
        np.testing.assert_allclose(a.probabilities(features), b.predict_proba(features), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("kind", [MultinomialBayes, BernoulliBayes])
@pytest.mark.parametrize("alpha", [1.0, 0.0])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.csr_array])
def test_sparse_equals_dense(kind, alpha, form):
    random = np.random.default_rng(0)
    features, target = random.poisson(0.2, (80, 50)).astype(np.float32), random.integers(0, 3, 80)
    dense, thin = kind(alpha).fit(features[:60], target[:60]), kind(alpha).fit(form(features[:60]), target[:60])
    np.testing.assert_allclose(thin.joint(form(features)), dense.joint(features))
    np.testing.assert_array_equal(thin.predict(form(features)), dense.predict(features))
    np.testing.assert_array_equal(thin.unseen(form(features)), dense.unseen(features))
    row = sparse.csr_matrix(features[:1])
    np.testing.assert_allclose(thin.factors(row)["factors"], dense.factors(features[0])["factors"])


@pytest.mark.parametrize("kind", [GaussianBayes, FastGaussianBayes, MultinomialBayes, BernoulliBayes, CategoricalBayes])
def test_the_factors_multiply_to_the_prediction(kind):
    random = np.random.default_rng(2)
    features, target = random.integers(0, 4, (60, 5)).astype(float), random.integers(0, 3, 60)
    model = kind().fit(features, target)
    for row in features[:10]:
        shown = model.factors(row)
        assert shown["factors"].shape == (5, 3)
        product = shown["prior"] * shown["factors"].prod(axis=0)
        np.testing.assert_allclose(shown["product"], product)
        np.testing.assert_allclose(shown["posterior"], product / product.sum())
        np.testing.assert_allclose(model.probabilities(row[None])[0], shown["posterior"])
        assert model.predict(row[None])[0] == shown["classes"][product.argmax()]


def test_factors_by_hand():
    # three sunny and one rainy day off, one sunny and three rainy days of work; weather 1 is sun
    model = CategoricalBayes(alpha=0).fit([[1], [1], [1], [0], [1], [0], [0], [0]], ["off"] * 4 + ["work"] * 4)
    shown = model.factors(np.array([1]))
    assert shown["classes"].tolist() == ["off", "work"]
    np.testing.assert_allclose(shown["factors"], [[3 / 4, 1 / 4]])
    np.testing.assert_allclose(shown["posterior"], [3 / 4, 1 / 4])


def test_a_category_never_seen_is_said_and_answered():
    features, target = [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], ["a", "b", "b"]
    model = CategoricalBayes().fit(features, target)
    assert model.unseen([[7.0, 1.0], [0.5, -1.0]]).tolist() == [[True, False], [True, True]]
    np.testing.assert_allclose(model.factors([7.0, 1.0])["factors"][0], [1 / (1 + 2), 1 / (2 + 2)])
    assert model.factors([7.0, 1.0])["unseen"].tolist() == [True, False]
    certain = CategoricalBayes(alpha=0).fit(features, target)
    np.testing.assert_allclose(certain.probabilities([[7.0, 1.0]]), [[1 / 3, 2 / 3]])  # ruled out: the prior is left


def test_categories_that_are_no_codes():
    model = CategoricalBayes().fit([[-1.0], [0.5], [0.5]], [0, 1, 1])
    np.testing.assert_allclose(model.factors([0.5])["factors"], [[1 / 3, 3 / 4]])
    gap = CategoricalBayes().fit([[0.0], [5.0]], [0, 1])  # 1 to 4 are possible, as in scikit-learn
    theirs = naive_bayes.CategoricalNB().fit([[0], [5]], [0, 1])
    np.testing.assert_allclose(gap.probabilities([[0.0], [3.0]]), theirs.predict_proba([[0], [3]]))


def test_words_never_seen_are_said():
    model = MultinomialBayes().fit([[2.0, 0, 1], [0, 0, 3]], ["a", "b"])
    assert model.unseen([[1.0, 4.0, 0.0]]).tolist() == [[False, True, False]]
    model = BernoulliBayes().fit([[1.0, 0, 1], [0, 0, 1]], ["a", "b"])
    assert model.unseen([[1.0, 1.0, 0.0]]).tolist() == [[False, True, True]]


def test_without_smoothing_a_class_can_be_ruled_out():
    features, target = np.array([[3.0, 0.0], [1.0, 2.0]]), ["a", "b"]
    for kind in (MultinomialBayes, BernoulliBayes):
        model = kind(alpha=0).fit(features, target)
        assert model.probabilities([[1.0, 1.0]]).tolist() == [[0, 1]]
        assert model.factors([1.0, 1.0])["factors"][1].tolist()[0] == 0


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="negative-counts"):
        MultinomialBayes().fit([[-1.0]], [0])
    with pytest.raises(TaskError, match="bad-option"):
        BernoulliBayes(binarize=-1.0).fit(sparse.csr_matrix([[1.0]]), [0])
    with pytest.raises(DataError, match="not-finite"):
        MultinomialBayes().fit(sparse.csr_matrix([[np.nan, 1.0]]), [0])
    with pytest.raises(DataError, match="wrong-columns"):
        BernoulliBayes().fit(sparse.csr_matrix([[1.0, 0]]), [0]).predict(sparse.csr_matrix([[1.0]]))
    with pytest.raises(DataError, match="sparse-features"):
        GaussianBayes().fit(sparse.csr_matrix([[1.0]]), [0])
    for kind in (GaussianBayes, MultinomialBayes, BernoulliBayes, CategoricalBayes):
        with pytest.raises(TaskError, match="bad-option"):
            kind(-1)


tables = st.integers(1, 25).flatmap(
    lambda rows: st.tuples(
        st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 2), min_size=rows, max_size=rows),
    )
)


@settings(max_examples=40, deadline=None)
@given(
    tables,
    st.sampled_from([GaussianBayes, MultinomialBayes, BernoulliBayes, CategoricalBayes]),
    st.sampled_from([0, 1.0]),
)
def test_what_always_holds(table, kind, smoothing):
    features, target = np.array(table[0], float), np.array(table[1])
    asked = np.array([[0.0, 1, 2], [9, 0, 0], [3, 3, 3], [0, 0, 0]])
    model = kind(smoothing * (1e-3 if kind is GaussianBayes else 1)).fit(features, target)
    chances = model.probabilities(asked)
    assert np.isfinite(chances).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(asked), model.classes[model.joint(asked).argmax(axis=1)])
    order = np.random.default_rng(0).permutation(len(target))
    options = {name: getattr(model, name) for name in model.options}
    np.testing.assert_allclose(kind(**options).fit(features[order], target[order]).prior(), model.prior())
    if kind is not GaussianBayes:  # sums of whole numbers: the same to the bit in any order
        moved = kind(**options).fit(features[order], target[order])
        np.testing.assert_array_equal(moved.joint(asked), model.joint(asked))
        doubled = kind(**{**options, "alpha": 2 * smoothing}).fit(np.repeat(features, 2, 0), np.repeat(target, 2))
        if kind is not CategoricalBayes or smoothing == 0:
            np.testing.assert_allclose(doubled.probabilities(asked), chances, atol=1e-9)
