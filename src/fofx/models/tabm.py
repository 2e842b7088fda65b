"""TabM: many perceptrons in one, for tables. The members share their weights and differ by cheap rank-1 adapters.

Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling", 2024.
The adapters are those of BatchEnsemble (Wen, Tran, Ba, 2020): member k uses W * (out_k in_k^T) in place of W.
Numbers enter through piecewise-linear embeddings (Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features
in Tabular Deep Learning", 2022) with quantile bins (their "PLE-Q").

Train it with the mean of the members' losses (each member must learn on its own), predict with the mean of the
members' probabilities (or values).
"""

# B rows, D columns, N bins, E embedding of a column, K members, I and O inputs and outputs of a layer, F features

from __future__ import annotations

import torch
from torch import nn

from fofx.models.dropout import Dropout
from fofx.models.window import Peek


def quantile_edges(rows: torch.Tensor, bins: int = 32) -> list[list[float]]:
    """Edges of at most `bins` equally filled bins for every column of the training rows (B, D).

    Equal quantiles are merged, so a column of few values gets fewer bins; values that are not finite are left out; a
    constant column gets no bin (fewer than two edges).
    """
    edges: list[list[float]] = []
    for column in rows.detach().double().unbind(1):
        ordered = column[column.isfinite()].sort().values
        if len(ordered) == 0:
            edges.append([])
            continue
        places = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=ordered.device) * (len(ordered) - 1)
        below = places.floor().long()
        above = places.ceil().long()
        quantiles = ordered[below].lerp(ordered[above], places - below)
        edges.append(quantiles.float().unique().tolist())
    return edges


class PiecewiseLinear(nn.Module):
    """Numbers as thermometers: each bin left of the value is 1, the value's own bin is filled in part, the rest is 0.

    The outermost bins go on beyond their edges, so values outside the training range still differ. Then every column
    has its own linear map of the thermometer, added to its own linear map of the number (version "B" of TabM's paper).
    Columns with fewer than two bins (flags, one-hot codes, constants) pass as they are. (B, D) -> (B, F)
    """

    left: torch.Tensor
    size: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    bent: torch.Tensor
    plain: torch.Tensor

    def __init__(self, edges: list[list[float]], embedding: int = 8) -> None:
        super().__init__()
        bent = [column for column, found in enumerate(edges) if len(found) > 2]
        plain = [column for column, found in enumerate(edges) if len(found) <= 2]
        bins = max((len(edges[column]) - 1 for column in bent), default=0)
        self.width = len(plain) + len(bent) * embedding
        left = torch.zeros(len(bent), bins)
        size = torch.ones(len(bent), bins)
        low = torch.zeros(len(bent), bins)  # a bin that a column does not have is held between 0 and 0
        high = torch.zeros(len(bent), bins)
        for place, column in enumerate(bent):
            found = torch.tensor(edges[column], dtype=torch.float32)
            count = len(found) - 1
            left[place, :count] = found[:-1]
            size[place, :count] = found.diff()
            high[place, :count] = 1
            low[place, 0] = -torch.inf
            high[place, count - 1] = torch.inf
        for name, values in (("left", left), ("size", size), ("low", low), ("high", high)):
            self.register_buffer(name, values)  # (D, N)
        self.register_buffer("bent", torch.tensor(bent, dtype=torch.int64))
        self.register_buffer("plain", torch.tensor(plain, dtype=torch.int64))
        self.slope = nn.Parameter(torch.empty(len(bent), embedding).uniform_(-1, 1))
        self.offset = nn.Parameter(torch.empty(len(bent), embedding).uniform_(-1, 1))
        self.weight = nn.Parameter(torch.zeros(len(bent), bins, embedding))  # zero: it starts as the plain linear map
        self.thermometer = Peek()

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        """The thermometers alone: (B, D) -> (B, D, N) for the columns with two bins or more."""
        filled = (rows[:, self.bent, None] - self.left) / self.size  # (B, D, N)
        return self.thermometer(filled.clamp(self.low, self.high))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        if len(self.bent) == 0:
            return rows
        steps = self.encode(rows).transpose(0, 1)  # (D, B, N)
        bends = torch.bmm(steps, self.weight).transpose(0, 1)  # (B, D, E)
        lines = torch.addcmul(self.offset, rows[:, self.bent, None], self.slope)  # (B, D, E)
        return torch.cat([rows[:, self.plain], (lines + bends).flatten(1)], dim=1)  # (B, F)


class MemberLinear(nn.Module):
    """K linear layers that share one weight: member k uses weight * (out_scale_k in_scale_k^T) and its own bias."""

    def __init__(self, members: int, inputs: int, outputs: int, first: str = "") -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound).repeat(members, 1))
        scale = torch.ones(members, inputs)
        if first == "signs":  # only the first adapter differs at the start; the members then drift apart by themselves
            scale = torch.randint(0, 2, (members, inputs)).float() * 2 - 1
        elif first == "normal":
            scale = torch.randn(members, inputs)
        self.in_scale = nn.Parameter(scale)
        self.out_scale = nn.Parameter(torch.ones(members, outputs))

    def member_weights(self) -> torch.Tensor:
        """The weight that each member really uses: (K, I, O)."""
        return self.in_scale[:, :, None] * self.weight * self.out_scale[:, None, :]  # (K, I, O)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, I) shared by all members, or (K, B, I) -> (K, B, O)."""
        if rows.dim() == 2:
            rows = rows.expand(len(self.bias), -1, -1)  # (K, B, I)
        return torch.baddbmm(self.bias[:, None], rows, self.member_weights())  # (K, B, O)


class TabM(nn.Module):
    """(B, D) -> (B, K, outputs): K predictions per row, one of each member.

    `edges` (of `quantile_edges` on the training rows) turns the numerical embeddings on. With `outputs=None` there is
    no head and the features (B, K, F) come out.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int | None,
        members: int = 8,
        hidden: tuple[int, ...] = (128, 128),
        dropout: float = 0.1,
        edges: list[list[float]] | None = None,
        embedding: int = 8,
    ) -> None:
        super().__init__()
        if edges is not None and len(edges) != inputs:
            raise ValueError(f"expected bin edges for {inputs} columns, got them for {len(edges)}.")
        self.embed = PiecewiseLinear(edges, embedding) if edges is not None else nn.Identity()
        width = self.embed.width if isinstance(self.embed, PiecewiseLinear) else inputs
        self.layers = nn.ModuleList()
        self.windows = nn.ModuleList()
        for size in hidden:
            first = "" if len(self.layers) else "signs" if edges is None else "normal"
            self.layers.append(MemberLinear(members, width, size, first))
            self.windows.append(Peek())
            width = size
        self.members = members
        self.width = width
        self.dropout = Dropout(dropout)
        self.head = nn.Identity() if outputs is None else MemberHeads(members, width, outputs)
        self.outputs = Peek()

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        hidden = self.embed(rows)  # (B, I)
        if len(self.layers) == 0:
            return hidden[:, None].expand(-1, self.members, -1)  # (B, K, F)
        for layer, window in zip(self.layers, self.windows):
            hidden = self.dropout(window(torch.relu(layer(hidden))))  # (K, B, I)
        return hidden.transpose(0, 1)  # (B, K, F)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.features(rows)))  # (B, K, outputs)


class MemberHeads(nn.Module):
    """One linear layer for each member, nothing shared: (B, K, F) -> (B, K, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.baddbmm(self.bias, features.transpose(0, 1), self.weight).transpose(0, 1)  # (B, K, outputs)


PIECES = (Peek, Dropout, quantile_edges, PiecewiseLinear, MemberLinear, MemberHeads, TabM)
