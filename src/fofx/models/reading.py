"""What stands between stored tensors and a network: bytes of pictures become numbers around 0, token numbers get their mask.

Shapes: B rows, C channels, H x W pixels, T tokens or steps, V variables of series, K outputs or F features.
"""

from __future__ import annotations

import torch
from torch import nn


class Pixels(nn.Module):
    """Bytes (B, C, H, W) to numbers around 0, by the mean and spread of each channel of the training pictures."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, mean: list[float], spread: list[float], model: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("spread", torch.tensor(spread).view(1, -1, 1, 1))
        self.model = model

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        pixels = (pictures.float() / 255 - self.mean) / self.spread
        return self.model(pixels.contiguous(memory_format=torch.channels_last))  # (B, K or F)


class Words(nn.Module):
    """Token numbers (B, T), 0 = padding, to a text model with its mask; columns that are padding everywhere are cut off."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        longest = int((ids != 0).sum(dim=1).max().clamp(min=1))
        ids = ids[:, :longest].long()  # (B, longest)
        return self.model(ids, ids != 0)  # (B, K or F)


class FromLast(nn.Module):
    """Series (B, T, V) measured from their last values, so that a network need not learn at which level they are.

    `follow` has for each of K outputs [variable, gain, shift]: the variable that it goes on with, whose last value, times gain plus
    shift, is added again. These are where learning starts, from "nothing changes"; a series that always comes back to its mean
    is learnt as a gain below that. Where `follow` is empty the model gives features, and the last values come out beside them.
    """

    def __init__(self, follow: list[list[float]], model: nn.Module) -> None:
        super().__init__()
        self.variables = [int(variable) for variable, _, _ in follow]
        if follow:
            self.gain = nn.Parameter(torch.tensor([gain for _, gain, _ in follow]))  # (K,)
            self.shift = nn.Parameter(torch.tensor([shift for _, _, shift in follow]))  # (K,)
            for parameter in model.head.parameters():  # type: ignore[union-attr]
                nn.init.zeros_(parameter)
        self.model = model

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        last = series[:, -1]  # (B, V)
        found = self.model(series - last[:, None])  # (B, K or F)
        if not self.variables:
            return torch.cat([found, last], dim=1)  # (B, F + V)
        return found + last[:, self.variables] * self.gain + self.shift  # (B, K)


class Clips(nn.Module):
    """Bytes of videos (B, F, C, H, W) to numbers around 0, by the mean and spread of each channel of the training frames."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, mean: list[float], spread: list[float], model: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("spread", torch.tensor(spread).view(-1, 1, 1))
        self.model = model

    def forward(self, videos: torch.Tensor) -> torch.Tensor:
        return self.model((videos.float() / 255 - self.mean) / self.spread)  # (B, K or F)


PIECES = (Clips, Pixels, Words, FromLast)
