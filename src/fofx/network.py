"""One neural network for any task: an encoder for each block of the input, a join where there are several, K numbers out.

A single block goes straight through its model (an MLP, a ResNet, a transformer) with that model's own head. Several blocks
give their features, which lie side by side before one linear layer: y = W [a ; b ; c] + bias.

Shapes: B rows, D numbers of the vector, T tokens, C x H x W pixels, F features, K numbers of all outputs together.
"""

from __future__ import annotations

import torch
from torch import nn


class Pixels(nn.Module):
    """Bytes (B, C, H, W) to numbers around 0, by the mean and spread of each channel of the training pictures."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, mean: list[float], spread: list[float], model: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("spread", torch.tensor(spread).view(1, -1, 1, 1))
        self.model = model

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        pixels = (pictures.float() / 255 - self.mean) / self.spread
        return self.model(pixels.contiguous(memory_format=torch.channels_last))  # (B, K or F)


class Words(nn.Module):
    """Token numbers (B, T), 0 = padding, to a text model with its mask; columns that are padding everywhere are cut off."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        longest = int((ids != 0).sum(dim=1).max().clamp(min=1))
        ids = ids[:, :longest].long()  # (B, longest)
        return self.model(ids, ids != 0)  # (B, K or F)


class Network(nn.Module):
    """Blocks in, K numbers out: (B, K), or (B, members, K) from an ensemble in one."""

    def __init__(self, encoders: list[nn.Module], widths: list[int], outputs: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.join = nn.Linear(sum(widths), outputs) if len(encoders) > 1 else nn.Identity()

    def forward(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        found = [encoder(block) for encoder, block in zip(self.encoders, blocks)]
        return self.join(torch.cat(found, dim=-1) if len(found) > 1 else found[0])  # (B, K)


PIECES = (Pixels, Words, Network)
