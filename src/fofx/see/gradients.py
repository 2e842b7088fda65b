"""Gradient and update size per layer, and dead units: measured by a true step of the recipe's optimizer, on a copy.

The step is the one that training took next: the same batch of rows, the same optimizer, rate and clipping, dropout as in
training. Two things differ and are said: the moments of Adam (or the momentum) come from `warm` batches at these very weights,
since those of the training itself are not kept; and pictures are not augmented. Shapes: L layers, S steps, N rows, U units.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from fofx.errors import Notice, TaskError
from fofx.finding import Finding
from fofx.models.window import Peek
from fofx.optimize import batches, clip_gradient, learning_rate, make_optimizer
from fofx.recipe import Recipe
from fofx.rungs.neural import Neural
from fofx.see.frames import best_step, rung_at, weight_steps
from fofx.see.rows import blocks_and_targets, neural, numbers_of

WARM = 10  # batches that fill the optimizer's moments
BARS = 41  # of a histogram
RELU = ("ReluBackward0", "HardtanhBackward0", "ThresholdBackward0")  # what torch calls ReLU and ReLU6 on the way back


@dataclass(frozen=True)
class Layer:
    """One layer's own weights and biases together. Norms are L2; `gradient` is before clipping.

    update: the length of what the step really changed. ratio: update / weight, about 1e-3 in a healthy training; None for
    a layer whose weights are all 0. Histograms are (counts, edges) of weights, gradients and updates.
    """

    name: str
    kind: str
    parameters: int
    weight: float
    gradient: float
    update: float
    ratio: float | None
    weights: tuple[np.ndarray, np.ndarray]
    gradients: tuple[np.ndarray, np.ndarray]
    updates: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Gradients:
    """One step, layer by layer. `norm` is the length of the whole gradient, `clip` what it was shortened to, if at all."""

    rung: str
    step: int  # updates done before this one
    rate: float
    optimizer: str
    batch: int
    warm: int
    loss: float
    norm: float
    clip: float | None
    layers: list[Layer]


@dataclass(frozen=True)
class OverTime:
    """The same at recorded steps: (S, L) arrays. Weights were kept in 16 bits."""

    steps: list[int]
    layers: list[str]
    loss: np.ndarray  # (S,)
    rate: np.ndarray  # (S,)
    weight: np.ndarray  # (S, L)
    gradient: np.ndarray
    update: np.ndarray
    ratio: np.ndarray  # NaN where a layer's weights are all 0
    seconds: float


@dataclass(frozen=True)
class Dead:
    """ReLU units of one window: `silent` (U,) is the share of rows on which a unit is 0 everywhere (in every place of a map)."""

    window: str
    silent: np.ndarray
    rows: int

    @property
    def dead(self) -> np.ndarray:
        """The numbers of the units that were 0 for every row."""
        return np.flatnonzero(self.silent == 1.0)


@dataclass(frozen=True)
class DeadUnits:
    """One entry for each window behind a ReLU, in the order in which they are passed."""

    windows: list[Dead]
    notices: list[Notice] = field(default_factory=list)


def gradients(function: Finding, rung: str | None = None, step: int | None = None, warm: int = WARM) -> Gradients:
    """Gradient and update of each layer of a run's network, at a recorded step or, without one, at the kept weights.

    Raises TaskError "no-network", "no-frame" (weights not recorded at this step), and what `rows.blocks_and_targets` raises.
    """
    found = neural(function, rung) if step is None else rung_at(function, rung, step)
    recipe, done = _recipe(function, found), step
    if done is None:
        done = best_step(function, found.name)
    if done is None or done >= recipe.last:
        done = recipe.last - 1  # there is no step after the last one: the last one's rate and batch
    return _one(function, found, recipe, done, warm)


def over_time(function: Finding, rung: str | None = None, seconds: float = 5.0, warm: int = WARM) -> OverTime:
    """Gradient and update of each layer at the recorded steps, as many of them as fit into the seconds (three at least).

    Raises TaskError "no-path" when the weights were not recorded; history.jsonl has the whole gradient's length even then.
    """
    begun = time.perf_counter()
    name = neural(function, rung).name
    recipe = _recipe(function, neural(function, name))
    steps = [step for step in weight_steps(function, name) if step < recipe.last]
    if not steps:
        raise TaskError(
            "no-path",
            f"The weights of {name!r} were not recorded while it learned, so its layers cannot be followed over time; the "
            "length of the whole gradient at every step can (fofx.see.frames.curves).",
        )
    first = _one(function, rung_at(function, name, steps[0]), recipe, steps[0], warm)
    each = time.perf_counter() - begun
    able = max(3, int(seconds / max(each, 1e-6)))
    places = np.unique(np.linspace(0, len(steps) - 1, min(able, len(steps))).round().astype(int))
    found = [first, *(_one(function, rung_at(function, name, steps[p]), recipe, steps[p], warm) for p in places[1:])]

    def table(key: str) -> np.ndarray:
        values = [[getattr(layer, key) for layer in one.layers] for one in found]
        return np.array([[np.nan if v is None else v for v in row] for row in values], dtype=np.float64)  # (S, L)

    return OverTime(
        [steps[place] for place in places], [layer.name for layer in first.layers], np.array([o.loss for o in found]),
        np.array([one.rate for one in found]), table("weight"), table("gradient"), table("update"), table("ratio"),
        time.perf_counter() - begun,
    )  # fmt: skip


def gradients_of(
    model: nn.Module,
    losses: Sequence[Callable[[nn.Module], torch.Tensor]],
    recipe: Recipe,
    rate: float | None = None,
) -> tuple[list[Layer], float, float]:
    """(layers, loss, gradient norm) of one true step on a copy of any torch model, which stays as it is.

    losses: functions of the model that give the loss of a batch; the last one's step is measured, those before it only
    fill the optimizer's moments (with rate 0). The copy is in training mode; random numbers are seeded by the recipe.
    """
    model = copy.deepcopy(model).train()
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = make_optimizer(list(parameters.values()), recipe.optimizer, recipe.rate, recipe.decay)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(recipe.seed)
        for number, loss_of in enumerate(losses):
            last = number == len(losses) - 1
            for group in optimizer.param_groups:
                group["lr"] = (recipe.rate if rate is None else rate) if last else 0.0
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            if last:
                before = {name: p.detach().clone() for name, p in parameters.items()}
                slopes = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in parameters.items()}
            norm = clip_gradient(parameters.values(), float("inf") if recipe.clip is None else recipe.clip)
            optimizer.step()
    updates = {name: p.detach() - before[name] for name, p in parameters.items()}
    layers = []
    for name, group in itertools.groupby(parameters, key=lambda each: each.rpartition(".")[0]):
        names = list(group)
        weight, slope, update = (
            torch.cat([part[each].flatten() for each in names]).double().cpu().numpy()
            for part in (before, slopes, updates)
        )
        size, moved = float(np.linalg.norm(weight)), float(np.linalg.norm(update))
        layers.append(
            Layer(
                name, type(model.get_submodule(name)).__name__, len(weight), size, float(np.linalg.norm(slope)), moved,
                moved / size if size else None, histogram(weight), histogram(slope), histogram(update),
            )
        )  # fmt: skip
    return layers, float(loss.item()), norm


def dead_units(
    function: Finding, rung: str | None = None, step: int | None = None, rows: int = 512, part: str = "train"
) -> DeadUnits:
    """How often each ReLU unit of a run's network is silent, on at most `rows` evenly spaced rows of a part."""
    found = neural(function, rung) if step is None else rung_at(function, rung, step)
    count = len(numbers_of(function, part))
    places = np.unique(np.linspace(0, count - 1, min(rows, count)).astype(np.int64))
    blocks = blocks_and_targets(function, found.name, places, part).blocks
    return dead_of(found.network, blocks)


def dead_of(model: nn.Module, inputs: Any) -> DeadUnits:
    """The same for any torch model and its inputs (a tensor, or a list of tensors), a row each along the first axis.

    A window counts when what passes it comes straight from a ReLU or ReLU6, which torch's own record of the way back tells;
    so do nn.ReLU layers without a window. The units of tokens (N, T, C) are their C channels, padding included.
    """
    twin = copy.deepcopy(model).eval()
    for module in twin.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    for parameter in twin.parameters():
        parameter.requires_grad_(True)
    seen: dict[str, torch.Tensor] = {}

    def recorder(name: str):
        def record(module: nn.Module, arguments: tuple, outputs: torch.Tensor) -> None:
            if torch.is_tensor(outputs) and getattr(outputs.grad_fn, "name", str)() in RELU:
                for other in [other for other, value in seen.items() if value is outputs]:
                    del seen[other]  # the window behind a ReLU stands for it
                seen[name] = outputs

        return record

    kinds = (Peek, nn.ReLU, nn.ReLU6)
    for name, module in twin.named_modules():
        if isinstance(module, kinds):
            module.register_forward_hook(recorder(name))
    with torch.enable_grad():
        twin(inputs)
    count = len(inputs if torch.is_tensor(inputs) else inputs[0])
    windows = [Dead(name, silent(value.detach(), count), count) for name, value in seen.items()]
    notices = [] if windows else [Notice("no-relu", "This network has no ReLU, so no unit of it can be dead.")]
    return DeadUnits(windows, notices)


def silent(values: torch.Tensor, rows: int) -> np.ndarray:
    """(U,) the share of rows on which each unit is 0 everywhere. (N, U), maps (N, U, H, W), tokens (N, T, U), or TabM's
    members (K, N, C), whose K x C units are told apart."""
    if values.dim() == 3 and values.shape[0] != rows and values.shape[1] == rows:
        values = values.transpose(0, 1).flatten(1)  # (N, K * C)
    zero = values == 0
    if values.dim() == 4:
        zero = zero.all(dim=3).all(dim=2)  # (N, U)
    elif values.dim() == 3:
        zero = zero.all(dim=1)  # (N, U)
    return zero.double().mean(dim=0).cpu().numpy()  # (U,)


def histogram(values: np.ndarray, bars: int = BARS) -> tuple[np.ndarray, np.ndarray]:
    """(counts (bars,), edges (bars + 1,)), symmetric about 0 so that the middle bar holds what is nearly 0."""
    reach = float(np.abs(values).max()) if len(values) else 0.0
    reach = reach if reach > 0 and np.isfinite(reach) else 1.0
    return np.histogram(values, bins=bars, range=(-reach, reach))


def _recipe(function: Finding, rung: Neural) -> Recipe:
    kept = next((r.recipe for r in function.rungs if r.name == rung.name), {})
    return Recipe.from_json(kept.get("optimize", {}))


def _one(function: Finding, rung: Neural, recipe: Recipe, done: int, warm: int) -> Gradients:
    """The step after `done` updates: its batch last, the `warm` batches before it first."""
    count = len(numbers_of(function, "train"))
    first = max(0, done - warm)
    order = [
        picked for _, picked in itertools.islice(batches(count, recipe.batch, recipe.seed, first), done - first + 1)
    ]
    asked = function.record["asked"]
    options = {key: asked[key] for key in ("class_weights", "label_smoothing") if asked.get(key)}
    twin = copy.copy(rung)

    def loss_of(picked: torch.Tensor) -> Callable[[nn.Module], torch.Tensor]:
        blocks, targets, _ = blocks_and_targets(function, rung.name, picked.numpy(), "train")

        def loss(model: nn.Module) -> torch.Tensor:
            return twin.loss(model(blocks), targets, options)

        return loss

    rate = learning_rate(done, recipe.steps, recipe.rate, recipe.schedule, recipe.warmup)
    layers, loss, norm = gradients_of(rung.network, [loss_of(picked) for picked in order], recipe, rate)
    clipped = recipe.clip if recipe.clip is not None and norm > recipe.clip else None
    return Gradients(
        rung.name, done, rate, recipe.optimizer, len(order[-1]), len(order) - 1, loss, norm, clipped, layers
    )
