"""Two towers: one encoder for pictures, one for texts (or any two kinds), and a space where what belongs together is near.

The idea of CLIP for small tasks: Radford and others, "Learning Transferable Visual Models From Natural Language Supervision",
2021. `symmetric_contrast` is its loss: of all texts in the batch find the picture's, and of all pictures the text's.
"""

# B rows of a batch, P first sides, E the shared space

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.siamese import unit
from fofx.models.window import Peek


class TwoTowers(nn.Module):
    """One encoder for the first side, one for the second, and a space that both are turned into.

    `first` and `second` are modules that give features of the `widths`; `forward` gives, for pairs that stand in one row,
    (B, outputs): two numbers whose softmax is a logistic of the cosine, "does not fit" and "fits". `scores` gives all with
    all, for the contrast within a batch. With `outputs=None` the cosine (B, 1) comes out.
    """

    def __init__(
        self,
        first: nn.Module,
        second: nn.Module,
        widths: tuple[int, int],
        outputs: int | None = 2,
        shared: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if outputs not in (None, 2):
            raise ValueError(f"expected 2 outputs (does not fit, fits) or None, got {outputs}.")
        self.first = first
        self.second = second
        self.width = 1
        self.dropout = nn.Dropout(dropout)
        self.first_projection = nn.Linear(widths[0], shared, bias=False)
        self.second_projection = nn.Linear(widths[1], shared, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.head = nn.Identity() if outputs is None else nn.Linear(1, 1)
        if isinstance(self.head, nn.Linear):  # from the start a larger cosine means a better fit
            nn.init.constant_(self.head.weight, 5.0)
            nn.init.constant_(self.head.bias, -1.0)
        self.seen, self.read, self.cosine, self.outputs = Peek(), Peek(), Peek(), Peek()

    def embed_first(self, side: torch.Tensor) -> torch.Tensor:
        """What `first` takes -> (B, E), of length 1."""
        return self.seen(unit(self.first_projection(self.dropout(self.first(side)))))

    def embed_second(self, side: torch.Tensor) -> torch.Tensor:
        return self.read(unit(self.second_projection(self.dropout(self.second(side)))))

    def temperature(self) -> torch.Tensor:
        """What the cosines are multiplied by before the softmax; at most 100, as in the paper."""
        return self.logit_scale.exp().clamp(max=100.0)

    def scores(self, seen: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        """Embedded sides (P, E) and (B, E) -> every one with every other, (P, B)."""
        return self.temperature() * seen @ read.T

    def judge(self, seen: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        """Embedded sides (B, E) and (B, E), row by row -> (B, outputs)."""
        fits = self.head(self.cosine((seen * read).sum(dim=1, keepdim=True)))  # (B, 1)
        return self.outputs(fits if isinstance(self.head, nn.Identity) else torch.cat([-fits / 2, fits / 2], dim=1))

    def features(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.cosine((self.embed_first(first) * self.embed_second(second)).sum(dim=1, keepdim=True))  # (B, 1)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.judge(self.embed_first(first), self.embed_second(second))  # (B, outputs)


def symmetric_contrast(scores: torch.Tensor, alike: torch.Tensor | None = None) -> torch.Tensor:
    """Cross-entropy of the right text for each picture and of the right picture for each text, and their mean.

    `scores` (B, B), pictures by texts; what belongs together stands on the diagonal. `alike` (B, B) bool is True where a
    text belongs to a picture as well as its own (the same title twice in a batch): all of them are then equally right.
    """
    if alike is None:
        right = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2
    wanted = alike.to(scores.dtype)  # (B, B)
    each = [
        F.cross_entropy(table, share / share.sum(dim=1, keepdim=True))
        for table, share in ((scores, wanted), (scores.T, wanted.T))
    ]
    return (each[0] + each[1]) / 2


def towers_loss(model, sides: list[torch.Tensor], right: torch.Tensor, judge, options: dict) -> torch.Tensor:
    """The loss of the answers (`judge`) and, among the rows that fit, the contrast within the batch.

    `sides` are the two inputs of a batch, `right` (B,) the number of each row's class, `model.fits` the number of the class
    that fits. Second sides that are equal (the same title twice) are equally right.
    """
    seen, read = model.embed_first(sides[0]), model.embed_second(sides[1])
    loss = judge(model.judge(seen, read), right, options)
    rows = (right == model.fits).nonzero()[:, 0]
    if len(rows) < 2:
        return loss
    texts = sides[1][rows].flatten(1)
    alike = (texts[:, None] == texts[None]).all(dim=2)  # (B, B)
    return loss + symmetric_contrast(model.scores(seen[rows], read[rows]), alike)


PIECES = (Peek, unit, TwoTowers)
