"""Learnt distances, against scipy and scikit-learn and on data whose covariances are known."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import inv, sqrtm
from scipy.spatial import distance
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from fofx.classic import metric
from fofx.classic.metric import Cosine, Covariance, main_directions, shrunk_covariance
from fofx.classic.threshold import fit_logistic, folds
from fofx.errors import DataError, TaskError

WITHIN = np.array([[2.0, 0.9, 0.0], [0.9, 1.0, 0.3], [0.0, 0.3, 0.5]])
BETWEEN = np.array([[0.5, 0.0, 0.1], [0.0, 3.0, 0.4], [0.1, 0.4, 1.0]])


def people(count: int, seed: int, within=WITHIN, between=BETWEEN) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of two looks: half of one person, half of two; everybody is in one pair only."""
    random = np.random.default_rng(seed)
    columns = len(within)
    same = np.arange(count) % 2 == 0
    who = random.multivariate_normal(np.zeros(columns), between, (count, 2))  # (P, 2, D)
    who[same, 1] = who[same, 0]
    looks = who + random.multivariate_normal(np.zeros(columns), within, (count, 2))
    return looks[:, 0] + 5.0, looks[:, 1] + 5.0, same


MODELS = [Cosine(), Covariance("wccn"), Covariance("within"), Covariance("kissme")]
each = pytest.mark.parametrize("model", MODELS, ids=lambda model: getattr(model, "rule", "cosine"))


def test_shrinking_equals_scikit_learn():
    random = np.random.default_rng(0)
    for count, columns in ((20, 5), (8, 12), (300, 3)):
        rows = random.normal(size=(count, columns)) @ random.normal(size=(columns, columns))
        shrunk, _, share = shrunk_covariance(rows)
        theirs = LedoitWolf(assume_centered=True).fit(rows)
        np.testing.assert_allclose(share, theirs.shrinkage_, rtol=1e-9)
        np.testing.assert_allclose(shrunk, theirs.covariance_, rtol=1e-9, atol=1e-12)


def test_what_the_directions_do_not_see_counts_as_a_ball():
    """Equal to the whole covariance where all other directions do vary alike."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(40_000, 6)) * [5, 3, 1, 1, 1, 1]
    whole, _, share = shrunk_covariance(rows)
    inside, rest, near = shrunk_covariance(rows[:, :2], columns=6, beyond=(rows[:, 2:] ** 2).sum(axis=1))
    np.testing.assert_allclose(inside, whole[:2, :2], rtol=1e-3)
    np.testing.assert_allclose(rest, np.diag(whole)[2:], rtol=0.02)
    np.testing.assert_allclose(near, share, rtol=0.05)


def test_a_new_identity_counts_also_where_training_saw_little():
    """Few people in many columns: their own directions are not those of new people."""
    random = np.random.default_rng(0)
    who = random.normal(size=(20, 1, 100)) * 2
    items = who + random.normal(size=(20, 6, 100))

    def pairs(chosen: np.ndarray) -> tuple:
        rows = items[chosen].reshape(-1, 100)
        one, two = np.triu_indices(len(rows), 1)
        return rows[one], rows[two], one // 6 == two // 6

    train, test = pairs(np.arange(5)), pairs(np.arange(5, 20))
    for rule in ("wccn", "within", "kissme"):
        model = Covariance(rule, most=8).fit(*train)
        assert roc_auc_score(test[2], model.scores(*test[:2])) > 0.99


def test_rows_that_repeat_one_another_shrink_more():
    rows = np.random.default_rng(0).normal(size=(40, 6)) * [3, 2, 1, 1, 1, 1]
    assert shrunk_covariance(rows, 8)[2] > shrunk_covariance(rows)[2]
    assert shrunk_covariance(np.zeros((5, 2)))[0].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)])
def test_main_directions_equal_scikit_learn(shape):
    rows = np.random.default_rng(1).normal(size=shape)
    mean, directions = main_directions(rows, 4)
    theirs = PCA(4).fit(rows)
    np.testing.assert_allclose(mean, theirs.mean_)
    np.testing.assert_allclose(np.abs((directions * theirs.components_.T).sum(axis=0)), 1, rtol=1e-8)


def test_the_logistic_equals_scikit_learn():
    random = np.random.default_rng(2)
    scores = random.normal(size=3000) * 7 - 40
    same = random.random(3000) < 1 / (1 + np.exp(-(0.4 * scores + 15)))
    slope, offset, _ = fit_logistic(scores, same)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(scores[:, None], same)
    np.testing.assert_allclose([slope, offset], [theirs.coef_[0, 0], theirs.intercept_[0]], rtol=0.02)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=30), st.integers(1, 3))
def test_the_logistic_is_finite_for_any_scores(values, sure):
    scores = np.array(values)
    same = np.arange(len(scores)) < sure
    slope, offset, _ = fit_logistic(scores, same)
    assert np.isfinite([slope, offset]).all()


def test_the_share_of_the_same_can_be_said():
    """As if there were as many of one as of the other."""
    random = np.random.default_rng(3)
    same = np.arange(5000) % 10 == 0
    scores = random.normal(size=5000) + 2 * same
    slope, offset, _ = fit_logistic(scores, same, 0.5)
    np.testing.assert_allclose([slope, -offset / slope], [2, 1], atol=0.15)


def test_identities_are_left_out_in_turn():
    """A chain of pairs that are the same is one identity, however long."""
    items = np.arange(60.0)[:, None]
    one, two = np.triu_indices(60, 1)
    alike = one // 6 == two // 6
    keep = ~alike | (two == one + 1)
    one, two, alike = one[keep], two[keep], alike[keep]
    seen = np.zeros(len(one), dtype=int)
    for learning, judging in folds(items[one], items[two], alike):
        known = set(one[learning] // 6) | set(two[learning] // 6)
        assert not known & (set(one[judging] // 6) | set(two[judging] // 6))
        seen += judging
    assert seen.max() == 1 and seen[alike].min() == 1


def test_the_cosine_is_scipys():
    first, second, same = people(200, 0)
    model = Cosine().fit(first, second, same)
    rows = np.concatenate([first, second])
    one, two = ((side - rows.mean(0)) / rows.std(0) for side in (first, second))
    theirs = [1 - distance.cosine(a, b) for a, b in zip(one, two)]
    np.testing.assert_allclose(model.scores(first, second), theirs, rtol=1e-9)


def test_mahalanobis_is_scipys():
    first, second, same = people(400, 0)
    model = Covariance("within").fit(first, second, same)
    inverse = model.matrix * np.outer(model.scale, model.scale)  # in the units of the features
    theirs = [distance.mahalanobis(a, b, inverse) for a, b in zip(first, second)]
    np.testing.assert_allclose(model.distances(first, second), theirs, rtol=1e-8)
    np.testing.assert_allclose(model.scores(first, second), -np.square(theirs), rtol=1e-8)


def shape_of(matrix: np.ndarray) -> np.ndarray:
    """A matrix without its unit."""
    return matrix / np.trace(matrix)


def test_the_known_within_class_covariance_is_found():
    first, second, same = people(60_000, 3)
    model = Covariance("within").fit(first, second, same)
    found = inv(model.matrix * np.outer(model.scale, model.scale))
    np.testing.assert_allclose(shape_of(found), shape_of(WITHIN), atol=0.01)
    np.testing.assert_allclose(model.scores(first[~same], second[~same]).mean(), -1)


def test_kissme_is_the_log_of_a_ratio_of_likelihoods():
    """Of the two normal distributions that the differences really have: so its logistic is Bayes' rule."""
    first, second, same = people(60_000, 4)
    model = Covariance("kissme").fit(first, second, same)
    known = inv(2 * WITHIN) - inv(2 * (WITHIN + BETWEEN))
    np.testing.assert_allclose(shape_of(model.matrix * np.outer(model.scale, model.scale)), shape_of(known), atol=0.01)
    gaps = first - second
    near, far = multivariate_normal(cov=2 * WITHIN), multivariate_normal(cov=2 * (WITHIN + BETWEEN))
    ratio = near.logpdf(gaps) - far.logpdf(gaps)
    np.testing.assert_allclose(model.probabilities(first, second)[:, 1], 1 / (1 + np.exp(-ratio)), atol=0.03)


def test_kissme_is_the_difference_of_the_inverses_without_what_is_below_zero():
    first, second, same = people(300, 5)
    model = Covariance("kissme").fit(first, second, same)
    gaps = (first - second) * model.scale
    near, far = (shrunk_covariance(gaps[part])[0] for part in (same, ~same))
    plain = inv(near) - inv(far)
    values = np.linalg.eigvalsh(plain)
    assert values.min() > 0  # nothing to take out here
    np.testing.assert_allclose(shape_of(model.matrix), shape_of(plain), rtol=1e-6)


def test_the_telling_direction_is_fishers():
    within, between = np.diag([1.0, 2.0, 0.5]), np.zeros((3, 3))
    between[1, 1] = 9.0
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    first, second, same = people(4000, 6, turn @ within @ turn.T, turn @ between @ turn.T)
    model = Covariance(telling=1).fit(first, second, same)
    values, vectors = np.linalg.eigh(model.matrix * np.outer(model.scale, model.scale))
    assert values[1] < 1e-9 * values[2]
    assert abs(vectors[:, 2] @ turn[:, 1]) > 0.99
    random = np.random.default_rng(1)
    noisy = [np.column_stack([side, random.normal(size=(len(side), 60))]) for side in (first[:1500], second[:1500])]
    fresh = [np.column_stack([side, random.normal(size=(len(side), 60))]) for side in (first[1500:], second[1500:])]
    auc = [roc_auc_score(same[1500:], Covariance(telling=n).fit(*noisy, same[:1500]).scores(*fresh)) for n in (1, None)]
    assert auc[0] > auc[1] + 0.02


def test_wccn_is_the_cosine_after_the_root_of_the_inverse():
    first, second, same = people(500, 5)
    model = Covariance("wccn").fit(first, second, same)
    root = np.real(sqrtm(model.matrix))
    one, two = ((side * model.scale - model.mean) @ root for side in (first, second))
    theirs = [1 - distance.cosine(a, b) for a, b in zip(one, two)]
    np.testing.assert_allclose(model.scores(first, second), theirs, rtol=1e-6, atol=1e-8)


def test_the_covariance_beats_the_cosine_where_the_loud_directions_say_nothing():
    """As in voices: the words said move the features more than the speaker does."""
    within, between = np.diag([25.0, 25, 25, 0.3, 0.3, 0.3]), np.diag([0.2, 0.2, 0.2, 1, 1, 1])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    within, between = turn @ within @ turn.T, turn @ between @ turn.T
    train, test = people(2000, 1, within, between), people(2000, 2, within, between)
    auc = {
        getattr(model, "rule", "cosine"): roc_auc_score(test[2], model.fit(*train).scores(*test[:2]))
        for model in (Cosine(), Covariance("wccn"), Covariance("within"), Covariance("kissme"))
    }
    assert auc["cosine"] < 0.65
    assert min(auc["wccn"], auc["within"], auc["kissme"]) > 0.8


def test_the_threshold_holds_for_new_items():
    """Few items in many columns, all of them in many pairs: learnt from itself, the threshold would be far too sure."""
    random = np.random.default_rng(0)
    columns, speakers, looks = 30, 8, 12
    who = random.normal(size=(2 * speakers, 1, columns)) * 0.7
    items = who + random.normal(size=(2 * speakers, looks, columns))

    def pairs(chosen: np.ndarray) -> tuple:
        rows = items[chosen].reshape(-1, columns)
        one, two = np.triu_indices(len(rows), 1)
        same = one // looks == two // looks
        keep = same | (random.random(len(same)) < same.mean() / (1 - same.mean()))
        return rows[one[keep]], rows[two[keep]], same[keep]

    train, test = pairs(np.arange(speakers)), pairs(np.arange(speakers, 2 * speakers))
    model = Covariance("kissme").fit(*train)
    held_out = log_loss(test[2], model.probabilities(*test[:2])[:, 1])
    assert abs(model.loss - held_out) < 0.07
    model.slope, model.offset, _ = fit_logistic(model.scores(*train[:2]), train[2])
    assert held_out < log_loss(test[2], model.probabilities(*test[:2])[:, 1])
    assert held_out < 0.6


@each
def test_swapped_sides_give_the_same_answer_to_the_bit(model):
    first, second, same = people(300, 6)
    model.fit(first, second, same)
    assert np.array_equal(model.probabilities(first, second), model.probabilities(second, first))
    assert np.array_equal(model.scores(first, second), model.scores(second, first))
    again = type(model).from_state(*model.state()).fit(second, first, same)
    np.testing.assert_allclose(again.scores(first, second), model.scores(first, second), rtol=1e-6, atol=1e-8)


@each
def test_the_score_is_the_sum_of_its_evidence(model):
    first, second, same = people(300, 7)
    model.fit(first, second, same)
    shares = model.contributions(*model.sides(first, second))
    assert shares.shape == first.shape
    np.testing.assert_allclose(shares.sum(axis=1), model.scores(first, second))
    chance = 1 / (1 + np.exp(-(model.slope * model.scores(first, second) + model.offset)))
    np.testing.assert_allclose(model.probabilities(first, second)[:, 1], chance)
    assert np.array_equal(model.predict(first, second), model.scores(first, second) > -model.offset / model.slope)
    assert model.slope > 0


@each
@pytest.mark.parametrize("names", [["no", "yes"], [0, 1], [False, True]])
def test_state_is_plain_and_comes_back(model, names):
    first, second, same = people(100, 8)
    model.fit(first.astype(np.float32), second, np.array(names)[same.astype(int)])
    settings, arrays = model.state()
    assert all(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in arrays.values())
    again = type(model).from_state(json.loads(json.dumps(settings)), arrays)
    assert np.array_equal(again.probabilities(first, second), model.probabilities(first, second))
    assert again.predict(first, second).tolist() == model.predict(first, second).tolist()
    assert set(model.predict(first, second).tolist()) <= set(names)


@each
def test_a_feature_that_never_varies_tells_nothing(model):
    first, second, same = people(100, 9)
    wide = [np.column_stack([side, np.full(len(side), 3.0)]) for side in (first, second)]
    model.fit(*wide, same)
    wide[0][:, 3] = 99.0
    assert not model.contributions(*model.sides(*wide))[:, 3].any()
    assert np.isfinite(model.probabilities(*wide)).all()


@each
def test_more_features_than_items(model):
    random = np.random.default_rng(0)
    items = random.normal(size=(12, 40)) + np.repeat(random.normal(size=(3, 40)) * 2, 4, axis=0)
    one, two = np.triu_indices(12, 1)
    model.fit(items[one], items[two], one // 4 == two // 4)
    assert roc_auc_score(one // 4 == two // 4, model.scores(items[one], items[two])) == 1
    assert model.probabilities(items[:1], items[:1])[0, 1] > 0.5


@each
def test_equal_rows_and_four_pairs(model):
    flat = np.ones((4, 2))
    model.fit(flat, flat, [True, False, True, False])
    np.testing.assert_allclose(model.probabilities(flat, flat), 0.5)
    model.fit([[0.0], [1.0]], [[0.1], [0.0]], ["yes", "no"])
    assert np.isfinite(model.probabilities([[5.0]], [[5.1]])).all()
    assert model.predict(np.empty((0, 1)), np.empty((0, 1))).shape == (0,)


@pytest.mark.parametrize(
    "first, second, same, code",
    [
        ([[1.0]], [[1.0], [2.0]], [1], "wrong-shape"),
        ([[1.0], [2.0]], [[1.0, 2.0], [2.0, 1.0]], [0, 1], "wrong-columns"),
        ([[1.0], [np.nan]], [[1.0], [2.0]], [0, 1], "not-finite"),
        ([[1.0], [2.0]], [[1.0], [2.0]], [1, 1], "one-class"),
        ([[1.0], [2.0]], [[1.0], [2.0]], [0, 1, 2], "wrong-shape"),
        ([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]], [0, 1, 2], "one-class"),
        ([["a"], ["b"]], [["a"], ["b"]], [0, 1], "not-numbers"),
    ],
)
def test_bad_pairs_are_refused(first, second, same, code):
    for model in (Cosine(), Covariance()):
        with pytest.raises(DataError) as caught:
            model.fit(first, second, same)
        assert caught.value.code == code


def test_bad_questions_and_options_are_refused():
    for make in (
        lambda: Covariance("loud"),
        lambda: Covariance(most=0),
        lambda: Covariance(most=2.5),
        lambda: Covariance(telling=0),
    ):
        with pytest.raises(TaskError, match="bad-option"):
            make()
    with pytest.raises(TaskError, match="not-fitted"):
        Cosine().scores([[1.0]], [[1.0]])
    model = Covariance().fit(*people(40, 0))
    with pytest.raises(DataError, match="wrong-columns"):
        model.scores([[1.0]], [[1.0]])
    with pytest.raises(DataError, match="equal length"):
        model.scores(np.ones((2, 3)), np.ones((3, 3)))


def test_the_pieces_stand_alone():
    source = "import numpy as np\n\n\n" + "\n\n\n".join(inspect.getsource(piece) for piece in metric.PIECES)
    assert "fofx." not in source
    space: dict = {"__name__": "ejected"}
    exec(compile(source, "ejected.py", "exec"), space)
    train = people(100, 0)
    for name in ("Cosine", "Covariance"):
        pasted, ours = space[name]().fit(*train), getattr(metric, name)().fit(*train)
        assert np.array_equal(pasted.probabilities(*train[:2]), ours.probabilities(*train[:2]))
