"""K nearest neighbours: look up the K most similar training rows and let them vote (or average them).

Source: Fix and Hodges, "Discriminatory analysis: nonparametric discrimination", 1951; Cover and Hart, 1967.
N training rows, M asked rows, D columns, K neighbours, C classes.
"""

import numpy as np

from fofx.classic.checks import checked_features, checked_target
from fofx.errors import DataError, FofxError, TaskError


class KNN:
    """Predicts from the `k` nearest training rows.

    k: how many neighbours; if training has fewer rows, all of them are used and `notes` says so.
    task: "classification" (a vote) or "regression" (a mean).
    weights: "uniform" (each neighbour counts 1) or "distance" (1 / distance; a row at distance 0 outvotes all others).
    distance: "euclidean", "manhattan" or "chebyshev".
    Rows at equal distance: the lower row number is nearer. Classes with equal votes: the lower class wins.
    """

    def __init__(self, k=5, task="classification", weights="uniform", distance="euclidean"):
        if not isinstance(k, int | np.integer) or k < 1:
            raise TaskError("bad-option", f"Expected k to be a whole number of at least 1, got {k!r}.")
        choices = (
            ("task", task, ("classification", "regression")),
            ("weights", weights, ("uniform", "distance")),
            ("distance", distance, ("euclidean", "manhattan", "chebyshev")),
        )
        for name, given, known in choices:
            if given not in known:
                raise TaskError("bad-option", f"Expected {name} to be one of {', '.join(known)}, got {given!r}.")
        self.k, self.task, self.weights, self.distance = int(k), task, weights, distance
        self.notes: list[dict] = []
        self.classes: np.ndarray = np.empty(0)  # stays empty for regression

    def fit(self, features, target) -> "KNN":
        """Remember the rows: there is nothing to compute until a question comes."""
        self.rows = checked_features(features)  # (N, D)
        target = checked_target(target, len(self.rows), self.task)
        if self.task == "classification":
            self.classes, self.target = np.unique(target, return_inverse=True)  # (C,), (N,) class numbers
        else:
            self.target = target
        self.notes = []
        if self.k > len(self.rows):
            text = f"k is {self.k}, but there are only {len(self.rows)} training rows: all of them are asked."
            self.notes.append({"code": "k-above-rows", "text": text, "count": len(self.rows)})
        return self

    def neighbours(self, features):
        """The evidence: distances (M, K), nearest first, and the row numbers (M, K) in training."""
        if not hasattr(self, "rows"):
            raise TaskError("not-fitted", "Call fit(features, target) before asking this model.")
        asked = checked_features(features, self.rows.shape[1])  # (M, D)
        k = min(self.k, len(self.rows))
        distances, rows = np.empty((len(asked), k)), np.empty((len(asked), k), np.int64)
        chunk = max(1, 2**22 // len(self.rows))  # at most 32 MiB of distances at a time
        for start in range(0, len(asked), chunk):
            part = slice(start, start + chunk)
            distances[part], rows[part] = self.nearest(asked[part], k)
        return distances, rows

    def nearest(self, asked, k):
        """Distances and rows of the `k` nearest to each asked row, by measuring every pair."""
        gaps = np.zeros((len(asked), len(self.rows)))  # (M, N)
        with np.errstate(over="ignore"):  # gaps beyond float64 are all equally far: inf
            for column in range(
                asked.shape[1]
            ):  # one column after the other: a fixed order of summing gives fixed ties
                here = asked[:, column, None].astype(np.float64)  # (M, 1)
                gap = np.abs(here - self.rows[None, :, column])  # (M, N)
                if self.distance == "euclidean":
                    gaps += gap * gap
                elif self.distance == "manhattan":
                    gaps += gap
                else:
                    np.maximum(gaps, gap, out=gaps)
        rows = np.argsort(gaps, axis=1, kind="stable")[:, :k]  # (M, K)
        nearest = np.take_along_axis(gaps, rows, axis=1)  # (M, K)
        return (np.sqrt(nearest) if self.distance == "euclidean" else nearest), rows

    def shares(self, distances):
        """How much each neighbour counts (M, K), from its distance."""
        if self.weights == "uniform":
            return np.ones_like(distances)
        same = distances == 0
        shares = 1 / np.where(same, 1, distances)
        return np.where(same.any(axis=1, keepdims=True), same, shares)

    def votes(self, features):
        """What each class received (M, C): a count, or a sum of 1 / distance."""
        if self.task != "classification":
            raise TaskError("no-votes", "Votes belong to classification; regression averages. Ask neighbours().")
        distances, rows = self.neighbours(features)
        shares, voted = self.shares(distances), self.target[rows]  # (M, K)
        votes = np.empty((len(rows), len(self.classes)))  # (M, C)
        for number in range(len(self.classes)):
            votes[:, number] = np.where(voted == number, shares, 0).sum(axis=1)
        return votes

    def predict(self, features):
        """The class with the most votes, or the (weighted) mean of the neighbours' numbers: (M,)."""
        if self.task == "classification":
            return self.classes[self.votes(features).argmax(axis=1)]
        distances, rows = self.neighbours(features)
        shares = self.shares(distances)
        return (shares * self.target[rows]).sum(axis=1) / shares.sum(axis=1)

    def probabilities(self, features):
        """The share of the votes that each class received (M, C), columns in the order of `classes`."""
        votes = self.votes(features)
        return votes / votes.sum(axis=1, keepdims=True)

    def unseen(self, features):
        """Where a value lies outside what training had in that column: bool (M, D). There the neighbours are far."""
        asked = checked_features(features, self.rows.shape[1])
        return (asked < self.rows.min(axis=0)) | (asked > self.rows.max(axis=0))

    def state(self):
        """Plain settings and arrays from which `from_state` makes this model again."""
        settings = {"k": self.k, "task": self.task, "weights": self.weights, "distance": self.distance}
        return {**settings, "classes": self.classes.tolist()}, {"rows": self.rows, "target": self.target}

    @classmethod
    def from_state(cls, settings, arrays) -> "KNN":
        options = {name: settings[name] for name in ("k", "task", "weights", "distance")}
        model = cls(**options)
        model.rows, model.target = np.asarray(arrays["rows"]), np.asarray(arrays["target"])
        model.classes = np.asarray(settings["classes"])
        return model


PIECES = (FofxError, DataError, TaskError, checked_features, checked_target, KNN)
