"""Maps of features: PCA equal to the eigenvectors of the covariance, t-SNE that keeps groups, both the same each time."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import see_small
from fofx.errors import TaskError
from fofx.see.embedding import embedding, pca, tsne
from fofx.see.features import space_of
from fofx.see.rows import frame_of, numbers_of


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(3, 40), columns=st.integers(1, 12), seed=st.integers(0, 99), offset=st.floats(-1e3, 1e3))
def test_pca_is_the_turn_to_the_largest_spread(rows: int, columns: int, seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)) * np.linspace(3, 0.5, columns) + offset
    points, explained, kept = pca(matrix, 2)
    values, vectors = np.linalg.eigh(np.cov(matrix.T).reshape(columns, columns))
    right = (matrix - matrix.mean(axis=0)) @ vectors[:, ::-1]  # (N, columns), the largest spread first
    for axis in range(min(2, columns)):
        sign = np.sign(points[:, axis] @ right[:, axis]) or 1.0
        assert np.allclose(points[:, axis], sign * right[:, axis], atol=1e-6 * (1 + abs(offset)))
        assert explained[axis] == pytest.approx(values[::-1][axis] / values.sum(), rel=1e-6, abs=1e-9)
    assert kept == pytest.approx(explained.sum()) and kept <= 1 + 1e-9
    if columns <= 2:
        assert kept == pytest.approx(1)


def test_pca_of_sparse_rows_is_that_of_the_same_rows_written_out() -> None:
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(30, 80)) * (rng.random((30, 80)) < 0.1)
    thin, full = pca(sparse.csr_matrix(dense.astype(np.float32)), 2), pca(dense, 2)
    assert np.allclose(np.abs(thin[0]), np.abs(full[0]), atol=1e-4)
    assert np.allclose(thin[1], full[1], atol=1e-5)


def test_equal_rows_are_one_point_without_spread() -> None:
    points, explained, kept = pca(np.full((6, 4), 7.0))
    assert points.tolist() == [[0, 0]] * 6 and explained.tolist() == [0, 0] and kept == 0


@pytest.mark.parametrize("rows", [12, 60, 150])
def test_tsne_keeps_three_groups_apart(rows: int) -> None:
    group = np.arange(rows) % 3
    rng = np.random.default_rng(1)
    matrix = 8 * np.eye(6)[group] + rng.normal(0, 0.3, (rows, 6))
    points, _, kept, divergence = tsne(matrix, 2, 0, 30.0)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(rows)
    assert (group[gaps.argmin(axis=1)] == group).all()
    assert kept == pytest.approx(1) and divergence >= 0
    assert np.array_equal(points, tsne(matrix, 2, 0, 30.0)[0])


@pytest.mark.parametrize("family", ["number", "category", "text", "picture", "several"])
def test_a_map_of_a_run_is_the_pca_of_its_features_with_its_mistakes(family: str) -> None:
    function = see_small.several_function() if family == "several" else see_small.again(family)
    name, end = see_small.network_of(function), function.outputs[0]
    found = embedding(function, name, part="validation")
    frame = frame_of(function, "validation")
    right = pca(space_of(function, name, "features").points(frame))
    assert found.space == "features" and np.allclose(found.points, right[0]) and np.allclose(found.explained, right[1])
    assert found.rows.tolist() == numbers_of(function, "validation").tolist()
    said, truth = function.predict(frame, name)[end.name], end.truth(frame[end.name])
    assert found.right == frame[end.name].to_list() and found.answered == end.answers(said)
    if end.kind == "number":
        assert found.wrong is None and np.allclose(found.error, said - truth)
    else:
        assert found.error is None and found.wrong.tolist() == (said.argmax(axis=1) != truth).tolist()


def test_a_classical_rung_has_a_map_of_the_plain_numbers() -> None:
    for function, rung in ((see_small.three_function(), "tree"), (see_small.again("text"), "linear")):
        for method in ("pca", "tsne"):
            found = embedding(function, rung, method=method)
            assert found.space == "raw" and np.isfinite(found.points).all() and 0 < found.kept <= 1 + 1e-9
            assert (found.explained is None) == (method == "tsne") == (found.divergence is not None)


def test_rows_are_bounded_drawn_by_the_seed_and_it_is_said() -> None:
    function = see_small.three_function()
    first, second, other = (embedding(function, "mlp", part="train", most=20, seed=seed) for seed in (0, 0, 1))
    assert len(first.rows) == 20 and np.array_equal(first.points, second.points)
    assert first.rows.tolist() == second.rows.tolist() != other.rows.tolist()
    assert [(note.code, note.count) for note in first.notes] == [("some-rows", 20)]
    some = embedding(function, "mlp", rows=np.array([3, 1, 9, 5]), dimensions=3)
    assert some.places.tolist() == [3, 1, 9, 5] and some.points.shape == (4, 3) and not some.notes


def test_what_cannot_be_had_is_said() -> None:
    function = see_small.three_function()
    for code, call in {
        "unknown-method": lambda: embedding(function, method="umap"),
        "bad-option": lambda: embedding(function, most=10**9),
        "few-rows": lambda: embedding(function, rows=np.array([0, 1])),
        "no-features": lambda: embedding(function, "tree", space="features"),
        "unknown-part": lambda: embedding(function, part="exam"),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
