"""Linear regression: outputs = inputs W^T + b, the first function of the course.

Logistic regression is the same function with another loss: softmax turns the outputs (logits) into probabilities, and
cross entropy (`torch.nn.functional.cross_entropy`, which holds the softmax) takes the place of the squared error.
With one output and `binary_cross_entropy_with_logits` it is the two-class form.
"""

# B rows, D inputs, O outputs

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek


class Linear(nn.Module):
    """A straight line (plane, hyperplane) through the data: (B, D) -> (B, O). `outputs=None`: it hands on its input.

    `zero=True` starts from w = 0, b = 0: the loss is convex, so the start decides only how long the way is.
    """

    def __init__(self, inputs: int, outputs: int | None = 1, zero: bool = False) -> None:
        super().__init__()
        self.width = inputs
        self.seen = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(inputs, outputs)
        self.outputs = Peek()
        if zero and isinstance(self.head, nn.Linear):
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        return self.seen(rows)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.features(rows)))  # (B, O)


PIECES = (Peek, Linear)
