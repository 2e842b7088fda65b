"""ViT: a picture as a sentence, its words the patches.

Dosovitskiy and others, "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", 2020. State names
are those of torchvision's VisionTransformer, whose weights load unchanged. On small data it needs help (augmentation,
long training): it has to learn from examples what a convolution knows from the start.
"""

# B pictures, c colours, H x W pixels, P side of a patch, T patches and a class token, C channels, N heads, K of a head

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.attention import attend
from fofx.models.window import Peek


class ViTAttention(nn.Module):
    """Self-attention under the names of torch.nn.MultiheadAttention: (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.weights = Peek()
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        batch, length, width = tokens.shape
        parts = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)  # (B, T, 3C)
        parts = parts.view(batch, length, 3, self.heads, width // self.heads)  # (B, T, 3, N, K)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each (B, N, T, K)
        mixed = attend(queries, keys, values, None, self.weights)  # (B, N, T, K)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))  # (B, T, C)


class ViTBlock(nn.Module):
    """Look at the other patches, then think alone: (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, heads: int, wide: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = ViTAttention(width, heads)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, wide), nn.GELU(), nn.Dropout(dropout), nn.Linear(wide, width), nn.Dropout(dropout)
        )
        self.seen = Peek()
        for place in (0, 3):
            nn.init.xavier_uniform_(self.mlp.get_submodule(str(place)).weight)  # type: ignore[arg-type]
            nn.init.normal_(self.mlp.get_submodule(str(place)).bias, std=1e-6)  # type: ignore[arg-type]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.dropout(self.self_attention(self.ln_1(tokens)))
        return self.seen(tokens + self.mlp(self.ln_2(tokens)))


class ViTEncoder(nn.Module):
    """Where each patch was, then the blocks: (B, T, C) -> (B, T, C)."""

    def __init__(self, length: int, width: int, layers: int, heads: int, wide: int, dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, length, width).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for number in range(layers):
            self.layers.add_module(f"encoder_layer_{number}", ViTBlock(width, heads, wide, dropout))
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.ln(self.layers(self.dropout(tokens + self.pos_embedding)))


class ViT(nn.Module):
    """(B, c, size, size) -> (B, outputs), from the class token. Other sizes, or a size that patches do not fill, are a
    ValueError. With `outputs=None` there is no head and the features (B, C) come out.

    ViT-B/16 of the paper: ViT(1000, size=224, patch=16, width=768, layers=12, heads=12). The defaults fit small
    pictures: 0.8 million parameters.
    """

    def __init__(
        self,
        outputs: int | None,
        channels: int = 3,
        size: int = 32,
        patch: int = 4,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if size % patch or width % heads:
            raise ValueError(
                f"expected a size that patches of {patch} fill and a width that {heads} heads share evenly, "
                f"got size {size} and width {width}."
            )
        self.size = size
        self.width = width
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.conv_proj = nn.Conv2d(channels, width, patch, stride=patch)
        self.encoder = ViTEncoder((size // patch) ** 2 + 1, width, layers, heads, 4 * width, dropout)
        self.pooled = Peek()
        self.heads = nn.Sequential()
        if outputs is not None:
            self.heads.add_module("head", nn.Linear(width, outputs))
        self.outputs = Peek()
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (channels * patch * patch)))
        nn.init.zeros_(self.conv_proj.bias)  # type: ignore[arg-type]

    @property
    def head(self) -> nn.Module:
        return self.heads

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        if pictures.shape[2:] != (self.size, self.size):
            came = "x".join(map(str, pictures.shape[2:]))
            raise ValueError(f"expected pictures of {self.size}x{self.size} pixels, got {came}.")
        patches = self.conv_proj(pictures).flatten(2).transpose(1, 2)  # (B, T - 1, C)
        tokens = torch.cat([self.class_token.expand(len(patches), -1, -1), patches], dim=1)  # (B, T, C)
        return self.pooled(self.encoder(tokens)[:, 0])  # (B, C)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.heads(self.features(pictures)))  # (B, outputs)


PIECES = (Peek, attend, ViTAttention, ViTBlock, ViTEncoder, ViT)
