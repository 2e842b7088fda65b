"""Two encoders for sound, over the frames of its spectrogram: a small convolutional network and a small transformer.

The convolutional one looks at time and pitch as at a picture, keeps apart where on the pitch axis something was found, and
sums time up by mean and spread ("statistics pooling": D. Snyder and others, "X-vectors", 2018): who speaks shows in how
the frames are spread, whatever is said. The transformer is made as Whisper's encoder (A. Radford and others, "Robust Speech
Recognition via Large-Scale Weak Supervision", 2022): two convolutions over time, fixed positions, blocks, a mean.

A mask says which frames are real; what follows them changes nothing.
"""

# B sounds, T frames, M bands, C channels, E channels of a summed-up frame

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.attention import SelfAttention, attend, real_positions
from fofx.models.dropout import Dropout
from fofx.models.transformer import TransformerBlock
from fofx.models.window import Peek

LOW = math.log(1e-6)
STEP = 0.0875
"""Frames are stored as bytes: 1 is silence (`LOW`, in natural logarithms of power), each further one `STEP` more; 0 is padding."""


class HeardFrames(nn.Module):
    """Bytes (B, T, M), 0 = padding, to an encoder of frames: around 0 by each band's mean and spread, with their mask.

    Frames that are padding in the whole batch are cut off.
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, mean: list[float], spread: list[float], model: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("spread", torch.tensor(spread))
        self.model = model

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        mask = codes[:, :, 0] != 0  # (B, T)
        longest = int(mask.sum(dim=1).max().clamp(min=1))
        frames = (codes[:, :longest].float() - self.mean) / self.spread  # (B, longest, M)
        return self.model(frames, mask[:, :longest])  # (B, K or F)


class FrameStage(nn.Module):
    """`depth` times convolution, normalization and ReLU, then a window: (B, C, T, M) -> (B, width, T, M).

    After each of them the padding is set back to 0, so that no frame sees what was made of it.
    """

    def __init__(self, channels: int, width: int, depth: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        for _ in range(depth):
            # no bias: the normalization that follows would take it away again
            self.convolutions.append(nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False))
            self.norms.append(nn.BatchNorm2d(width))
            channels, stride = width, 1
        self.seen = Peek()

    def forward(self, maps: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        for convolution, norm in zip(self.convolutions, self.norms):
            maps = F.relu(norm(convolution(maps)))  # (B, width, T, M)
            maps = maps if mask is None else maps * mask[:, None, :, None]
        return self.seen(maps)


def mean_and_spread(steps: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Mean and standard deviation over the real steps: (B, T, E) -> (B, 2E). A sound without any counts as one step of 0."""
    if mask is None:
        mask = torch.ones(steps.shape[:2], dtype=torch.bool, device=steps.device)
    real = mask[:, :, None].to(steps)  # (B, T, 1)
    count = real.sum(dim=1).clamp(min=1)  # (B, 1)
    mean = (steps * real).sum(dim=1) / count  # (B, E)
    variance = ((steps - mean[:, None]).square() * real).sum(dim=1) / count
    return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)  # (B, 2E)


class SpectrogramCNN(nn.Module):
    """Frames (B, T, M) and mask (B, T) bool, True at real ones -> (B, outputs).

    Stages of 3x3 convolutions, the first with a stride of 2, each later one behind a 2x2 max pool; then one linear layer
    over all channels and pitches of a step, and mean and spread over the steps. With `outputs=None` there is no head
    and these features (B, F) come out, F = 2 E. `bands` is M.
    """

    def __init__(
        self,
        outputs: int | None,
        bands: int = 64,
        widths: tuple[int, ...] = (32, 64, 128),
        summed: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels, high = 1, bands
        for number, width in enumerate(widths):
            first = number == 0
            self.stages.append(FrameStage(channels, width, depth=1 if first else 2, stride=2 if first else 1))
            channels, high = width, (high + 1) // 2
        self.sum_up = nn.Linear(channels * high, summed)
        self.summed = Peek()
        self.width = 2 * summed
        self.pooled = Peek()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Identity() if outputs is None else nn.Linear(self.width, outputs)
        self.outputs = Peek()

    def steps(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What was found at each step of about 80 ms, (B, T', E), and which steps are real, (B, T')."""
        maps = frames[:, None]  # (B, 1, T, M)
        maps = maps if mask is None else maps * mask[:, None, :, None]
        for number, stage in enumerate(self.stages):
            if number > 0:
                maps = F.max_pool2d(maps, 2, ceil_mode=True)  # (B, C, T/2, M/2)
            mask = None if mask is None else mask[:, ::2]
            maps = stage(maps, mask)  # (B, C, T', M')
        rows = maps.transpose(1, 2).flatten(2)  # (B, T', C * M')
        return self.summed(F.relu(self.sum_up(rows))), mask

    def features(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.pooled(mean_and_spread(*self.steps(frames, mask)))  # (B, 2E)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.outputs(self.head(self.dropout(self.features(frames, mask))))  # (B, outputs)


def sinusoids(length: int, width: int) -> torch.Tensor:
    """Positions as waves of ever longer periods: (length, width), first all sines, then all cosines."""
    half = width // 2
    slower = torch.exp(-math.log(10_000) / max(half - 1, 1) * torch.arange(half))  # (half,)
    turned = torch.arange(length)[:, None] * slower  # (length, half)
    return torch.cat([turned.sin(), turned.cos()], dim=1)  # (length, width)


class SpectrogramTransformer(nn.Module):
    """Frames (B, T, M) and mask (B, T) bool, True at real ones -> (B, outputs), from the mean over the real steps.

    The second convolution takes every second frame, so attention sees steps of 20 ms. With `outputs=None` there is no head
    and the mean (B, C) comes out. `features` gives the steps (B, T', C), 0 at padding, T' = T / 2 rounded up.
    """

    def __init__(
        self,
        outputs: int | None,
        bands: int = 64,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = width
        self.conv1 = nn.Conv1d(bands, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.embedded = Peek()
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.pooled = Peek()
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.outputs = Peek()

    def features(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        frames = frames if mask is None else frames * mask[:, :, None]
        near = F.gelu(self.conv1(frames.transpose(1, 2)))  # (B, C, T)
        near = near if mask is None else near * mask[:, None]
        steps = F.gelu(self.conv2(near)).transpose(1, 2)  # (B, T', C)
        steps = self.dropout(self.embedded(steps + sinusoids(steps.shape[1], self.width).to(steps)))
        mask = None if mask is None else mask[:, ::2]  # (B, T')
        for block in self.blocks:
            steps = block(steps, mask)
        steps = self.norm(steps)
        return steps if mask is None else steps * mask[:, :, None]

    def pool(self, steps: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The mean over the real steps; 0 for a sound without any. `mask` (B, T) is that of the frames. -> (B, C)"""
        if mask is None:
            return steps.mean(dim=1)  # (B, C)
        return steps.sum(dim=1) / mask[:, ::2].sum(dim=1, keepdim=True).clamp(min=1)  # (B, C)

    def forward(self, frames: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        pooled = self.pooled(self.pool(self.features(frames, mask), mask))  # (B, C)
        return self.outputs(self.head(self.dropout(pooled)))  # (B, outputs)


PIECES = (
    Peek,
    Dropout,
    real_positions,
    attend,
    SelfAttention,
    TransformerBlock,
    HeardFrames,
    FrameStage,
    mean_and_spread,
    SpectrogramCNN,
    sinusoids,
    SpectrogramTransformer,
)
