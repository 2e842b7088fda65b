"""Dropout: set a random part of the values to 0 in training, so that no unit can rely on a single other one.

Srivastava and others, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014. On a CPU, drawing one
float for each value is a third of a small network's step; here one 64-bit draw decides over eight values, a byte each.
"""

from __future__ import annotations

import torch
from torch import nn


class Dropout(nn.Module):
    """Drops each value with probability `rate`, rounded to 1/256, and scales the others so that the mean stays.

    Any shape, unchanged. In evaluation the values pass as they are. Off the CPU it is torch's own dropout.
    """

    def __init__(self, rate: float = 0.1) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"expected a dropout rate from 0 up to but not 1, got {rate}.")
        self.rate = rate
        self.dropped = min(round(rate * 256), 255)  # bytes below this number drop their value

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or self.dropped == 0:
            return values
        if values.device.type != "cpu":
            return torch.dropout(values, self.rate, True)
        count = values.numel()
        drawn = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = (drawn.view(torch.uint8)[:count] >= self.dropped).view(values.shape)
        return values * kept.to(values.dtype).mul_(256 / (256 - self.dropped))


PIECES = (Dropout,)
