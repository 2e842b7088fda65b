"""The loss around the present weights: along two of them, or along two random directions.

Random directions are scaled as Li et al. ("Visualizing the loss landscape of neural nets", 2018) scale them for filters:
the weights into a neuron of a direction are as long as those of the network, and biases do not move. So a flat picture is
a flat loss, not a small step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fofx.errors import TaskError
from fofx.play import kernels, network

if TYPE_CHECKING:
    from fofx.play.session import Session

Weight = tuple[int, int, int | str]  # layer, unit, source or "bias"


class Landscape(NamedTuple):
    """loss (side, side): training loss at across[column], up[row], the penalty in it when the playground shows it; the
    present weights at `here`. names: what the axes are. For random directions the axes are shares of the weights' length."""

    loss: np.ndarray
    across: np.ndarray
    up: np.ndarray
    here: tuple[float, float]
    names: tuple[str, str]


def offset_of(session: Session, weight: Weight) -> int:
    """Where a weight stands in the parameter vector, found by moving it: no second bookkeeping of the layout."""
    layer, unit, source = weight
    marks = [(np.zeros_like(weights), np.zeros_like(bias)) for weights, bias in session.weights]
    try:
        if source == "bias":
            marks[layer][1][unit] = 1
        else:
            marks[layer][0][unit, int(source)] = 1
        if min(layer, unit, 0 if source == "bias" else int(source)) < 0:
            raise IndexError
    except (IndexError, ValueError):
        raise TaskError("no-such-weight", f"There is no weight {weight!r} in this network.") from None
    return int(network.packed(session._net, marks).argmax())


def random_direction(session: Session, random: np.random.Generator) -> np.ndarray:
    """A direction in the parameter vector; the weights into each neuron are as long as the network's own."""
    layers = []
    for weights, bias in session.weights:
        direction = random.normal(0, 1, weights.shape)
        long, wanted = np.linalg.norm(direction, axis=1), np.linalg.norm(weights, axis=1)
        layers.append(((direction * (wanted / long)[:, None]).astype(np.float32), np.zeros_like(bias)))
    return network.packed(session._net, layers)


def landscape(
    session: Session,
    weights: tuple[Weight, Weight] | None = None,
    side: int = 41,
    reach: float | None = None,
    seed: int = 0,
) -> Landscape:
    """The training loss on side x side places around the present weights, by the engine's own forward pass.

    weights: two weights as (layer, unit, source or "bias"), or None for two random directions of the seed. reach: how far the
    picture goes each way: 3 for weights, 1 (their own length) for directions. TaskError for a weight that is not there.
    """
    if not 3 <= side <= 101 or not (reach is None or 0 < reach <= 1000):
        raise TaskError(
            "bad-side", f"A landscape has 3 to 101 places a side and a reach up to 1000, not {side}, {reach}."
        )
    middle = session._parameters
    if weights is None:
        random, reach = np.random.default_rng(seed), reach or 1.0
        directions = [random_direction(session, random) for _ in range(2)]
        here, names = (0.0, 0.0), ("direction 1", "direction 2")
    else:
        offsets, reach = [offset_of(session, weight) for weight in weights], reach or 3.0
        directions = [np.zeros_like(middle) for _ in offsets]
        for direction, offset in zip(directions, offsets):
            direction[offset] = 1
        here = float(middle[offsets[0]]), float(middle[offsets[1]])
        first, second = (f"layer {layer}, unit {unit}, {source}" for layer, unit, source in weights)
        names = (first, second)
    steps = np.linspace(-reach, reach, side)
    rule = network.rule(session.state)
    loss = np.empty((side, side))
    for row, up in enumerate(steps):
        for column, across in enumerate(steps):
            there = (middle + across * directions[0] + up * directions[1]).astype(np.float32)
            loss[row, column] = kernels.measure(session._net, there, *session._learnt)[0]
            if session.state.show_penalty:
                loss[row, column] += kernels.penalty_of(there, session._mask, rule.l1, rule.l2)
    return Landscape(loss, steps + here[0], steps + here[1], here, names)
