"""A siamese network: one encoder looks at both sides of a pair, and a head reads from what their features have in common.

Bromley and others, "Signature Verification using a Siamese Time Delay Neural Network", 1993. The comparison gives the same
numbers for swapped sides, so the answer does not depend on which side came first. `contrastive_loss` is that of Hadsell,
Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006.
"""

# B pairs, F features of a side, W numbers of a comparison

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek


def unit(features: torch.Tensor) -> torch.Tensor:
    """Each row brought to length 1; a row of zeros stays. (B, F) -> (B, F)"""
    return features / features.square().sum(dim=1, keepdim=True).clamp(min=1e-12).sqrt()


class Comparison(nn.Module):
    """Two sides (B, F) and (B, F) -> (B, W): |a - b| and a * b for each feature, and the cosine of their angle.

    `parts` names which of the three are given, in this order. Differences and products are those of sides of unit length
    (times the root of F, so that a feature is about 1): how strongly an encoder fires tells nothing about who it is.
    """

    def __init__(self, width: int, parts: tuple[str, ...] = ("difference", "product", "cosine")) -> None:
        super().__init__()
        unknown = set(parts) - {"difference", "product", "cosine"}
        if unknown or not parts:
            raise ValueError(f"expected parts of difference, product, cosine, got {tuple(parts)}.")
        self.parts = tuple(parts)
        self.width = sum({"difference": width, "product": width, "cosine": 1}[part] for part in parts)
        self.difference = Peek()
        self.product = Peek()
        self.cosine = Peek()

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        first, second = unit(first), unit(second)
        scale = first.shape[1] ** 0.5
        found = {
            "difference": self.difference((first - second).abs() * scale),  # (B, F)
            "product": self.product(first * second * scale),  # (B, F)
            "cosine": self.cosine((first * second).sum(dim=1, keepdim=True)),  # (B, 1)
        }
        return torch.cat([found[part] for part in self.parts], dim=1)  # (B, W)


class Siamese(nn.Module):
    """Two sides, each what `encoder` takes -> (B, outputs). With `outputs=None` the comparison (B, W) comes out.

    `encoder` is any module that gives features (B, `width`) of one side. Sides of equal shape go through it together, as
    one batch, so that what it normalizes over the batch is the same for both. `hidden` units of ReLU stand before the head
    where it is not 0.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        outputs: int | None = 2,
        parts: tuple[str, ...] = ("difference", "product", "cosine"),
        hidden: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.first = Peek()
        self.second = Peek()
        self.compare = Comparison(width, parts)
        self.width = self.compare.width
        self.dropout = nn.Dropout(dropout)
        layers = [nn.Linear(self.width, hidden), nn.ReLU()] if hidden and outputs is not None else []
        self.hidden = nn.Sequential(*layers, Peek())
        self.head = nn.Identity() if outputs is None else nn.Linear(hidden or self.width, outputs)
        self.outputs = Peek()

    def sides(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The features of both sides, each (B, F)."""
        if first.shape == second.shape:
            one, two = self.encoder(torch.cat([first, second])).chunk(2)
        else:
            one, two = self.encoder(first), self.encoder(second)
        return self.first(one), self.second(two)

    def features(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.compare(*self.sides(first, second))  # (B, W)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        compared = self.hidden(self.dropout(self.features(first, second)))  # (B, W or hidden)
        return self.outputs(self.head(compared))  # (B, outputs)


def contrastive_loss(
    first: torch.Tensor, second: torch.Tensor, same: torch.Tensor, margin: float = 1.0
) -> torch.Tensor:
    """The same are pulled together, others pushed apart until `margin`: mean of D^2 / 2 or max(0, margin - D)^2 / 2.

    Sides (B, F), `same` (B,) bool; D is the distance of the sides. The root is kept from 0, where its slope is infinite.
    """
    distance = ((first - second).square().sum(dim=1) + 1e-12).sqrt()  # (B,)
    return torch.where(same, distance.square(), (margin - distance).clamp(min=0).square()).mean() / 2


PIECES = (Peek, unit, Comparison, Siamese)
