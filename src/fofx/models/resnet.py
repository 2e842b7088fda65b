"""ResNet: layers learn what to add to their input, so that a hundred of them still train.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015; the bottleneck's stride sits on its 3x3
convolution (version 1.5). State names are those of torchvision, whose weights load unchanged. `small=True` is the form
for pictures of 8 to 96 pixels: a 3x3 first layer, no max pool, fewer channels.
"""

# B pictures, C channels, H x W pixels, F features

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Without bias, because a normalization follows; padded so that stride 1 keeps the size."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut. (B, C, H, W) -> (B, width, H/stride, W/stride)"""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(convolution(inputs, width, 1, stride), nn.BatchNorm2d(width))
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        shortcut = maps if self.downsample is None else self.downsample(maps)  # (B, width, H, W)
        maps = torch.relu(self.bn1(self.conv1(maps)))  # (B, width, H, W)
        maps = self.bn2(self.conv2(maps))
        return self.seen(torch.relu(maps + shortcut))


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up to four times the width, beside a shortcut. (B, C, H, W) -> (B, 4 width, H, W)"""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        shortcut = maps if self.downsample is None else self.downsample(maps)  # (B, 4 width, H, W)
        maps = torch.relu(self.bn1(self.conv1(maps)))  # (B, width, H, W)
        maps = torch.relu(self.bn2(self.conv2(maps)))  # (B, width, H/stride, W/stride)
        maps = self.bn3(self.conv3(maps))  # (B, 4 width, H, W)
        return self.seen(torch.relu(maps + shortcut))


class ResNet(nn.Module):
    """(B, C, H, W) -> (B, outputs). With `outputs=None` there is no head and the features (B, F) come out.

    `depths` blocks per stage; `kind` is "basic" or "bottleneck"; `widths` channels per stage, by default 64 to 512, and
    32 to 256 when `small`. Small ones start every block as its shortcut (the last normalization's scale is 0), which
    lets them take a larger learning rate; when `size`, the side of the pictures to come, is 64 or more, their first
    convolution takes every second pixel. Small (1, 1, 1, 1) has 1.2 million parameters.
    """

    smallest = 4

    def __init__(
        self,
        outputs: int | None,
        depths: tuple[int, ...] = (1, 1, 1, 1),
        kind: str = "basic",
        channels: int = 3,
        widths: tuple[int, ...] | None = None,
        small: bool = False,
        size: int = 32,
    ) -> None:
        super().__init__()
        kinds: dict[str, type[BasicBlock] | type[Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}
        block = kinds[kind]
        widths = widths or ((32, 64, 128, 256) if small else (64, 128, 256, 512))[: len(depths)]
        if small:
            self.conv1 = convolution(channels, widths[0], 3, stride=2 if size >= 64 else 1)
        else:
            self.conv1 = convolution(channels, widths[0], 7, stride=2)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.seen = Peek()
        inputs = widths[0]
        self.stages = len(depths)
        for number, (depth, width) in enumerate(zip(depths, widths), start=1):
            blocks = nn.Sequential()
            for place in range(depth):
                blocks.append(block(inputs, width, stride=2 if place == 0 and number > 1 else 1))
                inputs = width * block.expansion
            self.add_module(f"layer{number}", blocks)
        self.pooled = Peek()
        self.width = inputs
        self.fc = nn.Identity() if outputs is None else nn.Linear(inputs, outputs)
        self.outputs = Peek()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif small and isinstance(module, (BasicBlock, Bottleneck)):
                nn.init.zeros_((module.bn2 if isinstance(module, BasicBlock) else module.bn3).weight)

    @property
    def head(self) -> nn.Module:
        return self.fc

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = self.seen(torch.relu(self.bn1(self.conv1(pictures))))  # (B, C, H, W)
        maps = self.maxpool(maps)  # (B, C, H, W)
        for number in range(1, self.stages + 1):
            maps = self.get_submodule(f"layer{number}")(maps)  # (B, C, H, W), from the second stage on half as wide
        return self.pooled(maps.mean((2, 3)))  # (B, F)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.fc(self.features(pictures)))  # (B, outputs)


def resnet18(outputs: int | None = 1000, channels: int = 3) -> ResNet:
    return ResNet(outputs, (2, 2, 2, 2), "basic", channels)


def resnet34(outputs: int | None = 1000, channels: int = 3) -> ResNet:
    return ResNet(outputs, (3, 4, 6, 3), "basic", channels)


def resnet50(outputs: int | None = 1000, channels: int = 3) -> ResNet:
    return ResNet(outputs, (3, 4, 6, 3), "bottleneck", channels)


PIECES = (Peek, convolution, BasicBlock, Bottleneck, ResNet)
