r"""The chain rule through any network, from window to window: any weight of a CNN, a GRU, a transformer, a ResNet.

    dL/dw = |dL/dy^| . (how much longer or shorter the gradient gets from each window back to the one before)
            . (the share of it on what this weight moves) . sum over the places that share the weight of (direction . dz/dw)

The product of these numbers is the derivative. dL/dy^ comes from the loss's formula. From a window B back to the window A before it,
dL/dA = (dB/dA)^T dL/dB: the gradient there times the Jacobian of what lies between; its length is kept as the factor. So vanishing
and exploding gradients can be read off. At the weight's own layer z = (..., w, ...), the gradient is delta = dL/dz, and dz/dw says
what the weight multiplies at each place (see `uses`): one number in a dense layer, a picture in a convolution, one number
for every step of time in a recurrent cell. The last sum is over all of them.

A window counts when everything between the weight and the loss passes through it, so that nothing goes around: the one
inside a block with a shortcut does not. Everything in float64 and evaluation mode, one row alone. Shapes: K outputs.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from fofx.errors import TaskError
from fofx.finding import Finding
from fofx.models.window import Peek
from fofx.see.formulas import number, signed
from fofx.see.loss_parts import Part, parts_of, pull_of
from fofx.see.places import Place, Places, maps_of, places_of
from fofx.see.rows import blocks_and_targets, neural
from fofx.see.uses import Use, Uses

TERMS = 12  # places of the last sum that are listed, the largest first


@dataclass(frozen=True)
class Passage:
    """One factor. `kind`: "loss", "window" (from the values before back to those of the window `name`), "layer" (back to what
    the weight's layer gives), "share" (of the numbers that this weight moves), "places" (the sum over the places).

    gradient: dL/d(the values at `name`), in their shape without the row's axis; of "share" and "places" None.
    """

    kind: str
    name: str
    before: str  # where the gradient came from: the window behind, "" for the output
    value: float
    formula: str  # LaTeX
    numbers: str
    gradient: np.ndarray | None = None


@dataclass(frozen=True)
class Through:
    """dL/dw through the network, and the proof. `difference` is |the product - torch| / max(|torch|, 1e-12)."""

    parameter: str
    place: tuple[int, ...]
    value: float  # w now
    layer: str  # the module that the weight belongs to; "" for the network itself
    kind: str  # its class
    operations: list[str]  # torch's name of each use: "conv2d", "matmul" once for every step of time ...
    passages: list[Passage]  # from the loss back to the weight
    places: list[Place]  # the largest summands of dL/dw
    place_count: int  # all of them
    delta: np.ndarray  # dL/dz where the weight moves z: (rows, columns)
    slope: np.ndarray  # dz/dw there, of the same shape
    prediction: np.ndarray  # (K,) or (members, K) ... as the network gives it
    loss: float
    gradient: float
    torch_gradient: float
    difference: float
    rate: float
    next: float
    torch_next: float  # after torch.optim.SGD's step with this rate
    next_loss: float  # of the same row when only this weight has moved


def through(
    function: Finding,
    row: int,
    parameter: str,
    place: tuple[int, ...],
    rung: str | None = None,
    part: str = "train",
    rate: float | None = None,
) -> Through:
    """The chain rule for one row of a run's own data and the weight at `place` of `parameter` (a name of `parameters_of`).

    `rate` is by default the peak rate of the rung's recipe. Raises what `rows.blocks_and_targets` raises, and TaskError
    "unknown-weight", "no-chain", "unknown-class".
    """
    subject = neural(function, rung)
    blocks, targets, _ = blocks_and_targets(function, subject.name, [row], part)
    inputs = [exact(block) for block in blocks]
    right = [exact(target) for target in targets]
    parts = parts_of(function.outputs, right, row)
    if rate is None:
        recipe = next((r.recipe for r in function.rungs if r.name == subject.name), {})
        rate = float(recipe.get("optimize", {}).get("rate", 0.1))
    return follow(
        subject.network, inputs, lambda outputs: subject.loss(outputs, right, {}), parameter, place, rate, parts
    )


def parameters_of(function: Finding, rung: str | None = None) -> dict[str, tuple[int, ...]]:
    """The name and shape of every parameter of a run's network."""
    return {name: tuple(each.shape) for name, each in neural(function, rung).network.named_parameters()}


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """Numbers in float64; bytes of pictures and numbers of tokens as they are."""
    return tensor.cpu().double() if tensor.dtype.is_floating_point else tensor.cpu()


def follow(
    model: nn.Module,
    inputs: Any,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    parameter: str,
    place: tuple[int, ...],
    rate: float = 0.1,
    parts: list[Part] | None = None,
) -> Through:
    """The chain rule for any torch model and any scalar loss of its outputs.

    `inputs` is what the model is called with, for one row. `parts` say the loss by its formula, as `loss_parts` knows it; without
    them dL/dy^ is torch's. Raises TaskError "unknown-weight", "no-chain".
    """
    model = copy.deepcopy(model).cpu().double().eval()
    place = _known(model, parameter, place)
    proof = _torch(model, inputs, loss_of, parameter, place, rate)

    weight = dict(model.named_parameters())[parameter]
    for each in model.parameters():
        each.requires_grad_(each is weight)  # the graph then holds what hangs on this weight, and nothing else
    passed: list[tuple[str, torch.Tensor]] = []
    hooks = [
        module.register_forward_hook(_look(name, passed))
        for name, module in model.named_modules()
        if isinstance(module, Peek)
    ]
    try:
        with Uses(weight, place, _tensors(inputs)) as uses:
            outputs = model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    layer = parameter.rpartition(".")[0]
    kind = type(model.get_submodule(layer)).__name__

    start, formula, numbers = pull_of(outputs.detach(), parts, loss_of)
    passages = [Passage("loss", "", "", length(start), formula, numbers, _row(start))]
    pull, later = start, outputs
    windows = _on_the_way(passed, outputs, uses.found)
    for name, window in reversed(windows):
        (gone,) = torch.autograd.grad(later, window, pull, retain_graph=True)
        passages.append(_passage("window", name, passages[-1].name, gone, pull))
        pull, later = gone, window
    deltas = _deltas(later, [use.output for use in uses.found], pull)
    whole = torch.cat([each.reshape(-1) for each in deltas]) if deltas else None
    passages.append(_passage("layer", layer, passages[-1].name, whole, pull))
    places = places_of(deltas, uses.found, TERMS)
    passages += [_share(places.share, passages[-1].value * length(pull)), _sum(places)]
    product = math.prod(each.value for each in passages)
    delta, slope = maps_of(deltas, uses.found)
    value = proof["value"]
    return Through(
        parameter=parameter, place=place, value=value, layer=layer, kind=kind, operations=[u.name for u in uses.found],
        passages=passages, places=places.largest, place_count=places.count,
        delta=delta, slope=slope, prediction=_row(outputs), loss=proof["loss"], gradient=product,
        torch_gradient=proof["gradient"],
        difference=abs(product - proof["gradient"]) / max(abs(proof["gradient"]), 1e-12), rate=rate,
        next=value - rate * product, torch_next=proof["next"], next_loss=proof["next_loss"](value - rate * product),
    )  # fmt: skip


def _known(model: nn.Module, parameter: str, place: tuple[int, ...]) -> tuple[int, ...]:
    """The place, if there is such a weight, or TaskError "unknown-weight" with what there is."""
    known = dict(model.named_parameters())
    if parameter not in known:
        names = ", ".join(itertools.islice(known, 8))
        raise TaskError("unknown-weight", f"The network has no parameter {parameter!r}; it has {names} ...")
    shape = tuple(known[parameter].shape)
    place = tuple(int(at) for at in place)
    if len(place) != len(shape) or not all(0 <= at < size for at, size in zip(place, shape)):
        raise TaskError("unknown-weight", f"{parameter!r} has the shape {shape}; there is no place {place}.")
    return place


def _look(name: str, passed: list[tuple[str, torch.Tensor]]) -> Callable:
    """A window's hook: what passes becomes a point of the graph of its own, at which the gradient can be asked for.

    The network goes on with a copy, so that nothing that works in place changes it.
    """

    def look(module: nn.Module, given: tuple, out: torch.Tensor) -> torch.Tensor | None:
        if not out.requires_grad:
            return None
        seen = out.clone()
        passed.append((name, seen))
        return seen.clone()

    return look


def _on_the_way(
    passed: list[tuple[str, torch.Tensor]], outputs: torch.Tensor, uses: list[Use]
) -> list[tuple[str, torch.Tensor]]:
    """The windows that everything from the weight to the outputs passes, in this order; not the outputs themselves."""
    targets = {use.output.grad_fn for use in uses}
    found = []
    for name, window in passed:
        last = window.shape == outputs.shape and bool(torch.equal(window, outputs))
        if targets and not last and not _reaches(outputs.grad_fn, targets, window.grad_fn):
            found.append((name, window))
    return found


def _reaches(start: Any, targets: set[Any], closed: Any) -> bool:
    """Whether one can get from `start` back to a target without passing `closed`."""
    waiting, seen = [start], {start, closed}
    if start is closed:
        return False
    while waiting:
        node = waiting.pop()
        if node in targets:
            return True
        for before, _ in node.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)
    return False


def _deltas(later: torch.Tensor, outputs: list[torch.Tensor], pull: torch.Tensor) -> list[torch.Tensor]:
    """dL/dz of every use; zeros for one that reaches no answer."""
    if not outputs or not later.requires_grad:
        return [torch.zeros_like(each) for each in outputs]
    found = torch.autograd.grad(later, outputs, pull, allow_unused=True)
    return [torch.zeros_like(z) if delta is None else delta for delta, z in zip(found, outputs)]


def _passage(kind: str, name: str, before: str, gone: torch.Tensor | None, pull: torch.Tensor) -> Passage:
    """How long the gradient is at `name`, over how long it was behind."""
    now, then = 0.0 if gone is None else length(gone), length(pull)
    near, far = ("z", "A") if kind == "layer" else ("A", "B")
    left, right = (rf"\partial L / \partial {each}" for each in (near, far))
    formula = rf"{left} = (\partial {far} / \partial {near})^{{T}} \, {right}, \quad \frac{{|{left}|}}{{|{right}|}}"
    numbers = rf"\frac{{{number(now)}}}{{{number(then)}}}"
    own = None if gone is None or kind == "layer" else _row(gone)
    return Passage(kind, name, before, now / then if then else 0.0, formula, numbers, own)


def _share(share: float, whole: float) -> Passage:
    formula = r"\delta = \partial L / \partial z, \quad \frac{|\delta_{w}|}{|\delta|}"
    numbers = rf"\frac{{{number(share)}}}{{{number(whole)}}}"
    return Passage("share", "", "", share / whole if whole else 0.0, formula, numbers)


def _sum(places: Places) -> Passage:
    formula = r"\frac{1}{|\delta_{w}|} \sum_{p} \delta_p \, \frac{\partial z_p}{\partial w}"
    words = " + ".join(rf"{signed(each.delta)} \cdot {signed(each.slope)}" for each in places.largest[:2])
    words += r" + \dots" if places.count > 2 else ""
    numbers = rf"\frac{{{words or '0'}}}{{{number(places.share)}}}"
    return Passage("places", "", "", places.gradient / places.share if places.share else 0.0, formula, numbers)


def _torch(
    model: nn.Module,
    inputs: Any,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    parameter: str,
    place: tuple[int, ...],
    rate: float,
) -> dict[str, Any]:
    """The proof: torch's own derivative through the whole network at once, with nobody looking, and its own step."""
    twin = copy.deepcopy(model)
    weight = dict(twin.named_parameters())[parameter]
    weight.requires_grad_(True)
    loss = loss_of(twin(inputs))
    loss.backward()
    gradient = 0.0 if weight.grad is None else float(weight.grad[place])
    before = weight.detach().clone()
    torch.optim.SGD([weight], lr=rate).step()
    after = float(weight.detach()[place])

    def next_loss(value: float) -> float:
        with torch.no_grad():
            weight.copy_(before)
            weight[place] = value
            return float(loss_of(twin(inputs)))

    return {"value": float(before[place]), "loss": loss.item(), "gradient": gradient, "next": after, "next_loss": next_loss}  # fmt: skip


def _tensors(inputs: Any) -> list[torch.Tensor]:
    return [inputs] if torch.is_tensor(inputs) else list(inputs)


def length(values: torch.Tensor) -> float:
    return float(values.detach().norm())


def _row(values: torch.Tensor) -> np.ndarray:
    """Without the axis of the one row."""
    own = values.detach().numpy()
    return own[0] if own.ndim and own.shape[0] == 1 else own
