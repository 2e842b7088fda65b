"""Directions in the space of a network's weights, and a copy of the network that moves along them.

By PCA of a recorded path, at random with each filter as long as the weights' own (both: Li and others 2018, "Visualizing the
Loss Landscape of Neural Nets"), or along picked weights. Shapes: F recorded points of the path.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from fofx.errors import TaskError, nearest

Direction = dict[str, torch.Tensor]  # parameter -> step; parameters left out do not move


class Mover:
    """A copy of a model whose weights are moved along directions, away from where they are and back."""

    def __init__(self, model: nn.Module, loss_of: Callable[[nn.Module], torch.Tensor]) -> None:
        self.model, self.loss_of = copy.deepcopy(model).eval(), loss_of
        self.parameters = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.start = {name: p.detach().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def loss(self, ways: Sequence[Direction], amounts: Sequence[float]) -> float:
        """The loss at start + the sum of amount * direction; the copy is put back to its start."""
        moved = {name for way in ways for name in way}
        try:
            for name in moved:
                value = self.start[name].clone()
                for way, amount in zip(ways, amounts):
                    if name in way and amount:
                        value.add_(way[name], alpha=float(amount))
                self.parameters[name].copy_(value)
            return float(self.loss_of(self.model).item())
        finally:
            for name in moved:
                self.parameters[name].copy_(self.start[name])

    @torch.no_grad()
    def loss_at(self, point: dict[str, np.ndarray]) -> float:
        """The loss at these weights (and running means, where the point has them); the copy is put back."""
        state = self.model.state_dict()
        before = {name: state[name].clone() for name in point}
        try:
            for name, value in point.items():
                state[name].copy_(torch.from_numpy(value))
            return float(self.loss_of(self.model).item())
        finally:
            for name, value in before.items():
                state[name].copy_(value)


def principal(
    start: Direction, points: Sequence[dict[str, np.ndarray]]
) -> tuple[list[Direction], np.ndarray, tuple[float, float]]:
    """Two unit directions by PCA of the path's points seen from `start`; (F, 2) coordinates; shares of squared distance.

    The matrix M has a row theta_f - theta_final for each point; the directions are its first right singular vectors, found
    from the small (F, F) matrix M M^T, so that no (F, parameters) matrix in float64 is needed.
    """
    gaps = {
        name: np.stack([point[name] for point in points]).reshape(len(points), -1)
        - value.cpu().float().numpy().reshape(-1)
        for name, value in start.items()
    }
    products = sum(gap.astype(np.float64) @ gap.T.astype(np.float64) for gap in gaps.values())  # (F, F)
    squares, vectors = np.linalg.eigh(np.asarray(products))
    squares = np.clip(squares[::-1], 0, None)
    vectors = vectors[:, ::-1]
    total = max(float(squares.sum()), 1e-30)
    ways, columns = [], []
    for number in range(2):
        length = np.sqrt(squares[number])
        share = vectors[:, number] * (-1 if vectors[0, number] < 0 else 1)  # the path begins on the positive side
        if length < 1e-12:  # the path is a straight line, or there is none: any second direction shows nothing of it
            length = np.inf
        way = {
            name: torch.from_numpy((share @ gap / length).astype(np.float32))
            .view_as(start[name])
            .to(start[name].device)
            for name, gap in gaps.items()
        }
        ways.append(way)
        columns.append(share * (0.0 if np.isinf(length) else length))
    return ways, np.stack(columns, axis=1), (float(squares[0] / total), float(squares[1] / total))


def random_directions(start: Direction, seed: int = 0) -> list[Direction]:
    """Two random directions, each filter (first axis) as long as the weights' own; biases and scales do not move."""
    generator = torch.Generator().manual_seed(seed)
    ways = []
    for _ in range(2):
        way = {}
        for name, value in start.items():
            if value.dim() < 2:
                continue
            drawn = torch.randn(value.shape, generator=generator).to(value)
            axes = tuple(range(1, value.dim()))
            own, length = (torch.linalg.vector_norm(each, dim=axes, keepdim=True) for each in (value, drawn))
            way[name] = drawn * own / length.clamp(min=1e-12)
        ways.append(way)
    return ways


def picked(
    mover: Mover, weights: Sequence[tuple[str, tuple[int, ...]]]
) -> tuple[str, tuple[str, ...], list[Direction], tuple[float, ...]]:
    """Directions along picked weights, and their values now."""
    if not 1 <= len(weights) <= 2:
        raise TaskError("bad-option", f"Pick one weight for a curve or two for a surface, not {len(weights)}.")
    ways, names, values = [], [], []
    for name, index in weights:
        if name not in mover.start:
            raise TaskError("unknown-weight", f"There is no parameter {name!r}.{nearest(name, mover.start)}")
        index = tuple(int(place) for place in index)
        shape = tuple(mover.start[name].shape)
        if len(index) != len(shape) or not all(0 <= place < size for place, size in zip(index, shape)):
            raise TaskError("unknown-weight", f"{name!r} has the shape {shape}; there is no weight {index}.")
        way = torch.zeros_like(mover.start[name])
        way[index] = 1.0
        ways.append({name: way})
        names.append(f"{name}{list(index)}")
        values.append(float(mover.start[name][index]))
    if len(set(names)) < len(names):
        raise TaskError("bad-option", "Pick two different weights.")
    return "weight" if len(ways) == 1 else "weights", tuple(names), ways, tuple(values)
