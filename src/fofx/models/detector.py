"""A small object detector without anchor boxes: one map of cells, and in each cell what object is there and where its box is.

In the manner of FCOS (Tian and others 2019), cut down for a laptop and pictures of 64 to 320 pixels: stages of 3x3
convolutions that halve the picture, the deepest brought back to the map's size and added (as in a feature pyramid, Lin and
others 2017, of which only one level is kept), and a head of few layers. A cell stands for `stride` x `stride` pixels.
"""

# B pictures, C channels, H x W pixels, h x w cells, K classes

from __future__ import annotations

import math

import torch
from torch import nn

from fofx.models.window import Peek


class DetectorBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; it begins as the shortcut alone. (B, C, H, W) -> (B, C, H, W)"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm2.weight)
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.norm1(self.conv1(maps)))  # (B, C, H, W)
        return self.seen(torch.relu(maps + self.norm2(self.conv2(inner))))


class Detector(nn.Module):
    """(B, C, H, W) -> (B, outputs, h, w): K = outputs - 5 class scores of each cell, four numbers of a box, and its fit.

    `stride` (4, 8 or 16) pixels are the side of a cell; h and w are H / stride and W / stride, rounded up. A class score begins
    at the probability 0.01, because nearly every cell holds nothing.
    """

    smallest = 16

    def __init__(
        self,
        outputs: int,
        channels: int = 3,
        widths: tuple[int, ...] = (16, 32, 64, 96),
        stride: int = 8,
        width: int = 64,
    ) -> None:
        super().__init__()
        possible = [2 ** (number + 1) for number in range(1, len(widths))]
        if stride not in possible:
            raise ValueError(f"expected a stride of {', '.join(map(str, possible))} pixels; got {stride}.")
        self.level = possible.index(stride) + 1  # the stage whose maps have this stride
        self.stages = nn.ModuleList()
        for number, wide in enumerate(widths):
            stage = nn.Sequential()
            stage.add_module("down", nn.Conv2d(channels, wide, 3, stride=2, padding=1, bias=False))
            stage.add_module("norm", nn.BatchNorm2d(wide))
            stage.add_module("relu", nn.ReLU())
            if number > 0:
                stage.add_module("block", DetectorBlock(wide))
            self.stages.append(stage)
            channels = wide
        self.across = nn.ModuleList([nn.Conv2d(wide, width, 1, bias=False) for wide in widths[self.level :]])
        self.norm = nn.BatchNorm2d(width)
        self.mixed = Peek()
        self.head = nn.Sequential()
        self.head.add_module("conv", nn.Conv2d(width, width, 3, padding=1, bias=False))
        self.head.add_module("norm", nn.BatchNorm2d(width))
        self.head.add_module("relu", nn.ReLU())
        last = nn.Conv2d(width, outputs, 1)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        nn.init.constant_(last.bias[: outputs - 5], -math.log(99))  # type: ignore[index]  # sigmoid of it is 0.01
        self.head.add_module("last", last)
        self.outputs = Peek()

    def maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the head reads: (B, C, H, W) -> (B, width, h, w)."""
        found = []
        maps = pictures
        for stage in self.stages:
            maps = stage(maps)  # (B, C, H/2, W/2), then H/4 ...
            found.append(maps)
        mixed = self.across[-1](found[-1])  # (B, width, H/16, W/16)
        for number in range(len(self.across) - 2, -1, -1):
            finer = self.across[number](found[self.level + number])  # (B, width, 2 h, 2 w)
            mixed = finer + nn.functional.interpolate(mixed, size=finer.shape[2:])  # (B, width, 2 h, 2 w)
        return self.mixed(torch.relu(self.norm(mixed)))  # (B, width, h, w)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.maps(pictures)))  # (B, outputs, h, w)


PIECES = (Peek, DetectorBlock, Detector)
