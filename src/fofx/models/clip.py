"""CLIP: pictures and texts in one space, where a picture lies near the text that belongs to it.

Radford and others, "Learning Transferable Visual Models From Natural Language Supervision", 2021. `CLIP` is the paper's
network, a ViT beside a text transformer that looks back only, with the state names of Hugging Face's CLIPModel. Its loss,
and the same idea for small tasks with other encoders, are in `towers`.
"""

# B pictures or texts, c colours, H x W pixels, T tokens or patches, C channels, N heads, K of a head, E the shared space

from __future__ import annotations

import math

import torch
from torch import nn

from fofx.models.attention import attend
from fofx.models.siamese import unit
from fofx.models.window import Peek


class CLIPAttention(nn.Module):
    """(B, T, C) -> (B, T, C); `allowed` is True where a position may look, as in `attend`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.weights = Peek()

    def forward(self, tokens: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        parts = [part(tokens).unflatten(2, (self.heads, -1)) for part in (self.q_proj, self.k_proj, self.v_proj)]
        queries, keys, values = (part.transpose(1, 2) for part in parts)  # each (B, N, T, K)
        mixed = attend(queries, keys, values, allowed, self.weights)  # (B, N, T, K)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, T, C)


class CLIPLayer(nn.Module):
    """Look at the others, then think alone: (B, T, C) -> (B, T, C). Its GELU is the quick one, x * sigmoid(1.702 x)."""

    def __init__(self, width: int, heads: int, wide: int, depth: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = CLIPAttention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width)
        widen, narrow = nn.Linear(width, wide), nn.Linear(wide, width)
        self.mlp = nn.ModuleDict({"fc1": widen, "fc2": narrow})
        self.seen = Peek()
        # The paper's start: what is added to the shortcut is smaller the more layers add to it.
        inner = width**-0.5 * (2 * depth) ** -0.5
        for layer in (self.self_attn.q_proj, self.self_attn.k_proj, self.self_attn.v_proj, narrow):
            nn.init.normal_(layer.weight, std=inner)
        nn.init.normal_(self.self_attn.out_proj.weight, std=width**-0.5)
        nn.init.normal_(widen.weight, std=(2 * width) ** -0.5)

    def forward(self, tokens: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        tokens = tokens + self.self_attn(self.layer_norm1(tokens), allowed)
        wide = self.mlp["fc1"](self.layer_norm2(tokens))  # (B, T, wide)
        return self.seen(tokens + self.mlp["fc2"](wide * torch.sigmoid(1.702 * wide)))  # (B, T, C)


class CLIPText(nn.Module):
    """ids (B, T) int64 and mask (B, T) bool, True at real tokens -> (B, C), from the first token `end` of each text.

    Every token looks at itself and back. A text without `end` is read at its first token, as the reference does; with
    `end=None` it is read at its highest number, where the paper's vocabulary has the end of a text.
    """

    def __init__(
        self, vocabulary: int, width: int, layers: int, heads: int, positions: int, end: int | None = None
    ) -> None:
        super().__init__()
        self.width = width
        self.end = end
        self.positions = positions
        words, places = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        self.embeddings = nn.ModuleDict({"token_embedding": words, "position_embedding": places})
        blocks = nn.ModuleList(CLIPLayer(width, heads, 4 * width, layers) for _ in range(layers))
        self.encoder = nn.ModuleDict({"layers": blocks})
        self.final_layer_norm = nn.LayerNorm(width)
        self.pooled = Peek()
        for embedding in (words, places):
            nn.init.normal_(embedding.weight, std=0.02)

    def features(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The tokens (B, T, C)."""
        length = ids.shape[1]
        if length > self.positions:
            raise ValueError(f"expected at most {self.positions} tokens in a text, got {length}.")
        places = torch.arange(length, device=ids.device)
        tokens = self.embeddings["token_embedding"](ids) + self.embeddings["position_embedding"](places)  # (B, T, C)
        back = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()[None, None]  # (1, 1, T, T)
        if mask is not None:
            # Everybody may look at himself, or a text that begins with padding would not be finite.
            back = back & (mask[:, None, None] | torch.eye(length, dtype=torch.bool, device=ids.device))
        for layer in self.encoder["layers"].children():
            tokens = layer(tokens, back)
        return self.final_layer_norm(tokens)  # (B, T, C)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        places = (ids if self.end is None else (ids == self.end).int()).argmax(dim=1)  # (B,)
        return self.pooled(self.features(ids, mask)[torch.arange(len(ids), device=ids.device), places])  # (B, C)


class CLIPPatches(nn.Module):
    """Patches and a class token, each with its place: (B, c, size, size) -> (B, T, C)."""

    def __init__(self, channels: int, size: int, patch: int, width: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        self.patch_embedding = nn.Conv2d(channels, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((size // patch) ** 2 + 1, width)
        nn.init.normal_(self.patch_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding.weight, std=0.02)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embedding(pictures).flatten(2).transpose(1, 2)  # (B, T - 1, C)
        tokens = torch.cat([self.class_embedding.expand(len(patches), 1, -1), patches], dim=1)  # (B, T, C)
        return tokens + self.position_embedding.weight


class CLIPVision(nn.Module):
    """(B, c, size, size) -> (B, C), from the class token. Another size is a ValueError."""

    def __init__(self, channels: int, size: int, patch: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.size = size
        self.width = width
        self.embeddings = CLIPPatches(channels, size, patch, width)
        self.pre_layrnorm = nn.LayerNorm(width)  # the reference spells it so
        blocks = nn.ModuleList(CLIPLayer(width, heads, 4 * width, layers) for _ in range(layers))
        self.encoder = nn.ModuleDict({"layers": blocks})
        self.post_layernorm = nn.LayerNorm(width)
        self.pooled = Peek()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        if pictures.shape[2:] != (self.size, self.size):
            came = "x".join(map(str, pictures.shape[2:]))
            raise ValueError(f"expected pictures of {self.size}x{self.size} pixels, got {came}.")
        tokens = self.pre_layrnorm(self.embeddings(pictures))  # (B, T, C)
        for layer in self.encoder["layers"].children():
            tokens = layer(tokens, None)
        return self.pooled(self.post_layernorm(tokens[:, 0]))  # (B, C)


class CLIP(nn.Module):
    """pictures (P, c, size, size), ids (B, T), mask (B, T) -> scores (P, B): the cosine of each picture and each text,
    times the learnt temperature. The defaults are those of CLIP ViT-B/32.
    """

    def __init__(
        self,
        vocabulary: int = 49408,
        positions: int = 77,
        end: int | None = 49407,
        size: int = 224,
        patch: int = 32,
        channels: int = 3,
        widths: tuple[int, int] = (768, 512),
        layers: tuple[int, int] = (12, 12),
        heads: tuple[int, int] = (12, 8),
        shared: int = 512,
    ) -> None:
        super().__init__()
        self.text_model = CLIPText(vocabulary, widths[1], layers[1], heads[1], positions, end)
        self.vision_model = CLIPVision(channels, size, patch, widths[0], layers[0], heads[0])
        self.visual_projection = nn.Linear(widths[0], shared, bias=False)
        self.text_projection = nn.Linear(widths[1], shared, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        nn.init.normal_(self.visual_projection.weight, std=widths[0] ** -0.5)
        nn.init.normal_(self.text_projection.weight, std=widths[1] ** -0.5)
        self.pictures, self.texts, self.scores = Peek(), Peek(), Peek()

    def forward(self, pictures: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        seen = self.pictures(unit(self.visual_projection(self.vision_model(pictures))))  # (P, E)
        read = self.texts(unit(self.text_projection(self.text_model(ids, mask))))  # (B, E)
        return self.scores(self.logit_scale.exp() * seen @ read.T)  # (P, B)


PIECES = (Peek, attend, unit, CLIPAttention, CLIPLayer, CLIPText, CLIPPatches, CLIPVision, CLIP)
