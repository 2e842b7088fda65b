# mypy: ignore-errors
"""The compiled update: learning rates, SGD, momentum and Adam, L1 and L2. The formulas of torch.optim."""

import math
from typing import NamedTuple

import numpy as np

from fofx.play.compile import pasted, small
from fofx.play.lanes import larger, load, smaller, square_root, store
from fofx.play.layers import ONE, ZERO

RULES = {"sgd": 0, "momentum": 1, "adam": 2}
SCHEDULES = {"constant": 0, "cosine": 1, "step": 2}


class Rule(NamedTuple):
    """How parameters move."""

    kind: int
    rate: float
    schedule: int
    horizon: int
    l1: float
    l2: float
    dropout: float
    batch: int
    seed: int
    stop_loss: float
    stop_epochs: int
    stop_patience: int
    every: int  # measure at the end of each epoch whose number it divides


@small
def rate_at(rule, epoch):
    """The learning rate of an epoch."""
    if rule.schedule == 1:
        done = min(1.0, epoch / rule.horizon)
        return rule.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
    if rule.schedule == 2:
        return rule.rate * 0.1 ** ((2 * epoch >= rule.horizon) + (4 * epoch >= 3 * rule.horizon))
    return rule.rate


@pasted
def update(rule, rate, moves, parameters, gradient, first, second, is_weight):
    """Move all parameters once. The formulas of torch.optim.SGD and Adam; L1 by the soft threshold, so that a weight at
    zero leaves it again as soon as the loss pulls harder than the penalty."""
    step = np.float32(rate)
    near, far = np.float32(rate), ONE
    if rule.kind == 2:
        near = np.float32(rate / (1 - 0.9**moves))
        far = np.float32(1 / math.sqrt(1 - 0.999**moves))
    shrink, decay = np.float32(rate * rule.l1), np.float32(rule.l2)
    for at in range(0, parameters.size, 8):
        here, weight = load(parameters, at), load(is_weight, at)
        slope = load(gradient, at) + here * weight * decay
        if rule.kind == 0:
            here = here - slope * step
        elif rule.kind == 1:
            mean = load(first, at) * np.float32(0.9) + slope
            store(first, at, mean)
            here = here - mean * step
        else:
            mean = load(first, at) * np.float32(0.9) + slope * np.float32(0.1)
            square = load(second, at) * np.float32(0.999) + slope * slope * np.float32(0.001)
            store(first, at, mean)
            store(second, at, square)
            here = here - mean * near / (square_root(square) * far + np.float32(1e-8))
        if shrink > ZERO:
            most = weight * shrink
            here = here - larger(most * np.float32(-1), smaller(most, here))
        store(parameters, at, here)
