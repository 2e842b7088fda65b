"""Distrust of what was read: a classical model from a file must make sense before compiled code walks through it.

A stranger's run could hold a tree that points outside its own arrays, or in a circle; compiled loops check no bounds. V nodes of a
tree, D columns, C classes, N rows.
"""

from __future__ import annotations

import numpy as np

from fofx.classic.bayes import GaussianBayes
from fofx.classic.boosting import Boosting
from fofx.classic.knn import KNN
from fofx.classic.tree import Tree


def demand_sound(model: object) -> None:
    """ValueError when the arrays of a restored model do not fit together."""
    if isinstance(model, Tree):
        outs = 1 if model.task == "regression" else len(model.classes)
        demand_tree(model.nodes, len(model.low), (outs,))
        demand(model.high.shape == model.low.shape, "limits of its columns")
    elif isinstance(model, Boosting):
        demand(model.base.ndim == 1 and model.low.ndim == 1 and model.high.shape == model.low.shape, "base and limits")
        demand(np.isfinite(model.base).all(), "base")
        outs = 1 if model.task == "regression" else len(model.classes)
        demand(len(model.base) in (1, outs), "base of each class")
        for grown in model.trees:
            demand(len(grown) == len(model.base), "trees of a round")
            for nodes in grown:
                demand_tree(nodes, len(model.low), ())
    elif isinstance(model, KNN):
        demand(model.rows.ndim == 2 and model.rows.shape[0] > 0 and np.isfinite(model.rows).all(), "rows")
        demand(model.target.shape == (len(model.rows),), "answers")
        if model.task == "classification":
            demand_places(model.target, len(model.classes), "classes of the rows")
    elif isinstance(model, GaussianBayes):
        shape = (len(model.classes), model.columns)
        demand(model.mean.shape == shape and model.variance.shape == shape, "means and variances")
        demand(model.class_rows.shape == shape[:1], "rows of each class")


def demand_tree(nodes: dict[str, np.ndarray], columns: int, value: tuple[int, ...]) -> None:
    """Every node points to later nodes of the same tree, and asks about a column that there is."""
    count = len(nodes["feature"])
    demand(count > 0 and all(len(array) == count for array in nodes.values()), "nodes")
    demand(all(nodes[name].ndim == 1 for name in ("feature", "threshold", "left", "right")), "nodes")
    demand(nodes["value"].shape == (count, *value) and np.isfinite(nodes["value"]).all(), "answers of the leaves")
    inner = nodes["feature"] >= 0
    demand_places(nodes["feature"][inner], columns, "columns of the questions")
    for side in ("left", "right"):
        demand_places(nodes[side][inner], count, "branches")
        demand(bool((nodes[side][inner] > np.flatnonzero(inner)).all()), "branches")  # so it ends


def demand_places(numbers: np.ndarray, limit: int, what: str) -> None:
    demand(numbers.dtype.kind in "iu" and bool(((numbers >= 0) & (numbers < limit)).all()), what)


def demand(right: object, what: str) -> None:
    if not right:
        raise ValueError(f"its {what} do not fit together")
