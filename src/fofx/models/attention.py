"""Self-attention: every position asks all others a question and takes the mean of their values, weighted by how well
their keys answer it.

Vaswani and others, "Attention Is All You Need", 2017. The weights (B, heads, T, T) are seen through a window. While
nobody looks, torch's fused `scaled_dot_product_attention` computes the same result without writing them down.
"""

# B sequences, T positions, C channels, N heads, K channels of a head

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.window import Peek


class SelfAttention(nn.Module):
    """(B, T, C) -> (B, T, C). `mask` (B, T) is True at real positions, False at padding that nobody may look at.

    A sequence that is padding throughout looks at its first position, so that its result is finite. There is no dropout
    on the weights: it would draw other random numbers on the fused path, and watching must not change a result.
    """

    def __init__(self, width: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"expected a width that {heads} heads can share evenly, got {width}.")
        self.heads = heads
        self.causal = causal
        self.project = nn.Linear(width, 3 * width)  # queries, keys and values in one product
        self.output = nn.Linear(width, width)
        self.weights = Peek()

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        batch, length, width = tokens.shape
        parts = self.project(tokens).view(batch, length, 3, self.heads, width // self.heads)  # (B, T, 3, N, K)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each (B, N, T, K)
        allowed = self.allowed(length, mask)
        if self.weights.watched:
            mixed = self.visible(queries, keys, values, allowed)  # (B, N, T, K)
        else:
            mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)  # (B, N, T, K)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))  # (B, T, C)

    def visible(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, allowed: torch.Tensor | None
    ) -> torch.Tensor:
        """The definition, written out; the fused path must equal it."""
        scores = queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[-1])  # (B, N, T, T)
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -torch.inf)
        weights = self.weights(scores.softmax(dim=-1))  # (B, N, T, T), rows: who looks, columns: at whom
        return weights @ values  # (B, N, T, K)

    def allowed(self, length: int, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Who may look at whom, as booleans (B or 1, 1, T or 1, T); None when all may look at all."""
        looks = None
        if mask is not None:
            first = torch.arange(length, device=mask.device) == 0
            looks = (mask | (first & ~mask.any(dim=1, keepdim=True)))[:, None, None]  # (B, 1, 1, T)
        if self.causal:
            device = self.output.weight.device
            past = torch.ones(length, length, dtype=torch.bool, device=device).tril()[None, None]  # (1, 1, T, T)
            looks = past if looks is None else looks & past
        return looks


PIECES = (Peek, SelfAttention)
