"""Why a loss stopped being finite: find the first layer that overflowed, and say what to do.

Costs nothing until it happens: the batch is then run once more with hooks on every layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fofx.errors import FindError

REMEDIES = {
    "input": (
        "the numbers that go in are not finite",
        "look for infinite or missing values in the input columns",
    ),
    "weights": (
        "the update before made them so, which a learning rate that is too high does",
        "divide the learning rate by 10, or clip the gradient (clip=1.0)",
    ),
    "output": (
        "the weights have grown too large, mostly because the learning rate is too high, or the inputs are not scaled",
        "divide the learning rate by 10, scale the inputs, or clip the gradient (clip=1.0)",
    ),
    "loss": (
        "a target is not finite or is out of range, or the loss takes a logarithm of 0 or divides by 0",
        "check the output column; if it is right, divide the learning rate by 10",
    ),
    "gradient": (
        "the backward pass overflowed: very steep loss, a square root or logarithm near 0, or too high a learning rate",
        "divide the learning rate by 10, and scale inputs and targets",
    ),
}


def not_finite(
    model: torch.nn.Module, run: Callable[[], torch.Tensor], step: int, rate: float, loss: float
) -> FindError:
    """The FindError "not-finite" for this batch: `run` computes its loss again."""
    layer, what = first_overflow(model, run)
    cause, remedy = REMEDIES[what]
    where = {
        "input": f"the input of layer {layer!r} is already not finite",
        "weights": f"the weights of layer {layer!r} are not finite",
        "output": f"the first layer to overflow is {layer!r}: its output is not finite",
        "loss": "every layer's output is finite, the loss itself is not",
        "gradient": f"the loss is finite, but the gradient that reaches layer {layer!r} is not",
    }[what]
    return FindError(
        "not-finite",
        f"Step {step}, learning rate {rate:g}: the loss is {loss:g} and {where}. "
        f"Likely cause: {cause}. What to do: {remedy}.",
    )


def first_overflow(model: torch.nn.Module, run: Callable[[], torch.Tensor]) -> tuple[str, str]:
    """(qualified name of the layer, "input" | "weights" | "output" | "gradient" | "loss") of the first bad value.

    Looked for in the order in which values are made: weights, then outputs from the first layer on, then the loss,
    then gradients from the last layer back. The model's gradients are overwritten.
    """
    for name, parameter in model.named_parameters():
        if not _finite(parameter):
            return name.rpartition(".")[0] or _named("", model), "weights"
    outputs: list[tuple[str, str]] = []
    gradients: list[str] = []

    def watch(name: str, module: torch.nn.Module) -> torch.utils.hooks.RemovableHandle:
        def look(_: torch.nn.Module, inputs: Any, output: Any) -> None:
            if not outputs and not all(map(_finite, _tensors(output))):
                outputs.append((name, "output" if all(map(_finite, _tensors(inputs))) else "input"))
            for tensor in _tensors(output):
                if tensor.requires_grad:
                    tensor.register_hook(lambda gradient: None if _finite(gradient) else gradients.append(name))

        return module.register_forward_hook(look)

    handles = [watch(_named(name, module), module) for name, module in model.named_modules()]
    try:
        model.zero_grad()
        loss = run()
        if outputs:
            return outputs[0]
        if not _finite(loss):
            return "loss", "loss"
        loss.backward()
    finally:
        for handle in handles:
            handle.remove()
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not _finite(parameter.grad):
            gradients.append(name.rpartition(".")[0])
    return (gradients[0] if gradients else "loss"), "gradient"


def _named(name: str, module: torch.nn.Module) -> str:
    return name or type(module).__name__


def _finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _tensors(value: Any) -> list[torch.Tensor]:
    """The floating-point tensors in whatever a layer takes or gives."""
    if isinstance(value, torch.Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for part in value for tensor in _tensors(part)] if isinstance(value, list | tuple) else []
