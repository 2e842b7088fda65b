"""The playground's network around the compiled loops: its table, its first weights, and plain matrices in and out.

A layer's weights are shown as (outputs, inputs) and its biases as (outputs,), as torch keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fofx.play.formula import values as formula_values
from fofx.play.layers import AT, KIND, KINDS, LOSS, LOSSES, SIZE, UNITS, WIDE
from fofx.play.state import State
from fofx.play.updates import RULES, SCHEDULES, Rule

Layers = list[tuple[np.ndarray, np.ndarray]]


def first_weights(sizes, init, random):
    """Weights (outputs, inputs) and biases (outputs,) to begin with, layer by layer, float32.

    playground: evenly from -0.5 to 0.5, biases 0.1. xavier: evenly within sqrt(6 / (inputs + outputs)) (Glorot 2010). he: normal with
    variance 2 / inputs (He 2015). normal: normal with variance 1. zeros: all alike, so that neurons stay alike.
    """
    layers = []
    for inputs, outputs in pairwise(sizes):
        shape = (outputs, inputs)
        if init == "playground":
            weights = random.uniform(-0.5, 0.5, shape)
        elif init == "xavier":
            weights = random.uniform(-1, 1, shape) * (6 / (inputs + outputs)) ** 0.5
        elif init == "zeros":
            weights = np.zeros(shape)
        else:
            weights = random.normal(0, 1, shape) * ((2 / inputs) ** 0.5 if init == "he" else 1)
        bias = 0.1 if init == "playground" else 0.0
        layers.append((weights.astype(np.float32), np.full(outputs, bias, np.float32)))
    return layers


def table(state: State) -> np.ndarray:
    """The network as the compiled loops read it (`kernels`): int64 (6, L + 1)."""
    sizes = np.array(state.sizes)
    net = np.zeros((6, len(sizes)), np.int64)
    net[SIZE], net[WIDE] = sizes, (sizes + 7) // 8 * 8
    net[AT, 1:] = np.cumsum((sizes[:-1] + 1) * net[WIDE, 1:])
    net[UNITS, 1:] = np.cumsum(net[WIDE, :-1])
    net[KIND, :-1] = [KINDS[name] for name in (*state.activations, state.output_used)]
    net[LOSS, 0] = LOSSES[state.loss_used]
    return net


def packed(net: np.ndarray, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Weights and biases as the one float32 vector of the compiled loops."""
    parameters = np.zeros(net[AT, -1], np.float32)
    for (into_weights, into_bias), (weights, bias) in zip(views(net, parameters), layers, strict=True):
        into_weights[:], into_bias[:] = weights, bias
    return parameters


def views(net: np.ndarray, parameters: np.ndarray) -> Layers:
    """Weights (outputs, inputs) and biases (outputs,) as views into the vector."""
    found = []
    for layer in range(net.shape[1] - 1):
        size, outputs, wide = net[SIZE, layer], net[SIZE, layer + 1], net[WIDE, layer + 1]
        block = parameters[net[AT, layer] : net[AT, layer + 1]].reshape(size + 1, wide)
        found.append((block[:size, :outputs].T, block[size, :outputs]))
    return found


def plain(net: np.ndarray, parameters: np.ndarray) -> Layers:
    """`views`, copied."""
    return [(np.ascontiguousarray(weights), bias.copy()) for weights, bias in views(net, parameters)]


def weight_mask(net: np.ndarray) -> np.ndarray:
    """1 where the vector holds a weight, 0 at biases and filling: what a penalty falls on."""
    return packed(
        net, [(np.ones_like(weights), np.zeros_like(bias)) for weights, bias in views(net, np.zeros(net[AT, -1]))]
    )


def features(state: State, points: np.ndarray) -> np.ndarray:
    """The features (N, F) float64 of points (N, 2)."""
    return np.stack([formula_values(each, points[:, 0], points[:, 1]) for each in state.features], axis=1)


def inputs(state: State, points: np.ndarray) -> np.ndarray:
    """The features of points (N, 2) as the compiled loops read them: N rows, filled up to whole lanes, float32, flat."""
    rows = features(state, points)  # (N, F)
    wide = (rows.shape[1] + 7) // 8 * 8
    filled = np.zeros((len(rows), wide), np.float32)
    filled[:, : rows.shape[1]] = rows
    return filled.reshape(-1)  # (N * wide,)


def targets(state: State, answers: np.ndarray) -> np.ndarray:
    """What the loss compares with, float32 (N,): -1 and 1 for two classes, the class's number for more, or the number."""
    if state.problem == "classification" and state.classes == 2:
        answers = 2 * answers - 1
    return np.ascontiguousarray(answers, np.float32)


def rule(state: State, every: int = 1) -> Rule:
    """The settings of the updates as the compiled loop reads them. every: measure at every so manieth epoch.

    A stop rule that looks at the loss needs every epoch's.
    """
    penalty = {state.regularisation: state.penalty}
    return Rule(
        RULES[state.optimizer],
        state.rate,
        SCHEDULES[state.schedule],
        state.horizon,
        penalty.get("l1", 0.0),
        penalty.get("l2", 0.0),
        state.dropout,
        state.batch,
        state.seed,
        state.stop_loss,
        state.stop_epochs,
        state.stop_patience,
        1 if state.stop_loss or state.stop_patience else every,
    )


def grid(side: int, reach: float = 6.0) -> np.ndarray:
    """The middles of side x side squares that cover the playground, the top row first: (side * side, 2) float64."""
    across = (np.arange(side) + 0.5) / side * 2 * reach - reach
    x, y = np.meshgrid(across, across[::-1])
    return np.stack([x.reshape(-1), y.reshape(-1)], axis=1)
