"""One neural network for any task: an encoder for each block of the input, a join where there are several, K numbers out.

A single block goes straight through its model (an MLP, a ResNet, a transformer) with that model's own head. Several blocks
give their features, which lie side by side before one linear layer: y = W [a ; b ; c] + bias. The two sides of a pair go through
one encoder and are compared; a picture and its text through two, into a space that both share.

Shapes: B rows, D numbers of the vector, T tokens, C x H x W pixels, F features, K numbers of all outputs together.
"""

from __future__ import annotations

import torch
from torch import nn

from fofx.models.siamese import Siamese
from fofx.models.towers import TwoTowers


class Network(nn.Module):
    """Blocks in, K numbers out: (B, K), or (B, members, K) from an ensemble in one."""

    def __init__(self, encoders: list[nn.Module], widths: list[int], outputs: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.join = nn.Linear(sum(widths), outputs) if len(encoders) > 1 else nn.Identity()

    def forward(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        found = [encoder(block) for encoder, block in zip(self.encoders, blocks)]
        return self.join(torch.cat(found, dim=-1) if len(found) > 1 else found[0])  # (B, K)


class PairNetwork(Siamese):
    """Two blocks of one kind in, the two sides of a pair, through one shared encoder: (B, K)."""

    @property
    def encoders(self) -> list[nn.Module]:
        """What reads each block."""
        return [self.encoder, self.encoder]

    def forward(self, blocks: list[torch.Tensor]) -> torch.Tensor:  # type: ignore[override]
        return super().forward(*blocks)  # (B, K)


class TowersNetwork(TwoTowers):
    """Two blocks of two kinds in, that belong together or not: (B, 2), the class that says so in column `fits`."""

    def __init__(self, first: nn.Module, second: nn.Module, widths: list[int], fits: int, **options) -> None:
        super().__init__(first, second, (widths[0], widths[1]), **options)
        self.fits = fits

    @property
    def encoders(self) -> list[nn.Module]:
        return [self.first, self.second]

    def judge(self, seen: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        found = super().judge(seen, read)
        return found if self.fits == 1 else found.flip(1)  # (B, 2)

    def forward(self, blocks: list[torch.Tensor]) -> torch.Tensor:  # type: ignore[override]
        return super().forward(*blocks)


PIECES = (Network, PairNetwork, TowersNetwork)
