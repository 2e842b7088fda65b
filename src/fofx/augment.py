"""Picture augmentation: new pictures from old ones, a whole batch at a time, so that the network sees none twice.

Every picture is turned a little, scaled, shifted and made brighter or darker, and colour pictures may be mirrored (digits and
letters must not be). Draws from torch's global generator only. Shapes: B pictures, C channels, H x W pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def augment(
    pictures: torch.Tensor,
    turn: float = 10.0,
    zoom: float = 0.12,
    shift: float = 0.08,
    light: float = 0.2,
    mirror: bool = True,
) -> torch.Tensor:
    """Bytes or floats (B, C, H, W) in 0..255 to floats in 0..255 of the same shape.

    `turn` degrees, `zoom` and `shift` as shares of the side, `light` as a share of brightness and contrast: each is the
    largest change to either side, drawn evenly for each picture.
    """
    count = len(pictures)
    draws = torch.rand(count, 6) * 2 - 1  # (B, 6), each from -1 to 1
    angle = draws[:, 0] * turn * math.pi / 180
    size = 1 + draws[:, 1] * zoom
    flip = torch.where(draws[:, 5] > 0, 1.0, -1.0) if mirror else torch.ones(count)
    cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
    moves = torch.stack(
        [
            torch.stack([cosine * flip, -sine, draws[:, 2] * shift * 2], dim=1),
            torch.stack([sine * flip, cosine, draws[:, 3] * shift * 2], dim=1),
        ],
        dim=1,
    )  # (B, 2, 3)
    pixels = pictures.float()
    places = F.affine_grid(moves.to(pixels), list(pixels.shape), align_corners=False)  # (B, H, W, 2)
    moved = F.grid_sample(pixels, places, padding_mode="border", align_corners=False)  # (B, C, H, W)
    gain = (1 + draws[:, 4] * light).to(moved).view(-1, 1, 1, 1)
    middle = moved.mean(dim=(1, 2, 3), keepdim=True)
    return ((moved - middle) * gain + middle * gain.sqrt()).clamp(0, 255)


def augment_videos(videos: torch.Tensor) -> torch.Tensor:
    """Every frame of a video changed in the same way, and none mirrored, because left and right may be the answer.

    Bytes or floats (B, F, C, H, W) in 0..255 to floats of the same shape.
    """
    flat = augment(videos.flatten(1, 2), turn=6.0, mirror=False)  # (B, F C, H, W)
    return flat.unflatten(1, videos.shape[1:3])


PIECES = (augment, augment_videos)
