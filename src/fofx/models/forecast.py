"""Networks over series of numbers: recurrent, attention, and two that are only linear, which are hard to beat.

Zeng and others, "Are Transformers Effective for Time Series Forecasting?", 2023, showed that one linear layer from the past
to the future (`NLinear`, `DLinear`) beats many transformers. Their weights keep the names of the authors' code. `SeriesRNN`
and `SeriesTransformer` read several variables together; they also serve for classes.
"""

# B series, T steps (the past), V variables, C channels, O outputs, H steps ahead, F features

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.attention import SelfAttention, attend, real_positions
from fofx.models.dropout import Dropout
from fofx.models.rnn import Recurrent, gru_cell, lstm_cell, reverse_within, rnn_cell
from fofx.models.transformer import TransformerBlock
from fofx.models.window import Peek


class SeriesRNN(nn.Module):
    """(B, T, V) -> (B, O): the memory after the last step, beside its mean over all steps.

    With `outputs=None` there is no head and these (B, 2C) come out. `kind` is "gru", "lstm" or "rnn".
    """

    def __init__(
        self,
        variables: int,
        outputs: int | None,
        width: int = 64,
        kind: str = "gru",
        layers: int = 1,
        dropout: float = 0.0,
        fast: bool = True,
    ) -> None:
        super().__init__()
        self.recurrent = Recurrent(variables, width, kind, layers, fast=fast)
        self.width = 2 * width
        self.pooled = Peek()
        self.dropout = Dropout(dropout)
        self.head = nn.Identity() if outputs is None else nn.Linear(self.width, outputs)
        self.outputs = Peek()

    def features(self, series: torch.Tensor) -> torch.Tensor:
        memory = self.recurrent(series)  # (B, T, C)
        return self.pooled(torch.cat([memory[:, -1], memory.mean(dim=1)], dim=1))  # (B, 2C)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.dropout(self.features(series))))  # (B, O)


class SeriesTransformer(nn.Module):
    """(B, T, V) -> (B, O): `patch` steps in a row become one token, and tokens look at one another.

    Patches are those of Nie and others, "A Time Series is Worth 64 Words", 2023; with a patch of 1 every step is a token. What is
    left over of T is cut off at its old end. With `outputs=None` the last token beside the mean of all, (B, 2C), comes out.
    A past of another length than `past` is a ValueError.
    """

    def __init__(
        self,
        variables: int,
        outputs: int | None,
        past: int,
        patch: int = 1,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not 1 <= patch <= past:
            raise ValueError(f"expected a patch from 1 to the past of {past}, got {patch}.")
        self.past, self.patch = past, patch
        self.value = nn.Linear(variables * patch, width)
        self.position = nn.Embedding(past // patch, width)
        nn.init.normal_(self.position.weight, std=0.02)
        self.embedded = Peek()
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.width = 2 * width
        self.pooled = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(self.width, outputs)
        self.outputs = Peek()

    def features(self, series: torch.Tensor) -> torch.Tensor:
        batch, length, variables = series.shape
        if length != self.past:
            raise ValueError(f"expected a past of {self.past} steps, got {length}.")
        count = length // self.patch
        steps = series[:, length - count * self.patch :].reshape(
            batch, count, self.patch * variables
        )  # (B, T/patch, ...)
        tokens = self.dropout(self.embedded(self.value(steps) + self.position.weight))  # (B, T/patch, C)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        return self.pooled(torch.cat([tokens[:, -1], tokens.mean(dim=1)], dim=1))  # (B, 2C)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.dropout(self.features(series))))  # (B, O)


def moving_mean(series: torch.Tensor, kernel: int) -> torch.Tensor:
    """The mean over `kernel` steps around each step, the ends repeated outwards: (B, T, V) -> (B, T, V).

    An even kernel reaches one step further back than forward.
    """
    before, after = kernel // 2, (kernel - 1) // 2
    first, last = series[:, :1].expand(-1, before, -1), series[:, -1:].expand(-1, after, -1)
    longer = torch.cat([first, series, last], dim=1).transpose(1, 2)  # (B, V, T + kernel - 1)
    return F.avg_pool1d(longer, kernel, stride=1).transpose(1, 2)  # (B, T, V)


class NLinear(nn.Module):
    """(B, T, V) -> (B, O): one linear layer over the past, measured from its last value, which is added again.

    `targets` are the variables that are forecast, each H = O / len(targets) steps ahead, one after the other. All share one layer
    of T x H weights. With `outputs=None` the past measured from its last value, and that value, come out flat: (B, TV + V).
    """

    def __init__(self, past: int, outputs: int | None, variables: int = 1, targets: tuple[int, ...] = (0,)) -> None:
        super().__init__()
        self.targets = list(targets)
        self.width = past * variables + variables
        self.seen = Peek()
        self.Linear = nn.Identity() if outputs is None else nn.Linear(past, outputs // len(targets))
        self.outputs = Peek()

    @property
    def head(self) -> nn.Module:
        return self.Linear

    def features(self, series: torch.Tensor) -> torch.Tensor:
        last = series[:, -1:]  # (B, 1, V)
        return torch.cat([self.seen(series - last), last], dim=1).flatten(1)  # (B, TV + V)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        if isinstance(self.Linear, nn.Identity):
            return self.outputs(self.features(series))  # (B, TV + V)
        last = series[:, -1:]  # (B, 1, V)
        ahead = self.Linear(self.seen(series - last).transpose(1, 2)) + last.transpose(1, 2)  # (B, V, H)
        return self.outputs(ahead[:, self.targets].flatten(1))  # (B, O)


class DLinear(nn.Module):
    """(B, T, V) -> (B, O): a slow part (moving mean over `kernel` steps) and the rest, a linear layer each, added up.

    `targets` as in `NLinear`. With `outputs=None` both parts come out flat: (B, 2TV).
    """

    def __init__(
        self, past: int, outputs: int | None, variables: int = 1, targets: tuple[int, ...] = (0,), kernel: int = 25
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.targets = list(targets)
        self.width = 2 * past * variables
        self.trend, self.rest = Peek(), Peek()
        self.Linear_Seasonal = nn.Identity() if outputs is None else nn.Linear(past, outputs // len(targets))
        self.Linear_Trend = nn.Identity() if outputs is None else nn.Linear(past, outputs // len(targets))
        self.outputs = Peek()

    @property
    def head(self) -> nn.Module:
        return nn.ModuleList([self.Linear_Seasonal, self.Linear_Trend])

    def parts(self, series: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The slow part and the rest, each (B, T, V)."""
        trend = moving_mean(series, self.kernel)
        return self.trend(trend), self.rest(series - trend)

    def features(self, series: torch.Tensor) -> torch.Tensor:
        return torch.cat(self.parts(series), dim=1).flatten(1)  # (B, 2TV)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        if isinstance(self.Linear_Trend, nn.Identity):
            return self.outputs(self.features(series))  # (B, 2TV)
        trend, rest = self.parts(series)
        ahead = self.Linear_Trend(trend.transpose(1, 2)) + self.Linear_Seasonal(rest.transpose(1, 2))  # (B, V, H)
        return self.outputs(ahead[:, self.targets].flatten(1))  # (B, O)


PIECES = (
    Peek,
    Dropout,
    rnn_cell,
    lstm_cell,
    gru_cell,
    reverse_within,
    Recurrent,
    SeriesRNN,
    real_positions,
    attend,
    SelfAttention,
    TransformerBlock,
    SeriesTransformer,
    moving_mean,
    NLinear,
    DLinear,
)
