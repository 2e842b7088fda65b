"""A transformer encoder from scratch, small enough to learn from a few thousand texts on a laptop.

Token and position embeddings, then blocks of self-attention and a two-layer perceptron, each behind a layer
normalization and beside a shortcut ("pre-norm": Xiong and others, "On Layer Normalization in the Transformer
Architecture", 2020, which trains without a warm-up that must be tuned).
"""

# B texts, T positions, C channels

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.attention import SelfAttention, attend, real_positions
from fofx.models.dropout import Dropout
from fofx.models.window import Peek


class TransformerBlock(nn.Module):
    """Look at the others, then think alone: (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.dropout = Dropout(dropout)
        self.seen = Peek()

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        tokens = tokens + self.dropout(self.attention(self.norm1(tokens), mask))
        wide = F.gelu(self.widen(self.norm2(tokens)))  # (B, T, 4C)
        return self.seen(tokens + self.dropout(self.narrow(wide)))  # (B, T, C)


class Transformer(nn.Module):
    """ids (B, T) int64 and mask (B, T) bool, True at real tokens -> (B, outputs), from the mean over the real tokens.

    `vocabulary` is the number of token ids, `positions` the longest text in tokens; a longer one is a ValueError. With
    `outputs=None` there is no head and the mean (B, C) comes out. `features` gives the tokens (B, T, C), 0 at padding.
    """

    def __init__(
        self,
        vocabulary: int,
        outputs: int | None,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
        positions: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = width
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(positions, width)
        self.embedded = Peek()
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.pooled = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.outputs = Peek()
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, TransformerBlock):  # so that the sum of many blocks starts no larger than of few
                nn.init.normal_(module.narrow.weight, std=0.02 / math.sqrt(2 * layers))
                nn.init.normal_(module.attention.output.weight, std=0.02 / math.sqrt(2 * layers))

    def features(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        length = ids.shape[1]
        if length > self.position.num_embeddings:
            raise ValueError(f"expected at most {self.position.num_embeddings} tokens in a text, got {length}.")
        tokens = self.embedded(self.token(ids) + self.position.weight[:length])  # (B, T, C)
        tokens = self.dropout(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask)
        tokens = self.norm(tokens)
        return tokens if mask is None else tokens * mask[:, :, None]

    def pool(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The mean over the real tokens; 0 for a text without any. (B, T, C) -> (B, C)"""
        if mask is None:
            return tokens.mean(dim=1)  # (B, C)
        return tokens.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (B, C)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        pooled = self.pooled(self.pool(self.features(ids, mask), mask))  # (B, C)
        return self.outputs(self.head(self.dropout(pooled)))  # (B, outputs)


PIECES = (Peek, Dropout, real_positions, attend, SelfAttention, TransformerBlock, Transformer)
