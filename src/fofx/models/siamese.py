"""A siamese network: one encoder looks at both sides of a pair, and a head reads from what their features have in common.

Bromley and others, "Signature Verification using a Siamese Time Delay Neural Network", 1993. The comparison gives the same
numbers for swapped sides, so the answer does not depend on which side came first. `contrastive_loss` is that of Hadsell,
Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006; `supervised_contrast` that of Khosla and
others, "Supervised Contrastive Learning", 2020: it learns from every two items of a batch, not only from those that a row pairs.
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

    `parts` names which of the three are given, in this order. All are those of sides of unit length (how strongly an encoder
    fires tells nothing about who it is), times the root of F, so that they are about 1.
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
            "cosine": self.cosine((first * second).sum(dim=1, keepdim=True)) * scale,  # (B, 1)
        }
        return torch.cat([found[part] for part in self.parts], dim=1)  # (B, W)


class Siamese(nn.Module):
    """Two sides, each what `encoder` takes -> (B, outputs). With `outputs=None` the comparison (B, W) comes out.

    `encoder` is any module that gives features (B, `width`) of one side. Sides of equal shape go through it together, as
    one batch, so that what it normalizes over the batch is the same for both. `shared` turns the features into so many numbers
    before they are compared, `hidden` units of ReLU stand before the head; 0 leaves either out. Where only the cosine is compared
    and two classes come out, `same` is the one that a larger cosine speaks for, and the head starts from there.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        outputs: int | None = 2,
        parts: tuple[str, ...] = ("difference", "product", "cosine"),
        shared: int = 0,
        hidden: int = 0,
        dropout: float = 0.0,
        same: int = 1,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = nn.Linear(width, shared, bias=False) if shared else nn.Identity()
        self.first = Peek()
        self.second = Peek()
        self.compare = Comparison(shared or width, parts)
        self.width = self.compare.width
        self.dropout = nn.Dropout(dropout)
        layers = [nn.Linear(self.width, hidden), nn.ReLU()] if hidden and outputs is not None else []
        self.hidden = nn.Sequential(*layers, Peek())
        self.head = nn.Identity() if outputs is None else nn.Linear(hidden or self.width, outputs)
        self.outputs = Peek()
        if isinstance(self.head, nn.Linear) and self.head.weight.shape == (2, 1):
            sign = torch.tensor([-1.0, 1.0]) if same == 1 else torch.tensor([1.0, -1.0])
            with torch.no_grad():  # cosines of 0.2 are half and half, a cosine of 1 is nearly sure
                self.head.weight.copy_(2.5 * sign[:, None] / (shared or width) ** 0.5)
                self.head.bias.copy_(-0.5 * sign)

    def sides(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is compared of both sides, each (B, F)."""
        if first.shape == second.shape:
            one, two = self.encoder(torch.cat([first, second])).chunk(2)
        else:
            one, two = self.encoder(first), self.encoder(second)
        return self.first(self.project(one)), self.second(self.project(two))

    def features(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.compare(*self.sides(first, second))  # (B, W)

    def judge(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        """The answer for what `sides` gave: (B, outputs)."""
        compared = self.hidden(self.dropout(self.compare(one, two)))  # (B, W or hidden)
        return self.outputs(self.head(compared))

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.judge(*self.sides(first, second))  # (B, outputs)


def contrastive_loss(
    first: torch.Tensor, second: torch.Tensor, same: torch.Tensor, margin: float = 1.0
) -> torch.Tensor:
    """The same are pulled together, others pushed apart until `margin`: mean of D^2 / 2 or max(0, margin - D)^2 / 2.

    Sides (B, F), `same` (B,) bool; D is the distance of the sides. The root is kept from 0, where its slope is infinite.
    """
    distance = ((first - second).square().sum(dim=1) + 1e-12).sqrt()  # (B,)
    return torch.where(same, distance.square(), (margin - distance).clamp(min=0).square()).mean() / 2


def supervised_contrast(items: torch.Tensor, owners: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
    """For each item of a batch: which of all the others show the same? Cross-entropy, the mean over those that do.

    `items` (B, F), `owners` (B,) the number of whom each shows. An item without a second of its owner counts nothing.
    """
    sides = unit(items)
    alone = torch.eye(len(sides), dtype=torch.bool, device=sides.device)
    scores = (sides @ sides.T / temperature).masked_fill(alone, -1e9)  # (B, B); nobody is compared with himself
    same = (owners[:, None] == owners[None]) & ~alone
    chances = (scores.log_softmax(dim=1) * same).sum(dim=1) / same.sum(dim=1).clamp(min=1)  # (B,)
    return -chances.sum() / same.any(dim=1).sum().clamp(min=1)


def pair_loss(model, sides: list[torch.Tensor], right: torch.Tensor, owners: torch.Tensor, judge, options: dict):
    """The loss of the answers (`judge`, with `right` (B,)), and the contrast among all 2B items; `owners` (B, 2)."""
    one, two = model.sides(*sides)
    loss = judge(model.judge(one, two), right, options)
    return loss + supervised_contrast(torch.cat([one, two]), owners.T.flatten())


PIECES = (Peek, unit, Comparison, Siamese)
