"""A network as a plain row of linear layers and activations, with every value that passes and the slope of every activation.

Found by running the network once and checking that each part takes exactly what the part before it gave: nothing can hide
between two layers. Everything in float64. Shapes: I inputs and O outputs of a layer; one example at a time.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fofx.errors import TaskError
from fofx.models.dropout import Dropout


@dataclass(frozen=True)
class Dense:
    """One linear layer and the activation behind it: z = W a + b, then f(z)."""

    weight: np.ndarray  # (O, I)
    bias: np.ndarray | None  # (O,)
    activation: str  # its name in torch.nn; "Identity" where there is none
    inputs: np.ndarray  # (I,) a of the layer before
    sums: np.ndarray  # (O,) z
    outputs: np.ndarray  # (O,) f(z)
    slopes: np.ndarray  # (O,) f'(z), by its formula
    name: str  # of the linear layer in the network


def unrolled(
    model: nn.Module, inputs: torch.Tensor | list[torch.Tensor], like: str = "The chain rule by hand"
) -> tuple[list[Dense], nn.Module]:
    """The layers of `model` for one example, and the copy of the model (float64, evaluation mode) they were read from.

    `inputs` is what the copy is called with: a float64 tensor (1, I), or whatever the model takes that holds one. Raises
    TaskError "no-chain" for a network that is anything else than linear layers and elementwise activations in a row.
    """
    model = copy.deepcopy(model).cpu().double().eval()
    found: list[Dense] = []
    names: dict[nn.Module, str] = {}
    waiting: list[tuple[nn.Linear, torch.Tensor, torch.Tensor]] = []
    passed: list[torch.Tensor] = []  # what the last part gave

    def refuse(why: str) -> TaskError:
        return TaskError(
            "no-chain",
            f"{like} needs linear layers and elementwise activations in a row; {why}. The size of the gradient and of the "
            "update can be had for every layer of any network (fofx.see.gradients).",
        )

    def close(activation: nn.Module, outputs: torch.Tensor) -> None:
        layer, entering, sums = waiting.pop()
        found.append(
            Dense(
                weight=layer.weight.detach().numpy().copy(),  # the network may be updated later
                bias=None if layer.bias is None else layer.bias.detach().numpy().copy(),
                activation=type(activation).__name__,
                inputs=entering[0].numpy(),
                sums=sums[0].numpy(),
                outputs=outputs[0].numpy(),
                slopes=slopes_of(activation, sums[0].numpy()),
                name=names[layer],
            )
        )

    def look(module: nn.Module, arguments: tuple, outputs: torch.Tensor) -> None:
        part = f"{names[module]!r} is a {type(module).__name__}"
        entering = arguments[0]
        if not passed and not any(entering is each for each in ((inputs,) if torch.is_tensor(inputs) else inputs)):
            raise refuse(f"something else happens before {names[module]!r}")
        if passed and entering is not passed[-1]:
            raise refuse(f"something else happens before {names[module]!r}")
        if isinstance(module, nn.Linear):
            if entering.shape[0] != 1 or entering.dim() != 2:
                raise refuse(f"{names[module]!r} works on {tuple(entering.shape)} numbers, not on one example's row")
            if any(names[module] == layer.name for layer in found) or any(module is each[0] for each in waiting):
                raise refuse(f"{names[module]!r} is used twice")
            if waiting:
                close(nn.Identity(), waiting[-1][2])
            waiting.append((module, entering.detach(), outputs.detach()))
        elif isinstance(module, nn.Flatten) and not found and not waiting:
            pass
        elif isinstance(module, nn.Identity | nn.Dropout | Dropout):
            if not torch.equal(entering, outputs):
                raise refuse(f"{part} that changes what passes")
        elif type(module) in SLOPES:
            if not waiting:
                raise refuse(f"{part} that follows no linear layer")
            close(module, outputs.detach())
        else:
            raise refuse(part)
        passed.append(outputs)

    hooks = []
    for name, module in model.named_modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # the sums must stay to be seen
        if not list(module.children()):
            names[module] = name or type(module).__name__
            hooks.append(module.register_forward_hook(look))
    try:
        with torch.no_grad():
            given = model(inputs)
    except (RuntimeError, ValueError) as problem:
        raise refuse(f"this network cannot take these inputs: {str(problem).splitlines()[0]}") from problem
    finally:
        for hook in hooks:
            hook.remove()
    if waiting:
        close(nn.Identity(), waiting[-1][2])
    if not found or not passed or given is not passed[-1]:
        raise refuse("something else happens to what comes out" if found else "there is no linear layer")
    if sum(p.numel() for p in model.parameters()) != sum(
        d.weight.size + (0 if d.bias is None else d.bias.size) for d in found
    ):
        raise refuse("it has weights outside of its linear layers")
    return found, model


def slopes_of(activation: nn.Module, sums: np.ndarray) -> np.ndarray:
    """f'(z) of an activation by its formula; at a kink the side that torch takes."""
    return np.asarray(SLOPES[type(activation)][0](activation, sums), dtype=np.float64)


def slope_formula(name: str) -> str:
    """f'(z) in LaTeX, for an activation's name in torch.nn."""
    return next(formula for kind, (_, formula) in SLOPES.items() if kind.__name__ == name)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -z))


def _gelu(f, z: np.ndarray) -> np.ndarray:
    if f.approximate == "tanh":
        c = math.sqrt(2 / math.pi)
        t = np.tanh(c * (z + 0.044715 * z**3))
        return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z**2)
    share = 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    return share + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _mish(f, z: np.ndarray) -> np.ndarray:
    t = np.tanh(np.logaddexp(0.0, z))
    return t + z * (1 - t * t) * _sigmoid(z)


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
BELOW = r"\text{ if } z > 0 \text{ else } "

# The slope of each activation as a function of (module, z), and in LaTeX.
SLOPES: dict[type[nn.Module], tuple[Callable[..., np.ndarray], str]] = {
    nn.Identity: (lambda f, z: np.ones_like(z), "1"),
    nn.ReLU: (lambda f, z: (z > 0) * 1.0, "1" + BELOW + "0"),
    nn.LeakyReLU: (lambda f, z: np.where(z > 0, 1.0, f.negative_slope), "1" + BELOW + r"\alpha"),
    nn.ReLU6: (lambda f, z: ((z > 0) & (z < 6)) * 1.0, r"1 \text{ if } 0 < z < 6 \text{ else } 0"),
    nn.Hardtanh: (
        lambda f, z: ((z > f.min_val) & (z < f.max_val)) * 1.0,
        r"1 \text{ if } -1 < z < 1 \text{ else } 0",
    ),
    nn.ELU: (lambda f, z: np.where(z > 0, 1.0, f.alpha * np.exp(np.minimum(z, 0))), "1" + BELOW + r"\alpha e^{z}"),
    nn.CELU: (lambda f, z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0) / f.alpha)), "1" + BELOW + r"e^{z / \alpha}"),
    nn.SELU: (
        lambda f, z: SELU_SCALE * np.where(z > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0))),
        r"\lambda" + BELOW + r"\lambda \alpha e^{z}",
    ),
    nn.GELU: (_gelu, r"\Phi(z) + z \, \varphi(z)"),
    nn.SiLU: (lambda f, z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z))), r"\sigma(z) (1 + z (1 - \sigma(z)))"),
    nn.Mish: (_mish, r"t + z (1 - t^2) \sigma(z), \; t = \tanh(\ln(1 + e^{z}))"),
    nn.Tanh: (lambda f, z: 1 - np.tanh(z) ** 2, r"1 - \tanh^2(z)"),
    nn.Sigmoid: (lambda f, z: _sigmoid(z) * _sigmoid(-z), r"\sigma(z) (1 - \sigma(z))"),
    nn.LogSigmoid: (lambda f, z: _sigmoid(-z), r"1 - \sigma(z)"),
    nn.Softplus: (lambda f, z: np.where(f.beta * z > f.threshold, 1.0, _sigmoid(f.beta * z)), r"\sigma(\beta z)"),
    nn.Softsign: (lambda f, z: 1 / (1 + np.abs(z)) ** 2, r"\frac{1}{(1 + |z|)^2}"),
}
