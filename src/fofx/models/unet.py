"""U-Net (Ronneberger, Fischer, Brox, 2015): a class for every pixel of a picture, small enough to learn on a laptop.

Down: stages of 3x3 convolutions, each at half the size of the one before, so that the lowest sees far and coarsely. Up:
an "up-convolution" doubles the size, the map of the same size from the way down is laid beside it (the skip: where things
are, exactly), and a stage reads both. As usual today, and unlike the paper, convolutions are padded, so that a map comes
out as large as the picture went in, and every one of them is followed by batch normalization.
"""

# B pictures, C channels, H x W pixels, K classes, L levels; level 0 is the finest

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.cnn import ConvolutionStage
from fofx.models.window import Peek


class UNet(nn.Module):
    """(B, C, H, W) -> (B, outputs, H, W): for any H and W, one score a class and pixel.

    `widths` are the channels of the L levels, `depth` the convolutions of a stage. `stride` 2 takes every second pixel from
    the start and doubles the scores at the end: four times as fast, and blind to what is thinner than two pixels. With
    `outputs=None` there is no head, and the maps (B, widths[0], H / stride, W / stride) come out.
    """

    def __init__(
        self,
        outputs: int | None,
        channels: int = 3,
        widths: tuple[int, ...] = (8, 16, 32, 64, 128),
        depth: int = 2,
        stride: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stride, self.width = stride, widths[0]
        self.down, self.enlarge, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            self.down.append(ConvolutionStage(channels, width, depth, stride=stride if level == 0 else 1))
            channels = width
        for width in reversed(widths[:-1]):
            self.enlarge.append(nn.ConvTranspose2d(channels, width, 2, stride=2))
            self.up.append(ConvolutionStage(2 * width, width, depth))
            channels = width
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Identity() if outputs is None else nn.Conv2d(channels, outputs, 1)
        self.outputs = Peek()

    @property
    def step(self) -> int:
        """Height and width are padded to a multiple of this, so that every level halves without a rest."""
        return self.stride * 2 ** len(self.enlarge)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), sides multiples of `step`, -> (B, widths[0], H / stride, W / stride)"""
        maps, skips = pictures, []
        for level, stage in enumerate(self.down):
            if level > 0:
                maps = torch.max_pool2d(maps, 2)  # (B, widths[level - 1], h / 2, w / 2)
            maps = stage(maps)  # (B, widths[level], h, w)
            skips.append(maps)
        maps = self.dropout(skips.pop())  # (B, widths[-1], h, w)
        for enlarge, stage in zip(self.enlarge, self.up):
            skip = skips.pop()  # (B, width, 2h, 2w)
            maps = stage(torch.cat([skip, enlarge(maps)], dim=1))  # (B, width, 2h, 2w)
        return maps

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        height, width = pictures.shape[2:]
        below, right = -height % self.step, -width % self.step
        if below or right:  # repeated edges disturb less than a black border
            pictures = F.pad(pictures, (0, right, 0, below), mode="replicate")
        scores = self.head(self.features(pictures))  # (B, K, H / stride, W / stride), padded
        if self.stride > 1 and not isinstance(self.head, nn.Identity):
            scores = F.interpolate(scores, scale_factor=self.stride, mode="bilinear", align_corners=False)
            return self.outputs(scores[:, :, :height, :width])  # (B, K, H, W)
        height, width = -(-height // self.stride), -(-width // self.stride)
        return self.outputs(scores[:, :, :height, :width])  # (B, K, H, W) or (B, widths[0], H / stride, W / stride)


PIECES = (Peek, ConvolutionStage, UNet)
