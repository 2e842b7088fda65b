"""The last sum of a chain rule: over all places at which a shared weight meets the data, dL/dz there times dz/dw there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from fofx.see.uses import Use


@dataclass(frozen=True)
class Place:
    """One summand: at `place` of use number `use`, dL/dz is `delta` and dz/dw is `slope`."""

    use: int
    place: tuple[int, ...]
    delta: float
    slope: float

    @property
    def value(self) -> float:
        return self.delta * self.slope


@dataclass(frozen=True)
class Places:
    """gradient: the whole sum. share: the length of delta on what the weight moves. largest: summands by size; count: of all."""

    gradient: float
    share: float
    largest: list[Place]
    count: int


def places_of(deltas: list[torch.Tensor], uses: list[Use], most: int) -> Places:
    """Every place where dz/dw is not 0."""
    products: list[np.ndarray] = []
    squares, listed = 0.0, []
    for which, (delta, use) in enumerate(zip(deltas, uses, strict=True)):
        at = use.slope.nonzero().numpy()  # (places, axes of z)
        own, slope = (side.detach().numpy()[tuple(at.T)] for side in (delta, use.slope))  # (places,) each
        products.append(own * slope)
        squares += float(own @ own)
        for place in np.argsort(-np.abs(own * slope), kind="stable")[:most]:
            axes = at[place][1:] if delta.shape[0] == 1 else at[place]  # without the axis of the one row
            listed.append(Place(which, tuple(map(int, axes)), float(own[place]), float(slope[place])))
    every = np.concatenate(products) if products else np.zeros(0)
    listed.sort(key=lambda each: -abs(each.value))
    return Places(math.fsum(every), math.sqrt(squares), listed[:most], len(every))


def maps_of(deltas: list[torch.Tensor], uses: list[Use]) -> tuple[np.ndarray, np.ndarray]:
    """delta and dz/dw on the smallest block of z that the weight moves, as (rows, columns): a picture, or a strip over time."""
    pairs = []
    for delta, use in zip(deltas, uses, strict=True):
        moved = use.slope.nonzero()
        if len(moved):
            box = tuple(slice(int(a), int(b) + 1) for a, b in zip(moved.amin(0), moved.amax(0)))
            pairs.append((delta[box].detach().numpy(), use.slope[box].detach().numpy()))
    if not pairs:
        return np.zeros((0, 0)), np.zeros((0, 0))
    if len({each.shape for each, _ in pairs}) == 1:  # uses alike, such as the steps of time, side by side
        both = [np.squeeze(np.stack(side)) for side in zip(*pairs)]
    else:
        both = [np.concatenate([each.reshape(-1) for each in side]) for side in zip(*pairs)]
    flat = [each.reshape(-1, each.shape[-1]) if each.ndim else each.reshape(1, 1) for each in both]
    return flat[0], flat[1]
