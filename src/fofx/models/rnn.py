"""Recurrent networks: RNN, LSTM and GRU read a sequence step by step and carry a memory along.

Elman, "Finding Structure in Time", 1990; Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Cho and others,
"Learning Phrase Representations using RNN Encoder-Decoder", 2014. The three cells are written out below. While nobody
looks through the windows of a `Recurrent`, torch's fused kernels do the same work; both use the same weights, under
the names of torch.nn.RNN, LSTM and GRU.
"""

# B sequences, T steps, D inputs, C channels of the memory, S directions (1 or 2)

from __future__ import annotations

import torch
from torch import nn

from fofx.models.dropout import Dropout
from fofx.models.window import Peek


def rnn_cell(inner: torch.Tensor, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor):
    """One step of the plain RNN. `inner` is the input's share, W x + b, computed before. -> hidden, gates"""
    hidden = torch.tanh(inner + hidden @ weight.T + bias)  # (B, C)
    return hidden, hidden


def lstm_cell(inner: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor):
    """One step of the LSTM: forget some of the cell, write something new, show part of it. -> hidden, cell, gates"""
    write, forget, new, show = (inner + hidden @ weight.T + bias).chunk(4, dim=1)  # each (B, C)
    write, forget, new, show = write.sigmoid(), forget.sigmoid(), new.tanh(), show.sigmoid()
    cell = forget * cell + write * new
    hidden = show * cell.tanh()
    return hidden, cell, torch.cat([write, forget, new, show], dim=1)  # (B, C), (B, C), (B, 4C)


def gru_cell(inner: torch.Tensor, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor):
    """One step of the GRU: a candidate made from a reset memory, mixed with the old memory. -> hidden, gates"""
    inner_reset, inner_keep, inner_new = inner.chunk(3, dim=1)  # each (B, C)
    outer_reset, outer_keep, outer_new = (hidden @ weight.T + bias).chunk(3, dim=1)  # each (B, C)
    reset = (inner_reset + outer_reset).sigmoid()
    keep = (inner_keep + outer_keep).sigmoid()
    new = (inner_new + reset * outer_new).tanh()
    hidden = keep * hidden + (1 - keep) * new
    return hidden, torch.cat([reset, keep, new], dim=1)  # (B, C), (B, 3C)


def reverse_within(steps: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Each sequence backwards, its padding left where it is: (B, T, D) -> (B, T, D)."""
    places = torch.arange(steps.shape[1], device=steps.device)
    turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)  # (B, T)
    return steps.gather(1, turned[:, :, None].expand_as(steps))


class Recurrent(nn.Module):
    """(B, T, D) and lengths (B,) -> what the memory shows at every step (B, T, S C), 0 at padding.

    `kind` is "rnn", "lstm" or "gru". Padding stands at the end of a sequence; it changes neither the values nor the
    gradients of the real steps, in either direction. `fast=False` always takes the written-out path.
    """

    def __init__(
        self, inputs: int, width: int, kind: str = "gru", layers: int = 1, both_ways: bool = False, fast: bool = True
    ) -> None:
        super().__init__()
        fused = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
        if kind not in fused:
            raise ValueError(f"expected one of {', '.join(fused)}, got {kind!r}.")
        self.kind = kind
        self.fast = fast
        self.directions = 2 if both_ways else 1
        self.width = width * self.directions
        self.fused = nn.ModuleList()  # one a layer and direction; torch's own stack cannot turn padded sequences round
        for layer in range(layers):
            for _ in range(self.directions):
                self.fused.append(fused[kind](inputs if layer == 0 else self.width, width, batch_first=True))
        self.gates = nn.ModuleList(Peek() for _ in self.fused)
        self.hidden = nn.ModuleList(Peek() for _ in range(layers))

    def forward(self, steps: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        if lengths is None:
            lengths = torch.full(steps.shape[:1], steps.shape[1], device=steps.device)
        real = (torch.arange(steps.shape[1], device=steps.device) < lengths[:, None])[:, :, None]  # (B, T, 1)
        for layer, window in enumerate(self.hidden):
            shown = []
            for direction in range(self.directions):
                number = layer * self.directions + direction
                inputs = reverse_within(steps, lengths) if direction else steps  # (B, T, D)
                states = self.run(number, inputs)  # (B, T, C)
                shown.append(reverse_within(states, lengths) if direction else states)
            steps = window(torch.cat(shown, dim=2) * real)  # (B, T, S C)
        return steps

    def run(self, number: int, steps: torch.Tensor) -> torch.Tensor:
        """One layer in one direction: (B, T, D) -> (B, T, C)."""
        if self.fast and not self.gates[number].watched:
            return self.fused[number](steps)[0]  # (B, T, C)
        return self.visible(number, steps)

    def visible(self, number: int, steps: torch.Tensor) -> torch.Tensor:
        """The definition, step by step; the fused path must equal it."""
        own = dict(self.fused[number].named_parameters())
        weight, bias = own["weight_hh_l0"], own["bias_hh_l0"]
        inner = steps @ own["weight_ih_l0"].T + own["bias_ih_l0"]  # (B, T, C, 3C or 4C)
        hidden = cell = steps.new_zeros(len(steps), weight.shape[1])  # (B, C)
        states, gates = [], []
        for place in range(steps.shape[1]):
            step = (inner[:, place], hidden)
            if self.kind == "lstm":
                hidden, cell, gate = lstm_cell(*step, cell, weight, bias)
            elif self.kind == "gru":
                hidden, gate = gru_cell(*step, weight, bias)
            else:
                hidden, gate = rnn_cell(*step, weight, bias)
            states.append(hidden)
            gates.append(gate)
        self.gates[number](torch.stack(gates, dim=1))  # (B, T, C, 3C or 4C)
        return torch.stack(states, dim=1)  # (B, T, C)


class TextRNN(nn.Module):
    """ids (B, T) int64 and mask (B, T) bool, True at real tokens -> (B, outputs).

    Token embeddings, a `Recurrent`, then the mean and the largest value over the real steps. With `outputs=None` there
    is no head and these (B, 2 C) come out. `features` gives the tokens (B, T, C), 0 at padding.
    """

    def __init__(
        self,
        vocabulary: int,
        outputs: int | None,
        width: int = 128,
        kind: str = "gru",
        layers: int = 1,
        both_ways: bool = True,
        dropout: float = 0.1,
        fast: bool = True,
    ) -> None:
        super().__init__()
        if both_ways and width % 2:
            raise ValueError(f"expected an even width for two directions, got {width}.")
        self.token = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.token.weight, std=0.1)
        self.embedded = Peek()
        self.dropout = Dropout(dropout)
        self.recurrent = Recurrent(width, width // 2 if both_ways else width, kind, layers, both_ways, fast)
        self.width = self.recurrent.width
        self.pooled = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(2 * self.width, outputs)
        self.outputs = Peek()

    def features(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        tokens = self.dropout(self.embedded(self.token(ids)))  # (B, T, C)
        return self.recurrent(tokens, None if mask is None else mask.sum(dim=1))  # (B, T, C)

    def pool(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Mean and largest value over the real steps; 0 for a text without any. (B, T, C) -> (B, 2C)"""
        if mask is None:
            return torch.cat([tokens.mean(dim=1), tokens.amax(dim=1)], dim=1)  # (B, 2C)
        mean = tokens.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (B, C)
        largest = tokens.masked_fill(~mask[:, :, None], -1.0).amax(dim=1)  # (B, C); every state lies above -1
        return torch.cat([mean, largest * mask.any(dim=1, keepdim=True)], dim=1)  # (B, 2C)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        pooled = self.pooled(self.pool(self.features(ids, mask), mask))  # (B, 2C)
        return self.outputs(self.head(self.dropout(pooled)))  # (B, outputs)


PIECES = (Peek, Dropout, rnn_cell, lstm_cell, gru_cell, reverse_within, Recurrent, TextRNN)
