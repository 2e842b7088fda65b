"""Multi-layer perceptron: linear layers with a bend (an activation) between them.

Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986.
"""

# B rows, D inputs, H width of a hidden layer, F width of the last hidden layer, O outputs

from __future__ import annotations

import torch
from torch import nn

from fofx.errors import TaskError
from fofx.models.window import Peek


def activation_named(name: str) -> nn.Module:
    """An activation by its name in torch.nn, whatever its capitals and underscores; "linear" and "swish" work too."""
    kinds = """ReLU LeakyReLU PReLU RReLU ReLU6 ELU SELU CELU GELU SiLU Mish Tanh Sigmoid LogSigmoid Softplus Softsign
    Softshrink Hardshrink Tanhshrink Hardtanh Hardswish Hardsigmoid Identity"""
    known = {kind.lower(): getattr(nn, kind) for kind in kinds.split()}
    known.update(linear=nn.Identity, swish=nn.SiLU)
    plain = str(name).lower().replace("_", "").replace("-", "").replace(" ", "")
    if plain not in known:
        import difflib

        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"expected the name of an activation, got {name!r}.{hint} Known: {', '.join(sorted(known))}.")
    return known[plain]()


class MLP(nn.Module):
    """(B, D) -> (B, O), through `hidden` layers of these widths.

    `norm` puts a layer normalization before each activation, `dropout` (0 to 1) a dropout after it. With `outputs=None`
    there is no head and the features come out. An unknown activation is a ValueError that names the nearest one.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int | None,
        hidden: tuple[int, ...] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        width = inputs
        for number, size in enumerate(hidden, start=1):
            self.layers.add_module(f"linear_{number}", nn.Linear(width, size))
            if norm:
                self.layers.add_module(f"norm_{number}", nn.LayerNorm(size))
            self.layers.add_module(f"activation_{number}", activation_named(activation))
            self.layers.add_module(f"seen_{number}", Peek())
            if dropout > 0:
                self.layers.add_module(f"dropout_{number}", nn.Dropout(dropout))
            width = size
        self.width = width
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.outputs = Peek()

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        return self.layers(rows)  # (B, F)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.features(rows)))  # (B, O)


def check_activation(name: str) -> None:
    """Raise a TaskError (code "unknown-activation") for a name that `MLP` would not know, before any work starts."""
    try:
        activation_named(name)
    except ValueError as error:
        raise TaskError("unknown-activation", str(error)) from None


PIECES = (Peek, activation_named, MLP)
