"""One neural network for any task: an encoder for each block of the input, a join where there are several, K numbers out.

A single block goes straight through its model (an MLP, a ResNet, a transformer) with that model's own head. Several blocks
give their features, which lie side by side before one linear layer: y = W [a ; b ; c] + bias.

Shapes: B rows, D numbers of the vector, T tokens, C x H x W pixels, F features, K numbers of all outputs together.
"""

from __future__ import annotations

import torch
from torch import nn


class Network(nn.Module):
    """Blocks in, K numbers out: (B, K), or (B, members, K) from an ensemble in one."""

    def __init__(self, encoders: list[nn.Module], widths: list[int], outputs: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.join = nn.Linear(sum(widths), outputs) if len(encoders) > 1 else nn.Identity()

    def forward(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        found = [encoder(block) for encoder, block in zip(self.encoders, blocks)]
        return self.join(torch.cat(found, dim=-1) if len(found) > 1 else found[0])  # (B, K)


PIECES = (Network,)
