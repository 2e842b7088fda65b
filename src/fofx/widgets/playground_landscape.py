"""The training loss of a playground around its weights of now, over a plane through them.

Two ways to choose the plane: two random directions, each neuron's step as long as its own weights ("filter
normalisation"), or the two directions in which the training so far went furthest (PCA of its path). Both: Li and others,
"Visualizing the Loss Landscape of Neural Nets", 2018. P snapshots, n parameters, S points along each axis.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from fofx.errors import TaskError
from fofx.play import kernels, network
from fofx.play.session import Session

SIDE = 61
WAYS = ("random", "path")


@dataclass(frozen=True)
class Landscape:
    """A plane to measure on. reach: how far it goes to each side along both axes; path: (P, 2) where training passed."""

    net: np.ndarray
    learnt: tuple[np.ndarray, np.ndarray]
    middle: np.ndarray  # (n,)
    ways: np.ndarray  # (2, n)
    reach: tuple[float, float]
    path: np.ndarray
    centre: float  # the loss in the middle

    def measure(self, ending: threading.Event) -> np.ndarray | None:
        """Losses (S, S), the lowest row first; None when it was to end."""
        across, up = (np.linspace(-reach, reach, SIDE) for reach in self.reach)
        losses = np.empty((SIDE, SIDE))
        for row in range(SIDE):
            if ending.is_set():
                return None
            for column in range(SIDE):
                there = self.middle + across[column] * self.ways[0] + up[row] * self.ways[1]
                losses[row, column] = kernels.measure(self.net, there.astype(np.float32), *self.learnt)[0]
        return losses


def landscape(session: Session, way: str, seed: int = 0) -> Landscape:
    """The plane through the weights of now. TaskError "bad-way", or "no-path" before there is a path to look along."""
    if way not in WAYS:
        raise TaskError("bad-way", f"The plane is chosen by {' or '.join(WAYS)}, not {way!r}.")
    net = network.table(session.state)
    middle = network.packed(net, session.weights).astype(np.float64)
    learnt = network.inputs(session.state, session.train_points), network.targets(session.state, session.train_answers)
    centre = kernels.measure(net, middle.astype(np.float32), *learnt)[0]
    if way == "random":
        random = np.random.default_rng(seed)
        ways = np.stack([random_way(session, net, random) for _ in range(2)])
        return Landscape(net, learnt, middle, ways, (1.0, 1.0), np.empty((0, 2)), centre)
    passed = [each.tensors[0] for each in (session.timeline.base, *session.timeline.marks[-1].since)]
    path = np.array([*passed, middle]) - middle  # (P, n)
    if len(path) < 4 or not np.isfinite(path).all() or np.abs(path).max() < 1e-9:
        raise TaskError("no-path", "There is no path yet: train for a few epochs first.")
    ways = np.linalg.svd(path, full_matrices=False)[2][:2]  # (2, n), orthonormal
    places = path @ ways.T  # (P, 2)
    reach = np.maximum(np.abs(places).max(axis=0) * 1.25, 0.1 * np.abs(places).max())
    return Landscape(net, learnt, middle, ways, (float(reach[0]), float(reach[1])), places, centre)


def random_way(session: Session, net: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random direction (n,) whose part for each neuron is as long as that neuron's weights and bias."""
    layers = []
    for weights, biases in session.weights:
        rows = np.column_stack([weights, biases]).astype(np.float64)  # (out, in + 1)
        way = random.normal(size=rows.shape)
        way *= np.linalg.norm(rows, axis=1, keepdims=True) / np.linalg.norm(way, axis=1, keepdims=True)
        layers.append((way[:, :-1], way[:, -1]))
    return network.packed(net, layers).astype(np.float64)
