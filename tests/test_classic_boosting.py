"""Gradient boosting by hand, against scikit-learn, the compiled twin against the readable class, and what always holds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine, make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from fofx.classic.boosting import Boosting, bins_of, edges_of
from fofx.classic.fast_boosting import FastBoosting
from fofx.errors import DataError, TaskError

BOTH = pytest.mark.parametrize("kind", [Boosting, FastBoosting])


def same_model(one, other, asked):
    """Every tree equal to the last bit, and so every answer."""
    assert len(one.trees) == len(other.trees)
    for grown, others in zip(one.trees, other.trees):
        assert len(grown) == len(others)
        for nodes, twin in zip(grown, others):
            assert nodes.keys() == twin.keys()
            for name in nodes:
                np.testing.assert_array_equal(nodes[name], twin[name])
    np.testing.assert_array_equal(one.predict(asked), other.predict(asked))


# ---- by hand


@BOTH
def test_one_cut_by_hand(kind):
    """y - mean = -2 -2 1 3: left of 2.5 the sum is -4 over 2 rows, right 4 over 2: gain 16/2 + 16/2 - 0."""
    features, target = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0.0, 0.0, 3.0, 5.0])
    model = kind("regression", rounds=1, rate=0.5, leaves=2, min_leaf=1).fit(features, target)
    ((nodes,),) = model.trees
    assert nodes["feature"].tolist() == [0, -1, -1] and nodes["threshold"][0] == 2.5
    assert nodes["rows"].tolist() == [4, 2, 2]
    assert nodes["gain"][0] == pytest.approx(16 / 2**2)  # the slopes are in spreads, of which one is 2
    np.testing.assert_allclose(model.predict(features), [1, 1, 3, 3])  # half the way from the mean 2 to 0 and to 4
    stepwise = [answers.tolist() for answers in model.staged(features)]
    assert stepwise[0] == [2, 2, 2, 2] and stepwise[1] == model.predict(features).tolist()
    np.testing.assert_allclose(model.column_gains(), nodes["gain"][0])
    held = kind("regression", rounds=1, rate=1, leaves=2, min_leaf=1, penalty=2.0).fit(features, target)
    np.testing.assert_allclose(held.predict(features), [1, 1, 3, 3])  # -4 / (2 + 2)


@BOTH
def test_one_round_of_two_classes_by_hand(kind):
    """p = 1/2 everywhere: slopes +-1/2, curvature 1/4, so a pure leaf of two rows answers (2 x 1/2) / (2 x 1/4) = 2."""
    features, target = np.array([[0.0], [1.0], [5.0], [6.0]]), ["no", "no", "yes", "yes"]
    model = kind(rounds=1, rate=1, min_leaf=2).fit(features, target)
    odds = 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(model.probabilities(features)[:, 1], [1 - odds, 1 - odds, odds, odds])
    assert model.trees[0][0]["threshold"][0] == 3
    assert model.predict([[2.9], [3.1]]).tolist() == ["no", "yes"]


@BOTH
def test_the_leaf_that_gains_most_is_split_first(kind):
    """Three steps, the highest far above: with three leaves the second cut must part the two that differ more."""
    features = np.arange(8.0)[:, None]
    target = np.array([0.0, 0, 1, 1, 100, 100, 130, 130])
    model = kind("regression", rounds=1, rate=1, leaves=3, min_leaf=1).fit(features, target)
    ((nodes,),) = model.trees
    assert nodes["threshold"][nodes["feature"] >= 0].tolist() == [3.5, 5.5]
    np.testing.assert_allclose(model.predict(features), [0.5] * 4 + [100] * 2 + [130] * 2)


@BOTH
@pytest.mark.parametrize("leaves, min_leaf", [(2, 20), (8, 5), (31, 8)])
def test_one_full_round_is_the_tree_of_scikit_learn(kind, leaves, min_leaf):
    """On few values both have the same bins: the same leaves, and the same answers."""
    random = np.random.default_rng(leaves)
    features = random.integers(0, 60, (800, 5)).astype(float)
    target = features[:, 0] * features[:, 1] + 40 * np.abs(features[:, 2] - 20) + random.normal(size=800)
    theirs = HistGradientBoostingRegressor(
        max_iter=1, learning_rate=1, max_leaf_nodes=leaves, min_samples_leaf=min_leaf, early_stopping=False
    ).fit(features, target)
    ours = kind("regression", rounds=1, rate=1, leaves=leaves, min_leaf=min_leaf).fit(features, target)
    assert ours.trees[0][0]["feature"].size == 2 * leaves - 1
    np.testing.assert_allclose(ours.predict(features), theirs.predict(features), rtol=1e-4)


@BOTH
@pytest.mark.parametrize("classes", [2, 3])
def test_rounds_of_classes_are_those_of_scikit_learn(kind, classes):
    random = np.random.default_rng(classes)
    features = random.integers(0, 100, (900, 4)).astype(float)
    noisy = features[:, 0] + features[:, 1] / 2 + 20 * random.normal(size=900)
    target = np.digitize(noisy, np.quantile(noisy, np.arange(1, classes) / classes))
    options = {"max_iter": 5, "max_leaf_nodes": 6, "learning_rate": 0.3, "early_stopping": False}
    theirs = HistGradientBoostingClassifier(**options).fit(features, target)
    ours = kind(rounds=5, leaves=6, rate=0.3).fit(features, target)
    np.testing.assert_allclose(ours.probabilities(features), theirs.predict_proba(features), atol=2e-3)


# ---- bins


def test_few_values_are_all_kept_apart_and_many_fall_into_equal_bins():
    np.testing.assert_array_equal(edges_of(np.float32([3, 1, 1, 2, 3]), 255), [1.5, 2.5])
    assert len(edges_of(np.ones(5, np.float32), 255)) == 0
    values = np.random.default_rng(0).permutation(10_000).astype(np.float32)
    edges = edges_of(values, 10)
    np.testing.assert_array_equal(edges, np.arange(1, 10) * 1000 - 0.5)
    assert np.bincount(bins_of(values[:, None], [edges])[:, 0]).tolist() == [1000] * 10
    heavy = np.concatenate([np.zeros(900), np.arange(1, 101)]).astype(np.float32)
    assert edges_of(heavy, 4).tolist() == [0.5]  # nine of ten are zero: that is the one quartile


def test_neighbouring_numbers_are_cut_apart():
    one = np.float32(1)
    values = np.array([one, np.nextafter(one, np.float32(2)), np.float32(1e-45), np.float32(0)], np.float32)
    edges = edges_of(values, 255)
    assert sorted(bins_of(values[:, None], [edges])[:, 0]) == [0, 1, 2, 3]


# ---- as good as scikit-learn


def halves(features, target, seed):
    order = np.random.default_rng(seed).permutation(len(target))
    cut = len(order) // 2
    return features[order[:cut]], target[order[:cut]], features[order[cut:]], target[order[cut:]]


def test_as_good_as_scikit_learn_on_numbers():
    ours, theirs = [], []
    for seed in range(4):
        x, y, other_x, other_y = halves(*make_friedman1(1500, n_features=10, noise=1, random_state=seed), seed)
        mine = FastBoosting("regression", rounds=100).fit(x, y).predict(other_x)
        peer = HistGradientBoostingRegressor(early_stopping=False).fit(x, y).predict(other_x)
        ours.append(np.mean((mine - other_y) ** 2))
        theirs.append(np.mean((peer - other_y) ** 2))
    assert np.mean(ours) < 1.05 * np.mean(theirs) and np.mean(ours) > 1  # the noise alone is 1


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_as_good_as_scikit_learn_on_classes(load):
    ours, theirs = [], []
    for seed in range(4):
        x, y, other_x, other_y = halves(*load(return_X_y=True), seed)
        ours.append(np.mean(FastBoosting(rounds=100).fit(x, y).predict(other_x) == other_y))
        peer = HistGradientBoostingClassifier(early_stopping=False).fit(x, y)
        theirs.append(np.mean(peer.predict(other_x) == other_y))
    assert np.mean(ours) > np.mean(theirs) - 0.015


# ---- the twin


@pytest.mark.parametrize(
    "load, options",
    [
        (load_diabetes, {"task": "regression", "min_leaf": 5}),
        (load_diabetes, {"task": "regression", "bins": 7, "penalty": 3.0}),
        (load_wine, {"min_leaf": 3, "rate": 0.3}),
        (load_breast_cancer, {"leaves": 5, "balanced": True}),
        (load_digits, {"rounds": 2, "min_leaf": 4}),
    ],
)
def test_fast_grows_the_same_trees(load, options):
    features, target = load(return_X_y=True)
    options = {"rounds": 12, **options}
    visible, fast = Boosting(**options).fit(features, target), FastBoosting(**options).fit(features, target)
    same_model(visible, fast, features)
    np.testing.assert_array_equal(visible.column_gains(), fast.column_gains())
    for one, other in zip(visible.staged(features[:50]), fast.staged(features[:50]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fast_grows_the_same_trees_on_two_threads_and_many_columns():
    random = np.random.default_rng(0)
    features = random.normal(size=(9000, 70)).astype(np.float32)
    target = (features[:, 0] + features[:, 69] > 0).astype(int) + (features[:, 66] > 0.5)
    options = {"rounds": 2, "leaves": 6}
    same_model(Boosting(**options).fit(features, target), FastBoosting(**options).fit(features, target), features)
    asked = random.normal(size=(30_000, 70))
    model = FastBoosting("regression", rounds=40, leaves=4).fit(features[:500], features[:500, 0])
    slow = Boosting.from_state(*model.state())
    np.testing.assert_array_equal(model.predict(asked), slow.predict(asked))  # halves are asked on two threads


tables = st.integers(1, 40).flatmap(
    lambda rows: st.tuples(
        st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 3), min_size=rows, max_size=rows),
    )
)


@settings(max_examples=80, deadline=None)
@given(
    tables,
    st.sampled_from(["regression", "classification"]),
    st.integers(1, 5),
    st.integers(2, 6),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([2, 3, 255]),
)
def test_what_always_holds(table, task, min_leaf, leaves, penalty, bins):
    features, target = np.array(table[0], float), np.array(table[1])
    options = {"task": task, "rounds": 4, "min_leaf": min_leaf, "leaves": leaves, "penalty": penalty, "bins": bins}
    model = Boosting(**options).fit(features, target)
    asked = np.random.default_rng(0).normal(size=(20, 3)) * 2
    same_model(model, FastBoosting(**options).fit(features, target), asked)
    for nodes in (nodes for grown in model.trees for nodes in grown):
        leaf = nodes["feature"] < 0
        assert leaf.sum() <= leaves and nodes["rows"][leaf].sum() == len(target)
        assert len(nodes["rows"]) == 1 or nodes["rows"].min() >= min_leaf
        assert (nodes["gain"][~leaf] > 0).all()
    losses = [step["loss"] for step in FastBoosting(**options).steps(features, target)]
    assert losses[-1] <= losses[0] + 1e-9
    if task == "regression":
        assert target.min() - 1e-9 <= model.predict(asked).min() and model.predict(asked).max() <= target.max() + 1e-9
    else:
        np.testing.assert_allclose(model.probabilities(asked).sum(axis=1), 1)
        assert set(model.predict(asked)) <= set(target)


@BOTH
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-150, 1e-9, 1.0, 1e9, 1e200]))
def test_the_unit_of_the_numbers_does_not_matter(kind, seed, unit):
    random = np.random.default_rng(seed)
    features, target = random.normal(size=(60, 2)), random.normal(size=60)
    model = kind("regression", rounds=5, min_leaf=3).fit(features, target)
    other = kind("regression", rounds=5, min_leaf=3).fit(features, target * unit)
    np.testing.assert_allclose(other.predict(features), model.predict(features) * unit, rtol=1e-6, atol=1e-9 * unit)


# ---- stopping, edges, state


@BOTH
def test_validation_keeps_the_best_round(kind):
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 3))
    target = features[:, 0] + random.normal(size=300)
    train, validation = (features[:200], target[:200]), (features[200:], target[200:])
    losses = [step["validation"] for step in FastBoosting("regression").steps(*train, validation)]
    model = kind("regression").fit(*train, validation, patience=20)
    assert 0 < model.rounds < 300 and len(model.trees) == model.rounds
    assert model.rounds == int(np.argmin(losses[: model.rounds + 20]))
    errors = [np.mean((answers - validation[1]) ** 2) for answers in model.staged(validation[0])]
    assert int(np.argmin(errors)) == model.rounds
    again = kind("regression", rounds=model.rounds).fit(*train)  # the number of rounds is all that validation decides
    same_model(model, again, features)


@BOTH
def test_validation_of_noise_keeps_nothing(kind):
    random = np.random.default_rng(3)
    features, target = random.normal(size=(400, 5)), random.integers(0, 2, 400)
    flipped = 1 - FastBoosting(rounds=30).fit(features[:200], target[:200]).predict(features[200:])
    model = kind(rounds=30).fit(features[:200], target[:200], (features[200:], flipped), patience=5)
    assert model.rounds == 0 and model.trees == []
    np.testing.assert_allclose(model.probabilities(features)[:, 1], target[:200].mean())
    with pytest.raises(DataError, match="wrong-columns"):
        kind(rounds=1).fit(features, target, (features[:, :2], target))
    unknown = kind(rounds=3).fit(features, target, (features[:4], [0, 1, 7, 7]))  # classes that training does not have
    assert unknown.classes.tolist() == [0, 1]


@BOTH
def test_one_class_constants_and_few_rows(kind):
    features = np.random.default_rng(0).normal(size=(50, 2))
    one = kind().fit(features, ["only"] * 50)
    assert one.trees == [] and one.predict(features[:2]).tolist() == ["only", "only"]
    assert one.probabilities(features[:2]).tolist() == [[1.0], [1.0]]
    constant = kind().fit(np.ones((50, 3)), np.arange(50) % 2)
    assert constant.trees == [] and constant.predict(np.ones((1, 3))).tolist() == [0]
    same = kind("regression").fit(features, np.full(50, 0.1))
    assert same.trees == []
    np.testing.assert_allclose(same.predict(features), 0.1)
    few = kind("regression").fit(features[:3], [1.0, 2.0, 6.0])
    assert few.trees == [] and few.predict(features).tolist() == [3.0] * 50
    assert kind("regression").fit([[1.0]], [4.0]).predict([[7.0]]).tolist() == [4.0]
    assert few.column_gains().tolist() == [0, 0]


@BOTH
def test_equal_columns_and_constant_ones_between(kind):
    column = np.random.default_rng(1).normal(size=(80, 1))
    features = np.concatenate([np.ones((80, 1)), column, np.zeros((80, 1)), column], axis=1)
    model = kind("regression", rounds=3).fit(features, np.sin(3 * column[:, 0]))
    gains = model.column_gains()
    assert gains[1] > 0 and gains[[0, 2, 3]].tolist() == [0, 0, 0]  # of equals, the lowest column


@BOTH
def test_balanced_classes_weigh_the_same(kind):
    random = np.random.default_rng(0)
    target = (random.random(600) < 0.1).astype(int)
    features = random.normal(size=(600, 2)) + target[:, None] * 1.2
    plain = kind(rounds=20, leaves=4).fit(features, target)
    fair = kind(rounds=20, leaves=4, balanced=True).fit(features, target)
    found = [(model.predict(features)[target == 1]).mean() for model in (plain, fair)]
    assert found[1] > found[0] + 0.1
    twice = (
        np.concatenate([features] + [features[target == 1]] * 2),
        np.concatenate([target, np.ones(2 * target.sum())]),
    )
    even = kind(rounds=1, balanced=True).fit(*twice)
    assert even.base.tolist() == [0.0]


def test_trees_go_through_json_and_back():
    features, target = load_wine(return_X_y=True)
    for rounds in (0, 3):
        model = FastBoosting(rounds=rounds, min_leaf=5).fit(features, target)
        words, arrays = model.state()
        again = Boosting.from_state(json.loads(json.dumps(words)), arrays)
        same_model(model, again, features)
        assert again.state()[0] == words
        np.testing.assert_array_equal(again.column_gains(), model.column_gains())


@pytest.mark.parametrize(
    "options",
    [
        {"task": "ranking"},
        {"rounds": -1},
        {"rounds": 2.5},
        {"rate": 0},
        {"rate": 1.5},
        {"leaves": 1},
        {"min_leaf": 0},
        {"penalty": -1},
        {"penalty": np.inf},
        {"bins": 1},
        {"bins": 257},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(TaskError, match="bad-option"):
        Boosting(**options)
