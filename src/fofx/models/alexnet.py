"""AlexNet: the network that won ImageNet in 2012 and began the deep years.

Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, in the one-tower
form of Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014. State names are those of
torchvision, whose weights load unchanged.
"""

# B pictures, C channels, H x W pixels, F features

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek, windowed


class AlexNet(nn.Module):
    """(B, C, H, W) -> (B, outputs), from 63 pixels on; made for 224.

    With `outputs=None` there is no classifier and the features (B, F) come out, F = 9,216.
    """

    smallest = 63
    width = 256 * 6 * 6

    def __init__(self, outputs: int | None = 1000, channels: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = windowed(
            nn.Conv2d(channels, 64, 11, stride=4, padding=2),  # (B, 64, H/4, W/4)
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),  # (B, 64, H/8, W/8)
            nn.Conv2d(64, 192, 5, padding=2),  # (B, 192, H/8, W/8)
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),  # (B, 192, H/16, W/16)
            nn.Conv2d(192, 384, 3, padding=1),  # (B, 384, H/16, W/16)
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),  # (B, 256, H/16, W/16)
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),  # (B, 256, H/32, W/32)
        )
        self.features.add_module("pool", nn.AdaptiveAvgPool2d(6))  # (B, 256, 6, 6)
        self.features.add_module("flat", nn.Flatten())  # (B, F)
        self.classifier: nn.Module = nn.Identity()
        if outputs is not None:
            self.classifier = windowed(
                nn.Dropout(dropout),
                nn.Linear(self.width, 4096),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(4096, 4096),
                nn.ReLU(),
                nn.Linear(4096, outputs),
            )
        self.outputs = Peek()

    @property
    def head(self) -> nn.Module:
        return self.classifier

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.classifier(self.features(pictures)))  # (B, outputs)


PIECES = (Peek, windowed, AlexNet)
