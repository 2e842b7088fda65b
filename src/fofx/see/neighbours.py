"""Which training rows lie nearest to a row: in the features of a network, or in the plain numbers of other rungs.

The rung "knn" shows its own evidence: the very rows it counted, their distances and votes. For every other rung the nearest
rows are an illustration of its space, not the reason of its answer. Shapes: M asked rows, K neighbours, N training rows.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import scipy.sparse as sparse

from fofx.classic.fast import FastKNN
from fofx.encoded import Inputs
from fofx.errors import Notice, RunError, TaskError
from fofx.fields.base import Output
from fofx.fields.category import as_words
from fofx.finding import Finding
from fofx.rungs.classical import Knn
from fofx.see.answers import Which, drawn, output_of, rows_of
from fofx.see.features import Matrix, space_of
from fofx.see.rows import frame_of, numbers_of

MOST_ROWS, MOST_NUMBERS = 20_000, 100_000_000  # training rows, and features of all of them together (400 MB)
COUNT = 5  # neighbours by default


@dataclass
class Neighbours:
    """The nearest training rows of M rows, the nearest first.

    space    : "evidence" (what knn counted), "features" or "raw"; see `fofx.see.features`.
    rows     : (M, K) their numbers in the data; places: (M, K) their places in the training part.
    distances: (M, K) euclidean, in that space.
    labels   : for each asked row, the K right answers of its neighbours, as the user writes them.
    shares   : (M, K) how much each counted for the answer, out of 1; only for "evidence".
    frame    : the raw rows of all neighbours, row by row: neighbour k of row m is frame[m * K + k].
    """

    rung: str
    output: str
    space: str
    rows: np.ndarray
    places: np.ndarray
    distances: np.ndarray
    labels: list[list]
    shares: np.ndarray | None
    frame: pl.DataFrame
    notes: list[Notice] = field(default_factory=list)


def neighbours(
    function: Finding,
    rows: Which | None = None,
    rung: str | None = None,
    k: int | None = None,
    space: str | None = None,
    output: str | None = None,
    part: str = "test",
) -> Neighbours:
    """The K nearest training rows of some rows: places in `part` (None: all of it), a frame, or one row as a dict.

    rung : by default the winner. k: by default as many as knn counts, else 5.
    space: None takes the rung's own ("evidence" for knn, "features" of a network, else "raw").
    A row of the training part finds itself at distance 0. Raises TaskError "bad-option", "no-features", "unknown-rung",
    "unknown-output", "unknown-space"; RunError "data-gone" or "other-data".
    """
    end, name = output_of(function, output), rung or function.winner
    if k is not None and k < 1:
        raise TaskError("bad-option", f"Expected k to be 1 or more, got {k!r}.")
    fitted, asked = function.rung(name), rows_of(function, rows, part)
    notes: list[Notice] = []
    shares = None
    if isinstance(fitted, Knn) and space in (None, "evidence"):
        where = "evidence"
        distances, places, shares = evidence(function, fitted, asked, end, k)
    else:
        if space == "evidence":
            raise TaskError(
                "no-evidence", f"Only 'knn' answers by its neighbours; for {name!r} take space='features' or 'raw'."
            )
        way = space_of(function, name, space)
        where = way.name
        points = way.points(asked)
        most = (
            int(np.clip(MOST_NUMBERS // max(points.shape[1], 1), 1, MOST_ROWS))
            if not sparse.issparse(points)
            else MOST_ROWS
        )
        kept, notes = drawn(len(numbers_of(function, "train")), most, function.record["seed"])
        distances, found = nearest(points, way.points(frame_of(function, "train", kept)), k or COUNT)
        places = kept[found]
    frame = frame_of(function, "train", places.reshape(-1))
    count = places.shape[1]
    values = frame[end.name].to_list() if end.kind == "number" else as_words(frame[end.name])
    labels = [values[at : at + count] for at in range(0, len(values), count)]
    numbers = numbers_of(function, "train")[places]
    return Neighbours(name, end.name, where, numbers, places, distances, labels, shares, frame, notes)


def evidence(function: Finding, rung: Knn, asked: pl.DataFrame, output: Output, k: int | None) -> tuple:
    """(distances, places in the training part, shares) of the rows that knn counts, by its own search.

    With another `k` than its own the shares are those that its rule would give to so many.
    """
    model = copy.copy(rung.models[output.name])
    model.k = k or model.k
    distances, numbers = model.neighbours(rung.features(Inputs(asked, function.fields)))  # (M, K)
    total = len(numbers_of(function, "train"))
    places = rung.kept_rows(total, function.record["seed"])[numbers]
    again = rung.features(Inputs(frame_of(function, "train", places.reshape(-1)), function.fields))
    if not np.allclose(again, model.rows[numbers.reshape(-1)], atol=1e-5):
        raise RunError(
            "other-data", f"The rows that knn keeps in {function.run.path} are not the training rows of its data."
        )
    shares = model.shares(distances)
    return distances, places, shares / shares.sum(axis=1, keepdims=True)


def nearest(asked: Matrix, known: Matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distances (M, K) and numbers (M, K) of the nearest of N known rows.

    Of rows at the same distance the lower number comes first, except where n-grams make the matrix sparse.
    """
    k = min(k, known.shape[0])
    if sparse.issparse(known) or sparse.issparse(asked):
        from sklearn.neighbors import NearestNeighbors

        return (
            NearestNeighbors(n_neighbors=k, algorithm="brute")
            .fit(known.astype(np.float64))
            .kneighbors(asked.astype(np.float64))
        )
    search = FastKNN(k=k, task="regression").fit(known, np.zeros(known.shape[0]))
    return search.neighbours(asked)
