"""Saliency: which part of an input an answer hangs on. Three methods, for any torch model and its tensors.

integrated gradients: the gradient, averaged on the straight way from a baseline to the input, times the way
                      (Sundararajan, Taly and Yan 2017). What the parts get adds up to f(input) - f(baseline); what is
                      missing of that, because the average is taken at a few places only, is given as the error.
Grad-CAM            : the last feature maps, each weighed by the mean of its gradient (Selvaraju et al. 2017).
occlusion           : what the score loses when a patch slides over the input (Zeiler and Fergus 2014).

`fofx.see.salient` uses them on the rows of a run. A model must be in evaluation mode: a layer that draws random numbers
would answer differently each time.
"""

# B rows, S places on the way, K outputs, C channels, H x W pixels, h x w cells of a feature map

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from fofx.errors import TaskError
from fofx.models.window import Peek

Forward = Callable[..., torch.Tensor]  # inputs to (B,) scores, (B, K) outputs or (B, members, K)
Target = int | torch.Tensor | None  # which of the K outputs: one for all rows, one for each, or there is only one
METHODS = ("gausslegendre", "riemann_middle", "riemann_left", "riemann_right")


@dataclass(frozen=True)
class Attribution:
    """What each value of the inputs contributed.

    values  : a tensor for each input, of its shape, in the unit of the score.
    score   : (B,) the score of the input; baseline: (B,) that of the baseline.
    error   : (B,) the sum of all values minus (score - baseline): 0 if the way were followed at every place.
    """

    values: tuple[torch.Tensor, ...]
    score: torch.Tensor
    baseline: torch.Tensor
    error: torch.Tensor


# ---- integrated gradients


def places_and_shares(steps: int, method: str = "gausslegendre") -> tuple[np.ndarray, np.ndarray]:
    """Where on the way from 0 to 1 the gradient is taken, and how much each place counts: (S,) and (S,), which sum to 1.

    "gausslegendre" is exact for gradients that are polynomials of a degree below 2 S; "riemann_left", "riemann_middle" and
    "riemann_right" take the places evenly. Raises TaskError "bad-option".
    """
    if method not in METHODS or steps < 1:
        raise TaskError(
            "bad-option", f"Expected steps of 1 or more and one of {', '.join(METHODS)}, not {steps}, {method!r}."
        )
    if method == "gausslegendre":
        places, shares = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
        return (1 + places) / 2, shares / 2
    shift = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[method]
    return (np.arange(steps) + shift) / steps, np.full(steps, 1 / steps)


def integrated_gradients(
    forward: Forward,
    inputs: torch.Tensor | Sequence[torch.Tensor],
    baselines: torch.Tensor | Sequence[torch.Tensor] | None = None,
    target: Target = None,
    steps: int = 50,
    method: str = "gausslegendre",
    at_once: int = 256,
) -> Attribution:
    """Integrated gradients of `forward(*inputs)`. Each input is (B, ...) float; baselines of the same shape, by default zeros.

    `at_once` rows are run together. Raises TaskError "bad-option" and "no-target".
    """
    ends = _tuple(inputs)
    starts = tuple(torch.zeros_like(end) for end in ends) if baselines is None else _tuple(baselines)
    starts = tuple(start.to(end).expand_as(end) for start, end in zip(starts, ends))
    rows = len(ends[0])
    places, shares = places_and_shares(steps, method)
    sums = [torch.zeros_like(end) for end in ends]
    most = max(1, at_once // max(rows, 1))
    for first in range(0, steps, most):
        here = ends[0].new_tensor(places[first : first + most])  # (S,)
        weight = ends[0].new_tensor(shares[first : first + most])
        points = tuple(
            (start + here.view(-1, *[1] * end.dim()) * (end - start)).flatten(0, 1).detach().requires_grad_()
            for start, end in zip(starts, ends)
        )  # each (S B, ...)
        with torch.enable_grad():
            picked = None if target is None else _each(target, rows, len(here), ends[0].device)
            total = scores_of(forward(*points), picked).sum()
            gradients = torch.autograd.grad(total, points, allow_unused=True)
        for sum_, gradient in zip(sums, gradients):
            if gradient is not None:
                several = gradient.detach().view(len(here), *sum_.shape)  # (S, B, ...)
                sum_ += torch.tensordot(weight, several, dims=1)  # (B, ...)
    values = tuple((end - start) * sum_ for start, end, sum_ in zip(starts, ends, sums))
    with torch.no_grad():
        picked = None if target is None else _each(target, rows, 1, ends[0].device)
        score, baseline = scores_of(forward(*ends), picked), scores_of(forward(*starts), picked)  # (B,)
    whole = torch.stack([value.flatten(1).sum(dim=1) for value in values]).sum(dim=0)  # (B,)
    return Attribution(values, score, baseline, whole - (score - baseline))


def layer_integrated_gradients(
    forward: Forward,
    layer: nn.Module,
    inputs: torch.Tensor | Sequence[torch.Tensor],
    baseline: torch.Tensor | None = None,
    target: Target = None,
    **options,
) -> Attribution:
    """Integrated gradients of what `layer` puts out, such as the embeddings (B, T, C) of token numbers (B, T).

    `baseline` stands in the place of the layer's output (by default zeros); `options` as in `integrated_gradients`.
    """
    given = _tuple(inputs)
    with torch.no_grad(), recorded(layer) as seen:
        forward(*given)
    value = seen[-1]

    def through(values: torch.Tensor) -> torch.Tensor:
        again = [each.repeat(len(values) // len(each), *[1] * (each.dim() - 1)) for each in given]
        with replaced(layer, values):
            return forward(*again)

    return integrated_gradients(through, value, baseline, target, **options)


# ---- Grad-CAM


def grad_cam(
    forward: Forward,
    layer: nn.Module,
    inputs: torch.Tensor | Sequence[torch.Tensor],
    target: Target = None,
    relu: bool = True,
) -> torch.Tensor:
    """Grad-CAM at a layer that puts out feature maps (B, C, h, w): (B, h, w).

    With `relu` only what raises the score is kept, as in the paper; without it, what lowers it is below 0.
    Raises TaskError "no-feature-maps" when the layer puts out something else.
    """
    given = _tuple(inputs)
    held: list[torch.Tensor] = []

    def hold(module: nn.Module, arguments: tuple, output: torch.Tensor) -> torch.Tensor:
        held.append(output.detach().requires_grad_())  # the gradient is needed from here on only
        return held[-1]

    handle = layer.register_forward_hook(hold)
    try:
        with torch.enable_grad():
            scores = scores_of(
                forward(*given), None if target is None else _each(target, len(given[0]), 1, given[0].device)
            )
            maps = held[-1]
            if maps.dim() != 4:
                raise TaskError(
                    "no-feature-maps", f"Grad-CAM needs maps (B, C, h, w); the layer gives {tuple(maps.shape)}."
                )
            (gradient,) = torch.autograd.grad(scores.sum(), maps)  # (B, C, h, w)
    finally:
        handle.remove()
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    heat = (weights * maps.detach()).sum(dim=1)  # (B, h, w)
    return heat.relu() if relu else heat


def last_maps(model: nn.Module, *inputs: torch.Tensor) -> tuple[str, nn.Module]:
    """The name and module of the last feature maps (B, C, h, w) of more than one cell, before they are pooled or flattened.

    A window where the model has windows there, otherwise the last layer that puts such maps out. Raises TaskError
    "no-feature-maps" for a network without them, such as a perceptron or a transformer, whose patches become tokens.
    """
    names = {module: name for name, module in model.named_modules()}
    order: list[tuple[nn.Module, tuple[int, ...]]] = []

    def note(module: nn.Module, arguments: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor):
            order.append((module, tuple(output.shape)))

    leaves = [module for module in names if not any(module.children())]
    handles = [module.register_forward_hook(note) for module in leaves]
    try:
        with torch.no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    begun = next((at for at, (module, _) in enumerate(order) if isinstance(module, nn.Conv2d)), None)
    if begun is not None:
        row = list(itertools.takewhile(lambda each: len(each[1]) == 4, order[begun:]))
        after = order[begun + len(row)][1] if begun + len(row) < len(order) else ()
        wide = [module for module, shape in row if shape[2] * shape[3] > 1]
        if len(after) != 3 and wide:  # three dimensions are tokens (B, T, C)
            windows = [module for module in wide if isinstance(module, Peek)]
            last = (windows or wide)[-1]
            return names[last], last
    raise TaskError(
        "no-feature-maps",
        "This network has no feature maps before its head, so there is no Grad-CAM. Integrated gradients and occlusion work; "
        "for a transformer, so do its attention maps.",
    )


def enlarged(heat: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A heat map (B, h, w) at the size of the picture (B, H, W), bilinear."""
    return nn.functional.interpolate(heat[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]


# ---- occlusion


def occlusion(
    forward: Forward,
    inputs: torch.Tensor,
    patch: int | tuple[int, ...],
    stride: int | tuple[int, ...] = 1,
    baseline: torch.Tensor | float = 0.0,
    target: Target = None,
    at_once: int = 64,
) -> torch.Tensor:
    """What the score loses when a patch is set to `baseline`; each cell gets the mean over the patches that cover it.

    inputs (B, ..., H, W) with a patch of two sides (all channels at once) give (B, H, W); (B, D) with one side, (B, D). The
    last patch may jut out over the edge. For rows of a run `fofx.explain` does this for every kind of input and of rung.
    """
    sides = patch if isinstance(patch, tuple) else (patch,) * (1 if inputs.dim() == 2 else 2)
    steps = stride if isinstance(stride, tuple) else (stride,) * len(sides)
    lengths = inputs.shape[-len(sides) :]
    if (
        len(steps) != len(sides)
        or any(not 1 <= side <= length for side, length in zip(sides, lengths))
        or min(steps) < 1
    ):
        raise TaskError(
            "bad-option", f"A patch of {sides} with a stride of {steps} does not fit into {tuple(lengths)}."
        )
    starts = [
        range(0, (-(-(length - side) // step)) * step + 1, step) for length, side, step in zip(lengths, sides, steps)
    ]
    windows: list[Any] = [
        (..., *(slice(at, at + side) for at, side in zip(corner, sides))) for corner in itertools.product(*starts)
    ]
    rows = len(inputs)
    other = torch.as_tensor(baseline, dtype=inputs.dtype, device=inputs.device).expand_as(inputs)
    losses, counts = inputs.new_zeros(rows, *lengths), inputs.new_zeros(lengths)
    most = max(1, at_once // max(rows, 1))
    with torch.no_grad():
        whole = scores_of(forward(inputs), None if target is None else _each(target, rows, 1, inputs.device))  # (B,)
        for first in range(0, len(windows), most):
            some = windows[first : first + most]
            tried = inputs.repeat(len(some), *[1] * (inputs.dim() - 1))  # (S B, ...)
            for number, window in enumerate(some):
                tried[number * rows : (number + 1) * rows][window] = other[window]
            picked = None if target is None else _each(target, rows, len(some), inputs.device)
            scores = scores_of(forward(tried), picked).view(len(some), rows)  # (S, B)
            for score, window in zip(scores, windows[first : first + most]):
                losses[window] += (whole - score).view(-1, *[1] * len(sides))
                counts[window] += 1
    return losses / counts


# ---- shared


def scores_of(outputs: torch.Tensor, target: torch.Tensor | None) -> torch.Tensor:
    """The score of each row (B,): the target's output, the mean over members (B, members, K) where there are some."""
    if outputs.dim() == 1:
        return outputs
    if outputs.dim() == 3:
        outputs = outputs.mean(dim=1)  # (B, K)
    if target is None:
        if outputs.shape[1] != 1:
            raise TaskError("no-target", f"The model has {outputs.shape[1]} outputs; say which one by target=NUMBER.")
        return outputs[:, 0]
    return outputs.gather(1, target[:, None])[:, 0]


@contextmanager
def recorded(layer: nn.Module) -> Iterator[list[torch.Tensor]]:
    """What a layer puts out while the block runs, a tensor a call, detached."""
    seen: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def replaced(layer: nn.Module, value: torch.Tensor) -> Iterator[None]:
    """A layer that puts out `value`, whatever comes in, while the block runs."""
    handle = layer.register_forward_hook(lambda module, inputs, output: value)
    try:
        yield
    finally:
        handle.remove()


def _tuple(given: torch.Tensor | Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return (given,) if isinstance(given, torch.Tensor) else tuple(given)


def _each(target: int | torch.Tensor, rows: int, times: int, device: torch.device) -> torch.Tensor:
    """The target of each row, for `times` copies of all rows one after another: (times B,)."""
    one = torch.as_tensor(target, dtype=torch.int64, device=device).reshape(-1).expand(rows)
    return one.repeat(times)
