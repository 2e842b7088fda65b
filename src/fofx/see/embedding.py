"""A map of rows: points of many features laid into a plane, so that rows that a network takes for alike lie together.

PCA turns the axes to the directions of largest spread and keeps the first two; the distances that are left are true.
t-SNE (van der Maaten and Hinton 2008) keeps who is near whom; sizes of groups and gaps between them mean nothing.
Shapes: N rows, F features, D dimensions of the map.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sparse

from fofx.errors import Notice, TaskError
from fofx.finding import Finding
from fofx.see.answers import drawn, output_of
from fofx.see.features import Matrix, space_of
from fofx.see.rows import frame_of, numbers_of

MOST, LIMIT = 1000, 20_000  # rows by default, and the most that may be asked for
EXACT = 100  # rows up to which t-SNE measures every pair
BEFORE = 50  # dimensions that PCA leaves to t-SNE


@dataclass
class Map:
    """N rows of a part as points.

    points          : (N, D) float64. rows, places: (N,) their numbers in the data, and places in the part.
    right, answered : N values as the user writes them. wrong: (N,) bool, None for numbers; error: (N,) answered minus
                      right, None for classes.
    explained       : (D,) the share of the spread that each axis of PCA keeps. For t-SNE, whose axes have none, None;
                      there `kept` says how much of the spread PCA left to it.
    kept            : the share of the whole spread that went into the map. divergence: of t-SNE, what it could not fit.
    """

    rung: str
    output: str
    space: str
    method: str
    points: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    right: list
    answered: list
    wrong: np.ndarray | None
    error: np.ndarray | None
    explained: np.ndarray | None
    kept: float
    divergence: float | None = None
    notes: list[Notice] = field(default_factory=list)


def embedding(
    function: Finding,
    rung: str | None = None,
    method: str = "pca",
    part: str = "test",
    rows: np.ndarray | None = None,
    most: int = MOST,
    dimensions: int = 2,
    seed: int = 0,
    perplexity: float = 30.0,
    space: str | None = None,
    output: str | None = None,
) -> Map:
    """A map of a part's rows in the space of a rung (by default the winner), the same each time for one seed.

    rows  : places in the part; None takes all, or `most` of them drawn by the seed, with a notice.
    method: "pca" or "tsne"; t-SNE's `perplexity` is about the number of neighbours that count, and held below N / 3.
    Raises TaskError "unknown-method", "bad-option", "few-rows", "no-features"; RunError "data-gone" or "other-data".
    """
    if method not in ("pca", "tsne"):
        raise TaskError("unknown-method", f"A map is made by pca or tsne, not {method!r}.")
    if dimensions not in (2, 3) or not 3 <= most <= LIMIT:
        raise TaskError(
            "bad-option", f"A map has 2 or 3 dimensions and 3 to {LIMIT:,} rows, not {dimensions} and {most}."
        )
    end, way = output_of(function, output), space_of(function, rung, space)
    numbers = numbers_of(function, part)
    places = np.arange(len(numbers)) if rows is None else np.asarray(rows, dtype=np.int64)
    picked, notes = drawn(len(places), most, seed)
    places = places[picked]
    if len(places) < 4:
        raise TaskError(
            "few-rows", f"A map needs at least 4 rows; there are {len(places)}. `neighbours` works with one."
        )
    frame = frame_of(function, part, places)
    matrix = way.points(frame)
    predicted = function.predict(frame, way.rung)[end.name]
    truth, number = end.truth(frame[end.name]), end.kind == "number"
    points, explained, kept, divergence = (
        (*pca(matrix, dimensions, seed), None) if method == "pca" else tsne(matrix, dimensions, seed, perplexity)
    )
    return Map(
        rung=way.rung,
        output=end.name,
        space=way.name,
        method=method,
        points=points,
        rows=numbers[places],
        places=places,
        right=frame[end.name].to_list(),
        answered=end.answers(predicted),
        wrong=None if number else predicted.argmax(axis=1) != truth,
        error=predicted - truth if number else None,
        explained=explained,
        kept=kept,
        divergence=divergence,
        notes=notes,
    )


def pca(matrix: Matrix, dimensions: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, float]:
    """(points (N, D), explained shares (D,), their sum) by scikit-learn. Axes that the features do not have are 0."""
    from sklearn.decomposition import PCA

    count = min(dimensions, *matrix.shape)
    points, explained = np.zeros((matrix.shape[0], dimensions)), np.zeros(dimensions)
    if sparse.issparse(matrix):
        matrix = matrix.astype(np.float64)
        spread = float(matrix.multiply(matrix).mean() - np.square(matrix.mean(axis=0)).mean())
    else:
        matrix = np.asarray(matrix, dtype=np.float64)
        spread = float(matrix.var(axis=0).sum())
    if spread <= 0:
        return points, explained, 0.0  # all rows are the same: one point
    if sparse.issparse(matrix):
        count = min(count, min(matrix.shape) - 1)  # what the solver for sparse rows can give
        solver = PCA(count, svd_solver="arpack", random_state=seed)
    else:
        large = min(matrix.shape) > 500
        solver = PCA(count, svd_solver="randomized" if large else "full", random_state=seed)
    points[:, :count] = solver.fit_transform(matrix)
    explained[:count] = solver.explained_variance_ratio_
    return points, explained, float(explained.sum())


def tsne(matrix: Matrix, dimensions: int, seed: int, perplexity: float) -> tuple[np.ndarray, None, float, float]:
    """(points (N, D), None, share of the spread that PCA left to it, divergence) by scikit-learn."""
    from sklearn.manifold import TSNE

    before, _, kept = pca(matrix, min(BEFORE, *matrix.shape), seed)
    before = before if before.shape[1] >= dimensions else np.pad(before, ((0, 0), (0, dimensions - before.shape[1])))
    scale = before[:, 0].std()
    start = before[:, :dimensions] / (scale or 1.0) * 1e-4  # from the map of PCA, as small as t-SNE wants it
    near = float(np.clip(perplexity, 1.0, max(1.0, (len(before) - 1) / 3)))
    solver = TSNE(
        dimensions,
        perplexity=near,
        init=start,
        random_state=seed,
        n_jobs=1,
        method="exact" if len(before) <= EXACT else "barnes_hut",
        learning_rate=max(len(before) / 12, 5.0),  # scikit-learn's least, 50, throws a map of a few rows apart
    )
    points = solver.fit_transform(before)
    return points.astype(np.float64), None, kept, float(solver.kl_divergence_)
