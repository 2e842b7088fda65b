"""Self-attention: every position asks all others a question and takes the mean of their values, weighted by how well
their keys answer it.

Vaswani and others, "Attention Is All You Need", 2017. The weights (B, N, T, T) are seen through a window. While nobody
looks, torch's fused `scaled_dot_product_attention` computes the same result without writing them down.
"""

# B sequences, T positions, C channels, N heads, K channels of a head

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.window import Peek


def real_positions(mask: torch.Tensor | None) -> torch.Tensor | None:
    """Whom everybody may look at, from `mask` (B, T), True at real positions: (B, 1, 1, T).

    A sequence that is padding throughout may look at its first position, or its result would not be finite.
    """
    if mask is None:
        return None
    first = torch.arange(mask.shape[1], device=mask.device) == 0
    return (mask | (first & ~mask.any(dim=1, keepdim=True)))[:, None, None]  # (B, 1, 1, T)


def attend(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, allowed: torch.Tensor | None, window: Peek
) -> torch.Tensor:
    """Each (B, N, T, K) -> (B, N, T, K); `allowed` is True where a row may look at a column, (B, 1, 1 or T, T).

    No dropout on the weights: it would draw other random numbers on the fused path, and watching must change nothing.
    """
    if not window.watched:
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
    scores = queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[-1])  # (B, N, T, T)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    weights = window(scores.softmax(dim=-1))  # (B, N, T, T), rows: who looks, columns: at whom
    return weights @ values  # (B, N, T, K)


class SelfAttention(nn.Module):
    """(B, T, C) -> (B, T, C). `mask` (B, T) is True at real positions, False at padding that nobody may look at.

    `causal` lets every position look only at itself and what came before.
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
        allowed = real_positions(mask)  # (B, 1, 1, T)
        if self.causal:
            past = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()[None, None]  # (1, 1, T, T)
            allowed = past if allowed is None else allowed & past  # (B, 1, T, T)
        mixed = attend(queries, keys, values, allowed, self.weights)  # (B, N, T, K)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))  # (B, T, C)


PIECES = (Peek, real_positions, attend, SelfAttention)
