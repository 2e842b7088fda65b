"""A network that lays pictures out by who is in them: pictures of one person near each other, of different people apart.

Unlike the CNN of cnn.py, which asks whether a feature is anywhere, it keeps a coarse grid of where each feature is: faces
differ in proportions. The grid becomes a point on a sphere, and a picture belongs to the class whose direction is nearest by
angle: cosines in place of the usual scores (NormFace: Wang, Xiang, Cheng, Yuille, "NormFace: L2 Hypersphere Embedding for
Face Verification", 2017). Each picture is first freed of its own brightness, contrast and colour cast.
"""

# B pictures, C channels, H x W pixels, G places along a side of the grid, F features, K classes

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek


class EmbeddingStage(nn.Module):
    """Convolution, normalization, ReLU and a 2x2 max pool, then a window. (B, C, H, W) -> (B, width, H/2, W/2)"""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.norm(self.convolution(maps)))  # (B, width, H, W)
        return self.seen(torch.max_pool2d(maps, 2))  # (B, width, H/2, W/2)


class Directions(nn.Linear):
    """A direction for each class: `scale` times the cosine of the angle to it. (B, F) on the sphere -> (B, K)"""

    def __init__(self, width: int, outputs: int, scale: float) -> None:
        super().__init__(width, outputs, bias=False)
        self.scale = scale

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        directions = nn.functional.normalize(self.weight, dim=1)  # (K, F)
        return self.scale * points @ directions.T  # (B, K)


class Embedding(nn.Module):
    """(B, C, H, W) -> (B, outputs): cosines times `scale`. With `outputs=None` the points on the sphere (B, F) come out."""

    smallest = 8

    def __init__(
        self,
        outputs: int | None,
        channels: int = 3,
        widths: tuple[int, ...] = (24, 48, 96),
        grid: int = 6,
        width: int = 64,
        scale: float = 16.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for deeper in widths:
            self.stages.append(EmbeddingStage(channels, deeper))
            channels = deeper
        self.fit = nn.AdaptiveAvgPool2d(grid)  # changes nothing where the maps have this size
        self.dropout = nn.Dropout(dropout)
        self.place = nn.Linear(channels * grid * grid, width, bias=False)
        self.spread = nn.BatchNorm1d(width)
        self.embedding = Peek()
        self.head = nn.Identity() if outputs is None else Directions(width, outputs, scale)
        self.width = width
        self.outputs = Peek()

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        middle = pictures.mean((2, 3), keepdim=True)  # (B, C, 1, 1)
        contrast = (pictures - middle).square().mean((2, 3), keepdim=True).sqrt()  # (B, C, 1, 1)
        maps = (pictures - middle) / (contrast + 0.1)  # (B, C, H, W)
        for stage in self.stages:
            maps = stage(maps)  # (B, C, H, W)
        maps = self.dropout(self.fit(maps))  # (B, C, G, G)
        points = self.spread(self.place(maps.flatten(1)))  # (B, F)
        return self.embedding(nn.functional.normalize(points, dim=1))  # (B, F) on the sphere

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.features(pictures)))  # (B, outputs)


PIECES = (Peek, EmbeddingStage, Directions, Embedding)
