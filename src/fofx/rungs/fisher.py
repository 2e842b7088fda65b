"""Principal components, then the directions that tell the classes apart (Fisher 1936; for faces Belhumeur et al. 1997).

With few pictures of each of many classes this is hard to beat: it ignores the ways in which pictures of one class differ. The two
steps together are one linear map, so that the rung is kept and explained like the linear one.
Shapes: N rows, D features, K classes, P components.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from fofx.encoded import Problem
from fofx.errors import TaskError
from fofx.fields.base import Field, Flat, Output
from fofx.fields.number import Number
from fofx.fields.text import Text
from fofx.rungs.base import Code
from fofx.rungs.linear import Linear

COMPONENTS = (10, 25, 50, 100, 200)
MOST_ROWS = 20_000  # the components of more rows take longer than they are worth


class Fisher(Linear):
    """Linear discriminant analysis on the principal components of pictures, sounds and the like. Classes only."""

    family = "classical"
    words = ("fisher",)
    height = 7

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        classes = not any(isinstance(output, Number) for output in problem.outputs)
        wide = any(not isinstance(field, Flat | Text) for field in problem.fields)
        return (
            list(cls.words)
            if classes and wide and len(problem.train) <= MOST_ROWS and not problem.train.of(Text)
            else []
        )

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if any(isinstance(output, Number) for output in outputs):
            raise TaskError("model-does-not-fit", f"{name!r} chooses between classes; here numbers should come out.")
        if any(isinstance(field, Text) for field in fields):
            raise TaskError(
                "model-does-not-fit", f"{name!r} works on columns and pictures; here text is among the inputs."
            )

    def grid(self, output: Output, shape: tuple[int, int]) -> tuple:
        most = max(1, min(shape[0] - output.size, shape[1]))
        able = tuple(count for count in COMPONENTS if count <= most)
        return able or (most,)

    def classes(self, matrix, truth: np.ndarray, output: Output, strength: float, problem: Problem):
        return fisher(matrix, truth, output.size, int(strength), problem.seed)

    def script_classes(self, balanced: str | None) -> str:
        return "fisher(x, truth, output.size, strength, SEED)"

    def script(self, record: dict) -> Code:
        code = super().script(record)
        code.things.append(fisher)
        return code


def fisher(matrix, truth: np.ndarray, classes: int, components: int, seed: int):
    """Weight (D, K) and bias (K,) of linear discriminants on the first principal components; absent classes get -20.

    The covariance within the classes is shrunk as Ledoit and Wolf (2004) estimate, so that few rows a class are enough.
    """
    present = np.unique(truth)
    weight, bias = np.zeros((matrix.shape[1], classes)), np.full(classes, -20.0)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weight, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class of one row has no spread of its own: the shared one serves it
        map_down = PCA(components, random_state=seed, svd_solver="randomized").fit(matrix)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(map_down.transform(matrix), truth)
    lines = map_down.components_.T @ model.coef_.T  # (D, K) or (D, 1) for two classes
    start = model.intercept_ - map_down.mean_ @ lines
    if len(present) == 2:
        weight[:, present[1]], bias[present] = lines[:, 0], (0.0, start[0])
    else:
        weight[:, present], bias[present] = lines, start
    return weight, bias
