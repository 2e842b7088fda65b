"""Weights that live on when the network changes its shape: what has the same place before and after keeps its value."""

from __future__ import annotations

import numpy as np

from fofx.play.network import Layers, first_weights
from fofx.play.state import State


def carried(old: State, layers: Layers, new: State) -> Layers:
    """First weights for `new`, with the values of `layers` wherever the same feature or neuron meets the same neuron.

    A feature is known by its formula, a neuron by its layer and number. The output's weights stay only when the number of
    hidden layers does: they would else be read by neurons that mean something different.
    """
    fresh = first_weights(new.sizes, new.init, np.random.default_rng(new.seed))
    for number, (weights, bias) in enumerate(fresh):
        last = number == len(fresh) - 1
        if number >= len(layers) or (len(layers) != len(fresh) and (last or number == len(layers) - 1)):
            continue
        old_weights, old_bias = layers[number]
        outputs = min(len(bias), len(old_bias))
        if number == 0:
            pairs = [(old.features.index(each), to) for to, each in enumerate(new.features) if each in old.features]
        else:
            pairs = [(source, source) for source in range(min(weights.shape[1], old_weights.shape[1]))]
        for source, to in pairs:
            weights[:outputs, to] = old_weights[:outputs, source]
        bias[:outputs] = old_bias[:outputs]
    return fresh
