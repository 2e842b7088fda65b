"""LeNet-5, the first convolutional network in wide use: it read the digits on bank cheques.

LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998. As is usual today,
every map of the second convolution sees all maps of the first, pooling is a plain mean, and the last layer is linear;
with one channel and ten classes these are 61,706 parameters.
"""

# B pictures, C channels, H x W pixels, F features

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek


class LeNet(nn.Module):
    """(B, C, H, W) -> (B, outputs). With `outputs=None` there is no head and the features (B, 84) come out.

    Made for pictures of 28 pixels (padded by 2, as MNIST) or, with `padding=0`, 32; others are pooled to fit.
    """

    smallest = 12
    width = 84

    def __init__(self, outputs: int | None = 10, channels: int = 1, padding: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=padding)
        self.seen1 = Peek()
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.seen2 = Peek()
        self.fit = nn.AdaptiveAvgPool2d(5)  # changes nothing at 28 (padded) or 32 pixels
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.seen3 = Peek()
        self.fc2 = nn.Linear(120, 84)
        self.seen4 = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(84, outputs)
        self.outputs = Peek()

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = self.seen1(torch.tanh(self.conv1(pictures)))  # (B, 6, H, W)
        maps = nn.functional.avg_pool2d(maps, 2)  # (B, 6, H/2, W/2)
        maps = self.seen2(torch.tanh(self.conv2(maps)))  # (B, 16, H/2 - 4, W/2 - 4)
        maps = self.fit(nn.functional.avg_pool2d(maps, 2))  # (B, 16, 5, 5)
        hidden = self.seen3(torch.tanh(self.fc1(maps.flatten(1))))  # (B, 120)
        return self.seen4(torch.tanh(self.fc2(hidden)))  # (B, 84)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.head(self.features(pictures)))  # (B, outputs)


PIECES = (Peek, LeNet)
