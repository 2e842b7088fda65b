"""The classical models on the same points as the network, each with its score and its picture.

KNN, tree and naive Bayes see x and y; the line sees the features of the playground, as a network without hidden layers
would: it is what the neurons add to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fofx.errors import DataError
from fofx.play import network

if TYPE_CHECKING:
    from fofx.play.session import Session

NEIGHBOURS, DEPTH = 5, 6


class Rival(NamedTuple):
    """A model fitted to the training points.

    train, test: share of right classes; for regression the mean loss, as the playground counts it. heat (maps, side, side)
    float32, as the last maps of `Session.heat`: p(1) - p(0) for two classes, the probability of each of more classes, or
    the predicted number. settings: what was chosen for it.
    """

    name: str
    train: float
    test: float
    heat: np.ndarray
    settings: dict[str, Any]


def models(regression: bool) -> dict[str, tuple[Any, dict[str, Any], bool]]:
    """Name -> the model, its settings, whether it sees the playground's features (else x and y)."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    from fofx.classic.fast import FastGaussianBayes, FastKNN, FastTree

    task = "regression" if regression else "classification"
    found: dict[str, tuple[Any, dict[str, Any], bool]] = {
        "knn": (FastKNN(NEIGHBOURS, task), {"k": NEIGHBOURS}, False),
        "tree": (FastTree(task, max_depth=DEPTH), {"max_depth": DEPTH}, False),
    }
    if regression:
        return found | {"linear": (LinearRegression(), {}, True)}
    found["bayes"] = (FastGaussianBayes(), {}, False)
    return found | {"linear": (LogisticRegression(max_iter=1000), {}, True)}


def values(model: Any, asked: np.ndarray, classes: int) -> np.ndarray:
    """The maps' values at each row: (maps, M) float32. classes: 0 for regression."""
    if classes == 0:
        return model.predict(asked)[None].astype(np.float32)
    shares = getattr(model, "probabilities", None) or model.predict_proba
    known = np.zeros((len(asked), classes), np.float32)
    known[:, np.asarray(model.classes if hasattr(model, "classes") else model.classes_, int)] = shares(asked)
    return (known[:, 1] - known[:, 0])[None] if classes == 2 else known.T


def rivals(session: Session, side: int = 50) -> list[Rival]:
    """The rivals, fitted now. One that cannot learn from these points (a single class) is left out.

    Naive Bayes has no regression and is left out there.
    """
    state = session.state
    regression = state.problem == "regression"
    places = {
        "train": session.train_points,
        "test": session.test_points,
        "heat": network.grid(side),
    }
    found = []
    for name, (model, settings, featured) in models(regression).items():
        seen = {part: network.features(state, points) if featured else points for part, points in places.items()}
        if featured:  # brought to one scale, so that the solver converges; a line is the same on any scale
            middle, spread = seen["train"].mean(axis=0), seen["train"].std(axis=0)
            seen = {part: (rows - middle) / np.where(spread > 0, spread, 1) for part, rows in seen.items()}
        try:
            model.fit(seen["train"], session.train_answers)
        except (DataError, ValueError):
            continue
        scores = []
        for part, answers in (("train", session.train_answers), ("test", session.test_answers)):
            said = model.predict(seen[part])
            if regression:
                gap = np.abs(said - answers)
                scores.append(float((gap if state.loss_used == "absolute" else gap * gap / 2).mean()))
            else:
                scores.append(float((said == answers).mean()))
        heat = values(model, seen["heat"], 0 if regression else state.classes).reshape(-1, side, side)
        found.append(Rival(name, scores[0], scores[1], heat, settings))
    return found
