"""The chain rule by hand: one example, one weight, and every factor of dL/dw with its number; torch must agree.

    dL/dw = dL/dy^ . (every weight and slope on the way back) . f'(z) . what the weight multiplies

Where a unit reaches the loss on several ways, their products are added up: that sum is shown layer by layer, as delta at
each unit, and way by way. Everything in float64. Layers, units and inputs are counted from 0 in Python and from 1 in formulas.

Units: a run's network sees scaled numbers, (value - mean) / spread, and gives scaled answers; so L and dL/dw are in squared
spreads of the answer. `features` and `answers` say by what was scaled, and for a single number `own` has the same product
in the user's units. The loss is that of this one row: mean squared error of the scaled answer, or cross-entropy.
Shapes: D numbers of the input, O of a layer's outputs, K of all answers together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from fofx import losses
from fofx.encoded import VECTOR, Inputs
from fofx.errors import TaskError
from fofx.fields.base import Flat
from fofx.fields.number import Number
from fofx.fields.text import Text
from fofx.finding import Finding
from fofx.rungs.linear import Linear
from fofx.rungs.neural import Neural
from fofx.see.dense import Dense, unrolled
from fofx.see.formulas import Factor, Part, Scaled, Weight, factors_of, own_factors
from fofx.see.loss_parts import parts_of, slopes_of_loss
from fofx.see.rows import blocks_and_targets, frame_of, neural

MOST_WAYS = 20_000  # ways from the weight to the loss that are worked out one by one
WAYS_SHOWN = 20
LOSSES = ("squared", "absolute", "cross-entropy")


class Way(NamedTuple):
    """One way from the weight to an answer: the unit in each layer from the weight's on, and its product."""

    units: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class Chain:
    """dL/dw by hand, and the proof. `difference` is |by hand - torch| / max(|torch|, 1e-12)."""

    weight: Weight
    value: float  # w now
    layers: list[Dense]
    pulls: list[np.ndarray]  # dL/da of each layer's outputs, (O,)
    deltas: list[np.ndarray]  # dL/dz, (O,)
    prediction: np.ndarray  # (K,) as the network gives it
    loss: float
    factors: list[Factor]  # from the loss back to the weight
    gradient: float  # the product of the factors with `in_product`
    torch_gradient: float
    difference: float
    rate: float
    next: float  # w - rate * gradient
    torch_next: float  # after torch.optim.SGD's step with this rate
    next_loss: float  # of the same row when only this weight has moved
    ways: list[Way]  # the largest first; empty when there are too many to work out
    way_count: int
    features: list[Scaled] = field(default_factory=list)  # (D,) what the network sees
    answers: list[Scaled] = field(default_factory=list)  # (K,) what was right
    predicted: list[Scaled] = field(default_factory=list)  # (K,) what the network says; of classes the scores
    own: list[Factor] = field(default_factory=list)  # dL/dw in the user's units as a product; empty for classes
    own_gradient: float | None = None  # that product


def by_hand(
    model: nn.Module, x: Any, target: Any, weight: Weight | tuple, loss: str = "squared", rate: float = 0.1
) -> Chain:
    """The chain rule for a plain torch network of linear layers and activations.

    x: (D,) numbers. target: a number or (K,) for "squared" (mean of squares) and "absolute", a class number for
    "cross-entropy" (of softmax of the outputs). Raises TaskError "no-chain", "unknown-weight", "bad-option".
    """
    if loss not in LOSSES:
        raise TaskError("bad-option", f"The loss is one of {', '.join(LOSSES)}, not {loss!r}.")
    row = torch.as_tensor(np.asarray(x, dtype=np.float64)).reshape(1, -1)
    layers, model = unrolled(model, row)
    size, right = len(layers[-1].outputs), np.atleast_1d(np.asarray(target, dtype=np.float64))
    if loss == "cross-entropy":
        if len(right) != 1 or not 0 <= right[0] < size or right[0] != int(right[0]):
            raise TaskError("bad-option", f"The right class is a whole number from 0 to {size - 1}, not {target!r}.")
    elif len(right) != size:
        raise TaskError("bad-option", f"The network gives {size} numbers; {len(right)} right answers came.")
    return _chain(layers, model, row, Weight(*weight), [Part(loss, 0, size, right)], rate)


def chain(
    function: Finding,
    row: int,
    weight: Weight | tuple,
    rung: str | None = None,
    part: str = "train",
    rate: float | None = None,
) -> Chain:
    """The chain rule for one row of a run's own data and one weight of one of its networks, or of its linear rung.

    `row` is a place in `part`; `rate` is by default the peak rate of the rung's recipe (0.1 for the linear rung). Raises
    what `by_hand` and `rows.blocks_and_targets` raise, and TaskError "unknown-class" for a row whose class training never showed.
    """
    subject = function.rung(rung) if rung is not None else neural(function)
    if isinstance(subject, Linear):
        frame = frame_of(function, part, [row])
        model, inputs = _linear(function, subject, Inputs(frame, function.fields))
        targets = [torch.from_numpy(np.asarray(o.truth(frame[o.name]))) for o in function.outputs]
        given: torch.Tensor | list[torch.Tensor] = inputs
    else:
        subject = neural(function, rung)
        blocks, targets, frame = blocks_and_targets(function, subject.name, [row], part)
        model, inputs = subject.network, blocks[0].cpu()
        if not inputs.dtype.is_floating_point:
            raise TaskError(
                "no-chain", f"The chain rule by hand starts from numbers; {subject.name!r} reads another kind."
            )
        given = [block.cpu().double() for block in blocks]
        inputs = given[0]
    layers, model = unrolled(model, given)
    parts = parts_of(function.outputs, targets, row)
    if parts is None:
        raise TaskError("no-chain", "The chain rule by hand is for outputs that are numbers or categories.")
    if rate is None:
        recipe = next((r.recipe for r in function.rungs if r.name == subject.name), {})
        rate = float(recipe.get("optimize", {}).get("rate", 0.1))
    scales = _scales(function, subject, frame, inputs, parts, layers[-1].outputs)
    return _chain(layers, model, given, Weight(*weight), parts, rate, *scales)


def _linear(function: Finding, rung: Linear, inputs: Inputs) -> tuple[nn.Module, torch.Tensor]:
    """The linear rung as one torch layer, (1, D) in; in the user's units, as its weights are."""
    if type(rung) is not Linear or inputs.of(Text):
        raise TaskError("no-chain", f"The features of {rung.name!r} are not numbers of a row; take a network's rung.")
    weights = [rung.weights[f"{output.name}.weight"] for output in function.outputs]  # (D, K) each
    layer = nn.Linear(len(weights[0]), sum(each.shape[1] for each in weights)).double()
    with torch.no_grad():
        layer.weight.copy_(torch.cat(weights, dim=1).T)
        layer.bias.copy_(torch.cat([rung.weights[f"{output.name}.bias"] for output in function.outputs]))
    return layer, torch.from_numpy(np.asarray(rung.flattener.matrix(inputs), dtype=np.float64))


def _scales(
    function: Finding, rung: Any, frame: Any, inputs: torch.Tensor, parts: list[Part], outputs: np.ndarray
) -> tuple[list[Scaled], list[Scaled], list[Scaled]]:
    """What the network sees and says, beside the user's own values and units."""
    seen: list[Scaled] = []
    values = inputs[0].tolist()
    alone = not isinstance(rung, Neural) or rung.shape["encoders"][0]["block"] == VECTOR
    for each in function.fields if alone else ():
        if isinstance(each, Flat):
            own = frame[each.name][0]
            for name in each.feature_names():
                plain = isinstance(each, Number) and name == each.name
                scale = (each.mean, each.spread) if isinstance(each, Number) and plain else (None, None)
                seen.append(Scaled(name, values[len(seen)], own, *scale))
    seen += [Scaled(f"x{n + 1}", values[n], None, None, None) for n in range(len(seen), len(values))]  # pixels
    right: list[Scaled] = []
    said: list[Scaled] = []
    for output, part in zip(function.outputs, parts):
        scores = outputs[part.first : part.first + part.size]
        if isinstance(output, Number):
            mean, spread = (output.mean, output.spread) if isinstance(rung, Neural) else (0.0, 1.0)
            right.append(
                Scaled(output.name, float(part.target[0]), float(output.truth(frame[output.name])[0]), mean, spread)
            )
            said.append(Scaled(output.name, float(scores[0]), float(scores[0] * spread + mean), mean, spread))
            continue
        for number, name in enumerate(output.names):  # type: ignore[attr-defined]
            right.append(
                Scaled(f"{output.name}={name}", float(number == part.target[0]), frame[output.name][0], None, None)
            )
            said.append(Scaled(f"{output.name}={name}", float(scores[number]), None, None, None))
    return seen, right, said


def _loss_of(outputs: torch.Tensor, parts: list[Part]) -> torch.Tensor:
    """The loss by the engine's own functions, for torch to derive."""
    total = outputs.new_zeros(())
    for part in parts:
        own = outputs[:, part.first : part.first + part.size]
        if part.kind == "cross-entropy":
            total = total + losses.cross_entropy(own, torch.tensor([int(part.target[0])]))
        else:
            measure = losses.squared_error if part.kind == "squared" else losses.absolute_error
            total = total + measure(own, torch.from_numpy(part.target)[None])
    return total


def _chain(
    layers: list[Dense],
    model: nn.Module,
    inputs: torch.Tensor | list[torch.Tensor],
    weight: Weight,
    parts: list[Part],
    rate: float,
    features: list[Scaled] | None = None,
    answers: list[Scaled] | None = None,
    predicted: list[Scaled] | None = None,
) -> Chain:
    at, unit, source = _known(weight, layers)
    outputs, last = layers[-1].outputs, len(layers) - 1
    start = slopes_of_loss(outputs, parts)
    pulls, deltas = _back(layers, start)
    entering = 1.0 if source is None else float(layers[at].inputs[source])
    factors = factors_of(layers, pulls, deltas, weight, parts, entering)
    gradient = math.prod(each.value for each in factors if each.in_product and each.value is not None)

    # The proof: torch's own derivative, and its own step.
    parameter, place = _parameter(model, layers[at].name, unit, source)
    loss = _loss_of(model(inputs), parts)
    loss.backward()
    assert parameter.grad is not None
    torch_gradient = float(parameter.grad[place])
    value = float(parameter.detach()[place])
    before = parameter.detach().clone()
    torch.optim.SGD([parameter], lr=rate).step()
    torch_next = float(parameter.detach()[place])
    with torch.no_grad():
        parameter.copy_(before)
        parameter[place] = value - rate * gradient
        next_loss = _loss_of(model(inputs), parts).item()

    ways, count = _ways(layers, at, unit, entering, start)
    own: list[Factor] = []
    if answers and len(parts) == 1 and parts[0].kind == "squared" and answers[0].spread is not None and predicted:
        one = _back(layers, np.ones(len(outputs)))[1]  # dy^/dz of each layer
        own = own_factors(answers[0], predicted[0], float(one[at][unit] * entering), last)
    return Chain(
        weight=weight, value=value, layers=layers, pulls=pulls, deltas=deltas, prediction=outputs, loss=loss.item(),
        factors=factors, gradient=gradient, torch_gradient=torch_gradient,
        difference=abs(gradient - torch_gradient) / max(abs(torch_gradient), 1e-12), rate=rate,
        next=value - rate * gradient, torch_next=torch_next, next_loss=next_loss, ways=ways, way_count=count,
        features=features or [], answers=answers or [], predicted=predicted or [], own=own,
        own_gradient=math.prod(each.value for each in own if each.value is not None) if own else None,
    )  # fmt: skip


def _known(weight: Weight, layers: list[Dense]) -> Weight:
    """The weight, if there is one, or TaskError "unknown-weight" with what there is."""
    at, unit, source = weight
    if not 0 <= at < len(layers):
        raise TaskError("unknown-weight", f"The network has layers 0 to {len(layers) - 1}; there is no layer {at}.")
    units, inputs = layers[at].weight.shape
    if not 0 <= unit < units:
        raise TaskError("unknown-weight", f"Layer {at} has units 0 to {units - 1}; there is no unit {unit}.")
    if source is None and layers[at].bias is None:
        raise TaskError("unknown-weight", f"Layer {at} has no bias.")
    if source is not None and not 0 <= source < inputs:
        raise TaskError("unknown-weight", f"Layer {at} takes inputs 0 to {inputs - 1}; there is no input {source}.")
    return weight


def _parameter(model: nn.Module, layer: str, unit: int, source: int | None) -> tuple[torch.Tensor, tuple[int, ...]]:
    module = model if isinstance(model, nn.Linear) else model.get_submodule(layer)
    return (module.bias, (unit,)) if source is None else (module.weight, (unit, source))  # type: ignore[return-value]


def _back(layers: list[Dense], start: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """From dL/dy^ back: dL/da and dL/dz of every layer's outputs."""
    pulls, deltas = [], []
    pull = start
    for layer in reversed(layers):
        delta = pull * layer.slopes
        pulls.append(pull)
        deltas.append(delta)
        pull = layer.weight.T @ delta
    return pulls[::-1], deltas[::-1]


def _ways(layers: list[Dense], at: int, unit: int, entering: float, start: np.ndarray) -> tuple[list[Way], int]:
    """Every way from the weight to an answer with its product, the largest shown; their sum is the gradient."""
    sizes = [len(layer.outputs) for layer in layers[at + 1 :]]
    count = int(np.prod(sizes, dtype=np.float64)) if sizes else 1
    if count > MOST_WAYS:
        return [], count
    products = np.zeros(len(layers[at].outputs))
    products[unit] = entering * layers[at].slopes[unit]
    products = products[unit : unit + 1]
    sources = np.array([unit])
    for layer in layers[at + 1 :]:
        products = products[:, None] * layer.weight.T[sources] * layer.slopes  # (ways so far, O)
        sources = np.tile(np.arange(len(layer.outputs)), len(products))
        products = products.reshape(-1)
    products = products * start[sources]
    best = np.argsort(-np.abs(products), kind="stable")[:WAYS_SHOWN]
    units = [np.unravel_index(int(place), sizes) if sizes else () for place in best]
    return [Way((unit, *map(int, each)), float(products[p])) for each, p in zip(units, best)], count
