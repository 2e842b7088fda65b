"""What all classical models share: errors, state without pickle, and sources that stand alone."""

import inspect
import json

import numpy as np
import pytest

from fofx.classic import bayes, boosting, knn, tree
from fofx.classic.bayes import BernoulliBayes, CategoricalBayes, GaussianBayes, MultinomialBayes
from fofx.classic.boosting import Boosting
from fofx.classic.compile import compiled
from fofx.classic.fast import FastGaussianBayes, FastKNN, FastTree
from fofx.classic.fast_boosting import FastBoosting
from fofx.classic.knn import KNN
from fofx.classic.tree import Tree
from fofx.errors import DataError, TaskError


class BriefBoosting(Boosting):
    """Few rounds are enough to see what all models share."""

    def __init__(self, *args, rounds=5, **options):
        super().__init__(*args, rounds=rounds, **options)


class BriefFastBoosting(BriefBoosting, FastBoosting):
    pass


MODELS = [
    KNN,
    FastKNN,
    Tree,
    FastTree,
    GaussianBayes,
    FastGaussianBayes,
    MultinomialBayes,
    BernoulliBayes,
    CategoricalBayes,
    BriefBoosting,
    BriefFastBoosting,
]
TREES = (Tree, FastTree, BriefBoosting, BriefFastBoosting)
EACH = pytest.mark.parametrize("kind", MODELS)


@EACH
@pytest.mark.parametrize(
    "features, target, code",
    [
        (np.empty((0, 3)), [], "empty-features"),
        (np.empty((3, 0)), [0, 1, 0], "empty-features"),
        ([1.0, 2.0], [0, 1], "wrong-shape"),
        ([[1.0], [2.0]], [0, 1, 0], "wrong-shape"),
        ([[1.0], [2.0]], [[0], [1]], "wrong-shape"),
        ([[1.0], [np.nan]], [0, 1], "not-finite"),
        ([[1.0], [np.inf]], [0, 1], "not-finite"),
        ([[1.0], [2.0]], [0, np.nan], "not-finite"),
        ([[1.0], [2.0]], np.array(["a", None], object), "not-finite"),
        ([["a"], ["b"]], [0, 1], "not-numbers"),
    ],
)
def test_bad_training_data_is_refused(kind, features, target, code):
    with pytest.raises(DataError) as caught:
        kind().fit(features, target)
    assert caught.value.code == code


@EACH
def test_bad_questions_are_refused(kind):
    model = kind().fit([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    for asked, code in (([[1.0]], "wrong-columns"), ([1.0, 2.0], "wrong-shape"), ([[1.0, np.nan]], "not-finite")):
        with pytest.raises(DataError) as caught:
            model.predict(asked)
        assert caught.value.code == code
    assert model.predict(np.empty((0, 2))).shape == (0,)
    with pytest.raises(TaskError, match="not-fitted"):
        kind().predict([[1.0]])


@EACH
def test_finite_values_whose_sum_is_not(kind):
    if kind in TREES:
        with pytest.raises(DataError, match="too-large"):
            kind().fit([[1e308, 1e308], [1e308, 1.0]], [0, 1])
        model = kind(min_leaf=1).fit([[1.0], [2.0]], [0, 1])
        assert model.predict([[1e308]]).tolist() == [1]
    elif kind in (KNN, FastKNN):
        model = kind(1).fit([[1e150, 1e150], [1e150, 1.0]], [0, 1])
        assert model.predict([[1e150, 5.0]]).tolist() == [1]
        assert model.predict([[-1e300, 5.0]]).tolist() == [0]  # all infinitely far: the lowest row


def test_options_out_of_range_are_refused():
    for make in (
        lambda: KNN(0),
        lambda: KNN(2.5),
        lambda: KNN(task="clustering"),
        lambda: KNN(weights="loud"),
        lambda: KNN(distance="cosine"),
        lambda: Tree("clustering"),
        lambda: Tree(criterion="mse"),
        lambda: Tree("regression", "gini"),
        lambda: Tree(max_depth=0),
        lambda: Tree(min_leaf=0),
    ):
        with pytest.raises(TaskError, match="bad-option"):
            make()


def test_what_regression_does_not_have():
    for kind in (KNN, FastKNN, *TREES):
        model = kind(task="regression").fit([[1.0], [2.0]], [1.5, 2.5])
        with pytest.raises(TaskError):
            model.probabilities([[1.0]])
        with pytest.raises(DataError, match="not-numbers"):
            kind(task="regression").fit([[1.0], [2.0]], ["a", "b"])


@EACH
@pytest.mark.parametrize("names", [[0, 1, 2], ["ja", "nein", "vielleicht"], [False, True, True]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_is_plain_and_comes_back(kind, names, dtype):
    random = np.random.default_rng(0)
    features = random.integers(0, 5, (50, 4)).astype(dtype)
    target = np.array(names)[random.integers(0, 3, 50)]
    model = kind().fit(features, target)
    settings, arrays = model.state()
    assert all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for array in arrays.values())
    again = kind.from_state(json.loads(json.dumps(settings)), arrays)
    assert again.predict(features).dtype == model.predict(features).dtype
    np.testing.assert_array_equal(again.predict(features), model.predict(features))
    np.testing.assert_array_equal(again.probabilities(features), model.probabilities(features))
    np.testing.assert_array_equal(again.unseen(features + 1), model.unseen(features + 1))
    if kind in (Tree, FastTree):
        assert again.text() == model.text()
        with pytest.raises(TaskError, match="no-training-rows"):
            again.split_costs()


@pytest.mark.parametrize("kind", [KNN, FastKNN, *TREES])
def test_state_of_regression_comes_back(kind):
    features = np.random.default_rng(0).normal(size=(40, 3))
    model = kind(task="regression").fit(features, features.sum(axis=1))
    settings, arrays = model.state()
    again = kind.from_state(json.loads(json.dumps(settings)), arrays)
    np.testing.assert_array_equal(again.predict(features), model.predict(features))


def test_fast_and_visible_share_their_state():
    features, target = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    for slow, fast in (
        (KNN, FastKNN),
        (Tree, FastTree),
        (GaussianBayes, FastGaussianBayes),
        (BriefBoosting, BriefFastBoosting),
    ):
        again = slow.from_state(*fast().fit(features, target).state())
        np.testing.assert_array_equal(again.predict(features), slow().fit(features, target).predict(features))


@pytest.mark.parametrize("module", [knn, tree, bayes, boosting])
def test_the_pieces_stand_alone(module):
    """What an ejected script pastes: these sources under `import numpy as np`, and nothing else."""
    source = "import numpy as np\n\n\n" + "\n\n\n".join(inspect.getsource(piece) for piece in module.PIECES)
    assert "fofx." not in source
    space: dict = {"__name__": "ejected"}
    exec(compile(source, "ejected.py", "exec"), space)
    features, target = np.random.default_rng(0).integers(0, 4, (50, 3)).astype(float), np.arange(50) % 3
    for piece in module.PIECES:
        if inspect.isclass(piece) and hasattr(piece, "predict") and piece is not bayes.NaiveBayes:
            pasted = space[piece.__name__]().fit(features, target)
            np.testing.assert_array_equal(pasted.predict(features), piece().fit(features, target).predict(features))
            np.testing.assert_array_equal(
                pasted.unseen(features + 1), piece().fit(features, target).unseen(features + 1)
            )
            with pytest.raises(space["FofxError"]):
                pasted.predict([["a"]])


def test_without_a_place_for_machine_code_it_compiles_all_the_same(monkeypatch):
    import numba

    real = numba.njit

    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(lambda value: value + 1)(2) == 3


def test_two_threads_may_ask_one_model():
    from concurrent.futures import ThreadPoolExecutor

    features, target = np.random.default_rng(0).normal(size=(2000, 5)), np.arange(2000) % 3
    for model in (FastKNN(), FastTree(), FastGaussianBayes(), BriefFastBoosting()):
        expected = model.fit(features, target).predict(features)
        with ThreadPoolExecutor(2) as pool:
            for answer in pool.map(model.predict, [features] * 6):
                np.testing.assert_array_equal(answer, expected)
