"""The loss around a network's weights, as a surface over a plane or a curve over one weight, with the path that led there.

Three planes: the two directions in which the recorded path varied most (PCA of the path), two random directions scaled filter
by filter so that each filter's step is as long as the filter itself (both: Li and others 2018, "Visualizing the Loss
Landscape of Neural Nets"), or two weights that the reader picks. One picked weight gives a curve. The loss is measured on
a fixed sample of rows, in evaluation mode; running means of normalizations stay as they ended. The course's line has an
exact surface of its own (`line`). Shapes: A points along the first axis, B along the second, F recorded points of the path.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from fofx.errors import Notice, TaskError
from fofx.finding import Finding
from fofx.see.directions import Direction, Mover, picked, principal, random_directions
from fofx.see.frames import best_step, path
from fofx.see.rows import Rows, blocks_and_targets, neural, numbers_of
from fofx.tasks.line import X, Y, chosen, descend

Path = tuple[list[int], list[dict[str, np.ndarray]]]
LEAST_SIDE, MOST_SIDE = 9, 101
LEAST_ROWS = 64


@dataclass(frozen=True)
class Landscape:
    """Losses over a plane, or along a line when `y` is None.

    kind: "path", "random", "weights" (two picked), "weight" (one picked) or "line" (the course's). Coordinates of picked
    weights are their values; of "path" they are distances in the space of weights, of "random" multiples of the filters'
    own length, both counted from the final weights. explained: the share of the path's squared distances to the final
    weights along each direction. path_losses were measured at the recorded weights themselves, which lie near the plane,
    not in it (in 16 bits).
    """

    kind: str
    axes: tuple[str, ...]
    x: np.ndarray  # (A,)
    y: np.ndarray | None  # (B,)
    losses: np.ndarray  # (B, A) or (A,); NaN where the time did not reach
    centre: tuple[float, ...]  # where the final weights are
    centre_loss: float
    path: np.ndarray | None = None  # (F, 2) or (F, 1)
    path_steps: list[int] = field(default_factory=list)
    path_losses: np.ndarray | None = None  # (F,)
    explained: tuple[float, ...] | None = None
    kept_step: int | None = None  # the step whose weights are the final ones, where it is known
    rows: int = 0
    part: str = ""
    seconds: float = 0.0
    notices: list[Notice] = field(default_factory=list)


def landscape(
    function: Finding,
    rung: str | None = None,
    directions: str = "auto",
    weights: Sequence[tuple[str, tuple[int, ...]]] | None = None,
    *,
    side: int = 31,
    seconds: float = 5.0,
    rows: int = 512,
    part: str = "train",
    seed: int = 0,
) -> Landscape:
    """The landscape of one network of a run.

    directions: "path", "random", or "auto" (the path where it was recorded). weights: one or two picked ones as
    (parameter name, index), such as ("encoders.0.head.weight", (0, 3)); then `directions` is not looked at. side: points
    along an axis, fewer when `seconds` do not suffice (at least 9). rows: at most so many of the part's, evenly spaced, and
    fewer (at least 64) when even the smallest picture would take too long.
    The loss is the one that was trained (with its class weights and label smoothing) on "train", the plain one elsewhere.

    Raises TaskError "no-network", "no-path" (weights were not recorded; random directions can be had), "unknown-weight",
    "bad-option", and what `rows.blocks_and_targets` raises.
    """
    found = neural(function, rung)
    count = len(numbers_of(function, part))
    places = np.unique(np.linspace(0, count - 1, min(rows, count)).astype(np.int64))
    sample = blocks_and_targets(function, found.name, places, part)
    sample = _known(sample)
    asked = function.record["asked"]
    options = {key: asked.get(key) for key in ("class_weights", "label_smoothing")} if part == "train" else {}
    options = {key: value for key, value in options.items() if value}
    twin = copy.copy(found)

    def loss_of(model: nn.Module) -> torch.Tensor:
        twin.network = model  # type: ignore[assignment]
        return twin.loss(twin.run(sample.blocks), sample.targets, options)

    begun, taken, still = time.perf_counter(), [], copy.deepcopy(found.network).eval()
    for _ in range(2):  # the first one warms up
        before = time.perf_counter()
        with torch.no_grad():
            loss_of(still)
        taken.append(time.perf_counter() - before)
    points = LEAST_SIDE if weights is not None and len(weights) == 1 else LEAST_SIDE**2
    able = 0.5 * seconds / max(min(taken), 1e-6) / points
    if able < 1:  # a coarse picture of fewer rows is better than none in time
        sample = _some(sample, max(min(LEAST_ROWS, sample.frame.height), int(able * sample.frame.height)))
    return landscape_of(
        found.network, loss_of, directions, weights, way=path(function, found.name), side=side,
        seconds=max(seconds - (time.perf_counter() - begun), 0.0), seed=seed, kept_step=best_step(function, found.name), rows=sample.frame.height, part=part,
    )  # fmt: skip


def landscape_of(
    model: nn.Module,
    loss_of: Callable[[nn.Module], torch.Tensor],
    directions: str = "auto",
    weights: Sequence[tuple[str, tuple[int, ...]]] | None = None,
    *,
    way: Path | None = None,
    side: int = 31,
    seconds: float = 5.0,
    seed: int = 0,
    kept_step: int | None = None,
    rows: int = 0,
    part: str = "",
) -> Landscape:
    """The same for any torch model: `loss_of(model)` gives the loss as a scalar tensor. `way` is its recorded path.

    The model itself is not touched: a copy of it moves.
    """
    begun = time.perf_counter()
    if directions not in ("auto", "path", "random"):
        raise TaskError("bad-option", f"The directions are auto, path or random, not {directions!r}.")
    if not LEAST_SIDE <= side <= MOST_SIDE:
        raise TaskError("bad-option", f"The side is {LEAST_SIDE} to {MOST_SIDE} points, not {side!r}.")
    mover = Mover(model, loss_of)
    steps, points = way or ([], [])
    notices: list[Notice] = []
    coordinates: np.ndarray | None = None
    explained: tuple[float, ...] | None = None
    names: tuple[str, ...]
    if weights is not None:
        kind, names, ways, centre = picked(mover, weights)
        if points:
            coordinates = np.array([[point[name][index] for name, index in weights] for point in points], np.float64)
    else:
        if directions == "path" and len(points) < 3:
            raise TaskError(
                "no-path",
                "The weights of this network were not recorded while it learned (it is too large for that, or the run is "
                "from an earlier fofx), so its path cannot be had. Random directions can: directions='random'.",
            )
        kind = "path" if len(points) >= 3 and directions != "random" else "random"
        if kind == "random" and directions == "auto":
            notices.append(
                Notice("no-path", "The weights were not recorded while it learned: the directions are random.")
            )
        centre = (0.0, 0.0)
        if kind == "path":
            names = ("path 1", "path 2")
            ways, coordinates, explained = principal(mover.start, points)
        else:
            names = ("random 1", "random 2")
            ways, steps = random_directions(mover.start, seed), []

    first = mover.loss([], ())
    began = time.perf_counter()
    centre_loss = mover.loss([], ())
    each = max(time.perf_counter() - began, 1e-6)
    if first != centre_loss and np.isfinite(centre_loss):
        raise TaskError(
            "bad-option", f"loss_of gave {first} and then {centre_loss} for the same weights; it must not be random."
        )
    points_losses: np.ndarray | None = None
    if coordinates is not None:
        points_losses = np.array([mover.loss_at(point) for point in points])
    left = seconds - (time.perf_counter() - begun)
    able = int(max(left, 0.0) / each) if len(ways) == 1 else int(np.sqrt(max(left, 0.0) / each))
    side = max(LEAST_SIDE, min(side, able))
    axes = [_axis(at, None if coordinates is None else coordinates[:, n], side, kind) for n, at in enumerate(centre)]
    shifts = [axis - at for axis, at in zip(axes, centre)]
    losses = _measure(mover, ways, shifts, begun + max(seconds, 20 * each))
    missing = int(np.isnan(losses).sum())
    if missing:
        notices.append(
            Notice("landscape-cut", f"{missing} points were not reached in the time; ask for more seconds.", missing)
        )
    return Landscape(
        kind, names, axes[0], axes[1] if len(axes) > 1 else None, losses, centre, centre_loss, coordinates,
        list(steps) if coordinates is not None else [], points_losses, explained, kept_step, rows, part,
        time.perf_counter() - begun, notices,
    )  # fmt: skip


def line(
    loss: str = "mae",
    w: tuple[float, float] = (-1.0, 5.0),
    b: tuple[float, float] = (-2.0, 4.0),
    side: int = 61,
    start: tuple[float, float] = (3.0, 2.0),
    rate: float = 0.05,
    steps: int = 40,
) -> Landscape:
    """The exact surface of the course's line, L(w, b) over the six points, and the path of gradient descent from `start`.

    `loss` is "mae" (4.48 at w = 3, b = 2) or "mse". The centre is where the descent ended.
    """
    chosen(loss)
    across, down = np.linspace(*w, side), np.linspace(*b, side)
    walked = list(descend(*start, rate, steps, loss))
    gaps = across[None, :, None] * np.array(X) + down[:, None, None] - np.array(Y)  # (B, A, points)
    losses = (np.abs(gaps) if loss == "mae" else gaps**2).mean(axis=2)
    way = np.array([[each["w"], each["b"]] for each in walked])
    last = walked[-1]
    return Landscape(
        "line", ("w", "b"), across, down, losses, (last["w"], last["b"]), last["loss"], way,
        [each["step"] for each in walked], np.array([each["loss"] for each in walked]), rows=len(X),
    )  # fmt: skip


def _axis(centre: float, along: np.ndarray | None, side: int, kind: str) -> np.ndarray:
    """Evenly spaced points that hold the centre exactly and the path with a quarter to spare: (side,)."""
    reach = 1.0 if kind == "random" else 0.0 if kind == "path" else max(1.0, 1.5 * abs(centre))
    low = high = 0.0
    if along is not None and len(along):
        low, high = min(0.0, float(along.min() - centre)), max(0.0, float(along.max() - centre))
    spare = 0.25 * (high - low)
    low, high = min(low - spare, -reach), max(high + spare, reach)
    if high - low < 1e-9:
        low, high = -1.0, 1.0
    step = (high - low) / (side - 2)  # one point more than needed, so that the grid can be moved onto the centre
    return centre + step * (np.arange(side) - np.ceil(-low / step - 1e-9))


def _measure(mover: Mover, ways: list[Direction], shifts: list[np.ndarray], deadline: float) -> np.ndarray:
    """The loss at every point, from the centre outwards, until the deadline."""
    losses = np.full([len(axis) for axis in reversed(shifts)], np.nan)
    spots = np.stack(np.meshgrid(*[np.arange(len(axis)) for axis in reversed(shifts)], indexing="ij"), -1).reshape(
        -1, losses.ndim
    )
    far = [np.abs(axis) / max(np.abs(axis).max(), 1e-12) for axis in reversed(shifts)]
    order = np.argsort(np.max([far[n][spots[:, n]] for n in range(losses.ndim)], axis=0), kind="stable")
    for spot in spots[order]:
        if time.perf_counter() > deadline:
            break
        amounts = [axis[place] for axis, place in zip(shifts, reversed(spot))]
        losses[tuple(spot)] = mover.loss(ways, amounts)
    return losses


def _known(sample: Rows) -> Rows:
    """Only rows whose classes training has shown."""
    known = sample.known
    if not bool(known.any()):
        raise TaskError("unknown-class", "None of these rows has a class that training showed.")
    return sample if bool(known.all()) else _taken(sample, known.nonzero()[:, 0])


def _some(sample: Rows, count: int) -> Rows:
    """So many of the rows, evenly spaced."""
    return _taken(sample, torch.linspace(0, sample.frame.height - 1, count).round().long().unique())


def _taken(sample: Rows, places: torch.Tensor) -> Rows:
    where = places.to(sample.targets[0].device)
    return Rows([b[where] for b in sample.blocks], [t[where] for t in sample.targets], sample.frame[places.numpy()])
