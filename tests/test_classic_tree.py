"""The decision tree against scikit-learn, the compiled twin against the readable tree, and what always holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine, make_classification
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fofx.classic.fast import FastTree
from fofx.classic.tree import Tree, impurity

BOTH = pytest.mark.parametrize("kind", [Tree, FastTree])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SETS = {"iris": load_iris, "wine": load_wine, "digits": load_digits, "cancer": load_breast_cancer}


def same_tree(ours, theirs):
    """Node by node: the same questions in the same order, the same answers."""
    nodes = ours.nodes
    inner = nodes["feature"] >= 0
    np.testing.assert_array_equal(inner, theirs.children_left >= 0)
    np.testing.assert_array_equal(nodes["feature"][inner], theirs.feature[inner])
    np.testing.assert_allclose(nodes["threshold"][inner], theirs.threshold[inner], rtol=1e-12)
    np.testing.assert_array_equal(nodes["left"], theirs.children_left)
    np.testing.assert_array_equal(nodes["right"], theirs.children_right)
    np.testing.assert_array_equal(nodes["rows"], theirs.n_node_samples)
    np.testing.assert_allclose(nodes["value"], theirs.value[:, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(nodes["impurity"], theirs.impurity, rtol=1e-6, atol=1e-9)


@BOTH
@DTYPES
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
@pytest.mark.parametrize("rows, columns, classes, depth", [(400, 5, 2, 3), (1500, 20, 3, 5), (200, 2000, 3, 1)])
def test_random_data_gives_the_tree_of_scikit_learn(kind, dtype, criterion, rows, columns, classes, depth):
    """No ties here (few questions, many rows a node), so the trees are equal node by node."""
    features, target = make_classification(
        rows,
        columns,
        n_informative=4,
        n_redundant=0,
        n_classes=classes,
        n_clusters_per_class=1,
        flip_y=0.2,
        random_state=1,
    )
    features = features.astype(dtype)
    theirs = DecisionTreeClassifier(criterion=criterion, max_depth=depth, min_samples_leaf=15, random_state=0)
    theirs.fit(features, target)
    ours = kind(criterion=criterion, max_depth=depth, min_leaf=15).fit(features, target)
    same_tree(ours, theirs.tree_)
    asked = np.random.default_rng(0).normal(size=(1000, columns)).astype(dtype)
    np.testing.assert_array_equal(ours.predict(asked), theirs.predict(asked))
    np.testing.assert_allclose(ours.probabilities(asked), theirs.predict_proba(asked))


@BOTH
@DTYPES
@pytest.mark.parametrize("rows, columns, min_leaf", [(300, 4, 6), (1500, 12, 5), (150, 2000, 10)])
def test_random_regression_gives_the_tree_of_scikit_learn(kind, dtype, rows, columns, min_leaf):
    random = np.random.default_rng(5)
    features = random.normal(size=(rows, columns)).astype(dtype)
    target = np.sin(features[:, 0]) + features[:, 1] ** 2 + random.normal(size=rows) + 1000
    theirs = DecisionTreeRegressor(max_depth=5, min_samples_leaf=min_leaf, random_state=0).fit(features, target)
    ours = kind("regression", max_depth=5, min_leaf=min_leaf).fit(features, target)
    same_tree(ours, theirs.tree_)
    asked = random.normal(size=(1000, columns)).astype(dtype)
    np.testing.assert_allclose(ours.predict(asked), theirs.predict(asked), rtol=1e-12)


def node_rows(model, features):
    """The training rows of every node, by walking."""
    rows = {0: np.arange(len(features))}
    for node in range(len(model.nodes["feature"])):
        column = model.nodes["feature"][node]
        if column >= 0:
            goes_left = features[rows[node], column] <= model.nodes["threshold"][node]
            rows[int(model.nodes["left"][node])] = rows[node][goes_left]
            rows[int(model.nodes["right"][node])] = rows[node][~goes_left]
    return rows


@BOTH
@DTYPES
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_real_data_every_cut_is_as_cheap_as_scikit_learns(kind, dtype, name, criterion):
    """Real data has ties, where scikit-learn chooses by its random state; the price of each cut must still be equal."""
    features, target = SETS[name](return_X_y=True)
    features = features.astype(dtype)
    ours = kind(criterion=criterion, max_depth=6).fit(features, target)
    narrow = features.astype(np.float32)
    for node, rows in node_rows(ours, narrow).items():
        one = DecisionTreeClassifier(criterion=criterion, max_depth=1, random_state=0).fit(features[rows], target[rows])
        if ours.nodes["feature"][node] < 0:
            assert ours.nodes["depth"][node] == 6 or one.tree_.node_count == 1
            continue
        sides = [int(ours.nodes[side][node]) for side in ("left", "right")]
        cost = sum(ours.nodes["rows"][side] * ours.nodes["impurity"][side] for side in sides)
        best = sum(one.tree_.n_node_samples[side] * one.tree_.impurity[side] for side in (1, 2))
        np.testing.assert_allclose(cost, best, rtol=1e-9, atol=1e-9)
    theirs = DecisionTreeClassifier(criterion=criterion, random_state=0).fit(features, target)
    whole = kind(criterion=criterion).fit(features, target)
    np.testing.assert_array_equal(whole.predict(features), theirs.predict(features))


@BOTH
@DTYPES
def test_diabetes_as_scikit_learn(kind, dtype):
    features, target = load_diabetes(return_X_y=True)
    features = features.astype(dtype)
    theirs = DecisionTreeRegressor(max_depth=3, random_state=0).fit(features, target)
    ours = kind("regression", max_depth=3).fit(features, target)
    same_tree(ours, theirs.tree_)
    np.testing.assert_allclose(ours.predict(features), theirs.predict(features))
    whole = kind("regression").fit(features, target)
    np.testing.assert_allclose(whole.predict(features), target)
    for node, rows in node_rows(whole, features.astype(np.float32)).items():  # deeper there are ties: compare the price
        if whole.nodes["feature"][node] >= 0:
            one = DecisionTreeRegressor(max_depth=1, random_state=0).fit(features[rows], target[rows]).tree_
            sides = [int(whole.nodes[side][node]) for side in ("left", "right")]
            cost = sum(whole.nodes["rows"][side] * whole.nodes["impurity"][side] for side in sides)
            best = sum(one.n_node_samples[side] * one.impurity[side] for side in (1, 2))
            np.testing.assert_allclose(cost, best, rtol=1e-9, atol=1e-6)


@BOTH
@DTYPES
def test_neighbouring_float32_values_are_cut_apart(kind, dtype):
    """The middle of two adjacent float32 numbers is one of them, or lies between them only in float64."""
    base = np.float32(3.0)
    column = [base]
    for _ in range(31):
        column.append(np.nextafter(column[-1], np.float32(9)))
    features = np.array(column, dtype)[:, None]
    target = np.arange(32) % 2
    ours, theirs = kind().fit(features, target), DecisionTreeClassifier(random_state=0).fit(features, target)
    assert (ours.predict(features) == target).all()
    np.testing.assert_array_equal(ours.predict(features), theirs.predict(features))


def test_float64_and_float32_give_one_tree():
    features, target = load_breast_cancer(return_X_y=True)
    double, single = FastTree().fit(features, target), FastTree().fit(features.astype(np.float32), target)
    for name in double.nodes:
        np.testing.assert_array_equal(double.nodes[name], single.nodes[name])
    assert (single.predict(features.astype(np.float32)) == target).mean() == 1


@BOTH
def test_ties_one_class_constant_columns(kind):
    twins = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    model = kind().fit(twins, [0, 0, 1, 1])
    assert model.nodes["feature"][0] == 0 and model.nodes["threshold"][0] == 0.5  # lowest column, lowest threshold
    one = kind().fit(twins, ["only"] * 4)
    assert len(one.nodes["feature"]) == 1 and one.predict(twins).tolist() == ["only"] * 4
    constant = kind().fit(np.ones((4, 3)), [0, 1, 1, 0])
    assert constant.predict(np.ones((1, 3))).tolist() == [0]  # half and half: the lower class
    assert constant.probabilities(np.ones((1, 3))).tolist() == [[0.5, 0.5]]
    assert kind().fit([[0.0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).predict([[1.0, 0.0]]).tolist() == [1]  # xor
    number = kind("regression").fit(twins, [1.0, 2.0, 5.0, 5.0])
    np.testing.assert_allclose(number.predict(twins), [1.5, 1.5, 5, 5])


def test_impurity_by_hand():
    counts = np.array([[3.0, 1.0], [2.0, 2.0], [4.0, 0.0]])
    np.testing.assert_allclose(impurity(counts, "gini"), [1 - 9 / 16 - 1 / 16, 0.5, 0])
    np.testing.assert_allclose(impurity(counts, "entropy"), [0.75 * np.log2(4 / 3) + 0.25 * 2, 1, 0])


def test_every_cut_is_in_the_table_and_the_cheapest_is_made():
    features, target = load_iris(return_X_y=True)
    model = Tree(min_leaf=3).fit(features, target)
    table = model.split_costs()
    assert len(table["cost"]) > 50
    for line in range(0, len(table["cost"]), 7):
        goes_left = np.float32(features[:, table["feature"][line]]) <= table["threshold"][line]
        assert goes_left.sum() == table["rows_left"][line] and (~goes_left).sum() == table["rows_right"][line]
        shares = [np.bincount(target[side], minlength=3) / side.sum() for side in (goes_left, ~goes_left)]
        by_hand = [1 - (share**2).sum() for share in shares]
        np.testing.assert_allclose([table["impurity_left"][line], table["impurity_right"][line]], by_hand)
        total = goes_left.sum() * by_hand[0] + (~goes_left).sum() * by_hand[1]
        np.testing.assert_allclose(table["cost"][line], total / 150)
    first = table["total"].argmin()
    assert model.nodes["feature"][0] == table["feature"][first]
    assert model.nodes["threshold"][0] == table["threshold"][first]
    assert min(table["rows_left"].min(), table["rows_right"].min()) >= 3


@BOTH
def test_the_path_leads_to_the_prediction(kind):
    features, target = load_wine(return_X_y=True)
    model = kind(max_depth=4).fit(features, target)
    for row in features[::9]:
        path = model.path(row)
        for step in path[:-1]:
            assert step["yes"] == (np.float32(row[step["feature"]]) <= step["threshold"])
        assert path[-1]["node"] == model.leaves(row[None])[0]
        assert model.classes[path[-1]["value"].argmax()] == model.predict(row[None])[0]
    text = model.text([f"column {number}" for number in range(13)])
    assert text.count("?") == (model.nodes["feature"] >= 0).sum()
    assert text.count("rows,") == (model.nodes["feature"] < 0).sum()


def test_unseen_values_are_said():
    model = Tree().fit([[0.0, 5.0], [1.0, 6.0]], [0, 1])
    assert model.unseen([[0.5, 7.0], [-1.0, 5.0]]).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("criterion", ["gini", "entropy", "mse"])
@pytest.mark.parametrize("load", [load_digits, load_wine])
def test_fast_grows_the_same_tree(criterion, load):
    features, target = load(return_X_y=True)
    if criterion == "mse":
        target = target + np.random.default_rng(0).normal(size=len(target))
    options = {"task": "regression" if criterion == "mse" else "classification", "criterion": criterion}
    options["max_depth"] = 6 if criterion == "mse" else None
    visible, fast = Tree(**options).fit(features, target), FastTree(**options).fit(features, target)
    for name in ("feature", "threshold", "left", "right", "rows", "depth"):
        np.testing.assert_array_equal(fast.nodes[name], visible.nodes[name])
    np.testing.assert_allclose(fast.nodes["value"], visible.nodes["value"], rtol=1e-12)
    np.testing.assert_allclose(fast.nodes["impurity"], visible.nodes["impurity"], rtol=1e-9, atol=1e-12)


tables = st.integers(1, 30).flatmap(
    lambda rows: st.tuples(
        st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 2), min_size=rows, max_size=rows),
    )
)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from(["gini", "entropy", "mse"]), st.integers(1, 4), st.none() | st.integers(1, 3))
def test_what_always_holds(table, criterion, min_leaf, max_depth):
    features, target = np.array(table[0], float), np.array(table[1])
    options = {"task": "regression" if criterion == "mse" else "classification", "criterion": criterion}
    options |= {"min_leaf": min_leaf, "max_depth": max_depth}
    asked = np.random.default_rng(0).normal(size=(20, 3)) * 2
    model, fast = Tree(**options).fit(features, target), FastTree(**options).fit(features, target)
    leaf = model.nodes["feature"] < 0
    assert model.nodes["rows"][leaf].sum() == len(target)
    assert len(target) < 2 * min_leaf or model.nodes["rows"].min() >= min_leaf
    for name in ("feature", "threshold", "left", "right", "rows"):
        np.testing.assert_array_equal(fast.nodes[name], model.nodes[name])
    order = np.random.default_rng(0).permutation(len(target))
    moved = Tree(**options).fit(features[order], target[order])
    np.testing.assert_allclose(moved.predict(asked), model.predict(asked))
    options["min_leaf"] = 2 * min_leaf
    twice = Tree(**options).fit(np.repeat(features, 2, axis=0), np.repeat(target, 2))
    np.testing.assert_allclose(twice.predict(asked), model.predict(asked))
    if criterion != "mse":
        np.testing.assert_allclose(model.probabilities(asked).sum(axis=1), 1)
