"""Principal components and linear discriminants as one linear map: the same answers as scikit-learn's two steps."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import small
from fofx.errors import TaskError
from fofx.rungs.fisher import fisher
from fofx.rungs.linear import softmax


@pytest.mark.parametrize("classes", [2, 5])
def test_the_two_steps_are_one_linear_map(classes: int) -> None:
    draw = np.random.default_rng(classes)
    truth = draw.integers(0, classes, 120)
    centres = draw.normal(0, 1, (classes, 30))
    rows = centres[truth] + draw.normal(0, 1, (120, 30))
    weight, bias = fisher(rows, truth, classes, 10, seed=0)
    down = PCA(10, random_state=0, svd_solver="randomized").fit(rows)
    apart = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(down.transform(rows), truth)
    np.testing.assert_allclose(softmax(rows @ weight + bias), apart.predict_proba(down.transform(rows)), atol=1e-6)


def test_a_class_without_rows_is_never_answered() -> None:
    draw = np.random.default_rng(0)
    truth = np.repeat([0, 2], 20)
    rows = (draw.normal(0, 1, (40, 6)) + truth[:, None]).astype(np.float32)
    weight, bias = fisher(rows, truth, 3, 3, seed=0)
    found = softmax(rows @ weight + bias)
    assert set(found.argmax(axis=1)) == {0, 2} and found[:, 1].max() < 1e-6
    weight, bias = fisher(rows[:20], truth[:20], 3, 3, seed=0)
    assert (softmax(rows @ weight + bias).argmax(axis=1) == 0).all()


def test_numbers_and_texts_are_refused() -> None:
    with pytest.raises(TaskError, match="chooses between classes"):
        small.quick(small.table(), outputs="price", model="fisher")
