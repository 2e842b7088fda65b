"""A small convolutional network for pictures of 8 to 96 pixels, made for a laptop: fast first, good second.

Stages of 3x3 convolution, batch normalization and ReLU, each followed by a 2x2 max pool, then the mean and the largest
value of every feature map. The mean says how much of a feature there is, the largest whether it is anywhere.
"""

# B pictures, C channels, H x W pixels, F features

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek


class ConvolutionStage(nn.Module):
    """`depth` times convolution, normalization and ReLU, then a window. (B, C, H, W) -> (B, width, H, W)"""

    def __init__(self, channels: int, width: int, depth: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for number in range(1, depth + 1):
            # no bias: the normalization that follows would take it away again
            convolution = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
            self.layers.add_module(f"convolution_{number}", convolution)
            self.layers.add_module(f"norm_{number}", nn.BatchNorm2d(width))
            self.layers.add_module(f"relu_{number}", nn.ReLU())
            channels, stride = width, 1
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.seen(self.layers(maps))  # (B, width, H, W)


class CNN(nn.Module):
    """(B, C, H, W) -> (B, outputs). With `outputs=None` there is no head and the features (B, F) come out.

    `size` is the side in pixels of the pictures to come; from 64 on the first convolution takes every second pixel.
    """

    smallest = 4

    def __init__(
        self,
        outputs: int | None,
        channels: int = 3,
        widths: tuple[int, ...] = (32, 64, 128),
        size: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for number, width in enumerate(widths):
            stride = 2 if number == 0 and size >= 64 else 1
            self.stages.append(ConvolutionStage(channels, width, depth=1 if number == 0 else 2, stride=stride))
            channels = width
        self.width = 2 * channels
        self.pooled = Peek()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Identity() if outputs is None else nn.Linear(self.width, outputs)
        self.outputs = Peek()

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = pictures
        for number, stage in enumerate(self.stages):
            if number > 0 and min(maps.shape[2:]) > 1:
                maps = torch.max_pool2d(maps, 2)  # (B, C, H/2, W/2)
            maps = stage(maps)  # (B, C, H, W)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)  # (B, F)
        return self.pooled(pooled)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.dropout(self.features(pictures))))  # (B, outputs)


PIECES = (Peek, ConvolutionStage, CNN)
