"""VGG: nothing but 3x3 convolutions, and many of them.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014. State names are those
of torchvision (with and without batch normalization), whose weights load unchanged.
"""

# B pictures, C channels, H x W pixels, F features

from __future__ import annotations

import torch
from torch import nn

from fofx.models.window import Peek, windowed


class VGG(nn.Module):
    """(B, C, H, W) -> (B, outputs), from 32 pixels on; made for 224.

    `depth` counts the layers with weights: 11, 13, 16 or 19; `norm` adds batch normalization. With `outputs=None` there
    is no classifier and the features (B, F) come out, F = 25,088.
    """

    smallest = 32
    width = 512 * 7 * 7

    def __init__(
        self,
        outputs: int | None = 1000,
        depth: int = 11,
        norm: bool = False,
        channels: int = 3,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        repeats = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
        if depth not in repeats:
            raise ValueError(f"expected a depth of 11, 13, 16 or 19, got {depth}.")
        layers: list[nn.Module] = []
        for width, repeat in zip((64, 128, 256, 512, 512), repeats[depth]):
            for _ in range(repeat):
                layers.append(nn.Conv2d(channels, width, 3, padding=1))  # (B, width, H, W)
                if norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))  # (B, width, H/2, W/2)
        self.features = windowed(*layers)
        self.features.add_module("pool", nn.AdaptiveAvgPool2d(7))  # (B, 512, 7, 7)
        self.features.add_module("flat", nn.Flatten())  # (B, F)
        self.classifier: nn.Module = nn.Identity()
        if outputs is not None:
            self.classifier = windowed(
                nn.Linear(self.width, 4096),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(4096, 4096),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(4096, outputs),
            )
        self.outputs = Peek()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    @property
    def head(self) -> nn.Module:
        return self.classifier

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.classifier(self.features(pictures)))  # (B, outputs)


PIECES = (Peek, windowed, VGG)
