"""Curves for the neuron widget: activations, targets to match, and what each of its stages begins with.

X places along x, from -REACH to REACH.
"""

from __future__ import annotations

from typing import Any

import numpy as np

REACH = 3.0  # x and y of the chart run from -REACH to REACH
PLACES = 181  # X
ACTIVATIONS = ("relu", "sigmoid", "tanh", "linear")
# corners of the targets made of straight pieces; the others are formulas
CORNERS: dict[str, list[tuple[float, float]]] = {
    "bump": [(-3, 0), (-1, 0), (0, 1), (1, 0), (3, 0)],
    "zigzag": [(-3, -1), (-1.5, 1), (0, -1), (1.5, 1), (3, -1)],
    "plateau": [(-3, 0), (-1.5, 0), (-1, 1.5), (1, 1.5), (1.5, 0), (3, 0)],
    "stairs": [(-3, -1.5), (-2, -1.5), (-1.9, -0.5), (0, -0.5), (0.1, 0.5), (1.9, 0.5), (2, 1.5), (3, 1.5)],
}
FORMULAS: dict[str, Any] = {"sine": np.sin, "square": lambda x: x * x / 3 - 1, "step": lambda x: (x > 0) * 2.0 - 1}
TARGETS = ("none", *CORNERS, *FORMULAS, "own")
# what is shown first on a stage: neurons [w, b], second layer [weights, b], output weights, output bias, activation
STAGES: dict[str, dict[str, Any]] = {
    "one": {"first": [[1.0, 0.5]], "second": [], "out": [1.0], "bias": 0.0},
    "sum": {"first": [[1.0, 1.0], [1.0, 0.0]], "second": [], "out": [1.0, -1.0], "bias": 0.0},
    "layer": {"first": [[1.0, 2.0], [1.0, 0.5], [1.0, -1.0]], "second": [], "out": [1.0, -2.0, 2.0], "bias": -0.5},
    "two": {
        "first": [[1.0, 2.0], [1.0, 0.0], [-1.0, 1.0]],
        "second": [[[1.0, -2.0, 0.5], -0.5], [[-1.0, 1.0, 1.0], 0.5]],
        "out": [1.0, -1.0],
        "bias": 0.0,
    },
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "bump": {
        "stage": "sum",
        "activation": "relu",
        "first": [[1, 1], [1, 0], [1, -1]],
        "out": [1, -2, 1],
        "bias": 0,
        "target": "bump",
    },
    "switch": {"stage": "one", "activation": "sigmoid", "first": [[12, 0]], "out": [1], "bias": 0, "target": "none"},
    "window": {
        "stage": "sum",
        "activation": "sigmoid",
        "first": [[12, 12], [12, -12]],
        "out": [1.5, -1.5],
        "bias": 0,
        "target": "plateau",
    },
    "fold": {
        "stage": "two",
        "activation": "relu",
        "first": [[1, 0], [-1, 0]],
        "second": [[[1, 1], -1], [[-1, -1], 1]],
        "out": [1, 1],
        "bias": 0,
        "target": "none",
    },
}


def activate(name: str, z: np.ndarray) -> np.ndarray:
    """The activation function, place by place; equal to torch's."""
    if name == "relu":
        return np.maximum(z, 0)
    if name == "sigmoid":
        return 0.5 * (1 + np.tanh(z / 2))  # does not overflow
    return np.tanh(z) if name == "tanh" else z


def axis() -> np.ndarray:
    return np.linspace(-REACH, REACH, PLACES)  # (X,)
