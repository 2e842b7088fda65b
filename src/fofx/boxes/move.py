"""Augmentation of pictures and their boxes together: mirrored, shifted, scaled and made brighter or darker, a batch at a time.

Draws from torch's global generator only. Shapes: B pictures, C channels, H x W pixels, M right boxes of a picture (padded): class,
left, top, right, bottom as shares of the picture's sides; a class of -1 is padding, -2 a region that is not judged.
"""

from __future__ import annotations

import torch

SEEN = 0.25  # of a box that must stay in the picture for it to be asked for


def augment_boxes(
    pictures: torch.Tensor,
    targets: torch.Tensor,
    zoom: float = 0.25,
    shift: float = 0.15,
    light: float = 0.2,
    mirror: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Bytes or floats (B, C, H, W) in 0..255 and targets (B, M, 5) to floats of the same shape and targets that fit them.

    `zoom` and `shift` as shares of the side, `light` as a share of brightness and contrast: each is the largest change to either
    side, drawn evenly for each picture. A box that mostly leaves the picture is not asked for, and not held against the cells
    that find what is left of it.
    """
    count = len(pictures)
    draws = torch.rand(count, 5) * 2 - 1  # (B, 5), each from -1 to 1
    size = (1 + draws[:, 0] * zoom).to(targets)
    flip = torch.where(draws[:, 4] > 0, 1.0, -1.0).to(targets) if mirror else torch.ones_like(size)
    middle = (
        draws[:, 1:3].to(targets) * shift * 2
    )  # (B, 2) where the new picture's middle lies in the old, from -1 to 1
    none = torch.zeros_like(size)
    rows = [torch.stack([size * flip, none, middle[:, 0]], dim=1), torch.stack([none, size, middle[:, 1]], dim=1)]
    pixels = pictures.float()
    places = torch.nn.functional.affine_grid(
        torch.stack(rows, dim=1), list(pixels.shape), align_corners=False
    )  # (B, H, W, 2)
    moved = torch.nn.functional.grid_sample(pixels, places, padding_mode="border", align_corners=False)  # (B, C, H, W)
    gain = (1 + draws[:, 3] * light).to(moved).view(-1, 1, 1, 1)
    mean = moved.mean(dim=(1, 2, 3), keepdim=True)
    moved = ((moved - mean) * gain + mean * gain.sqrt()).clamp(0, 255)
    old = targets[..., 1:].unflatten(2, (2, 2)) * 2 - 1  # (B, M, corner, axis) from -1 to 1
    scale = torch.stack([size * flip, size], dim=1)[:, None, None]  # (B, 1, 1, 2)
    new = ((old - middle[:, None, None]) / scale + 1) / 2  # (B, M, 2, 2)
    low, high = new.amin(dim=2), new.amax(dim=2)  # (B, M, 2)
    cut_low, cut_high = low.clamp(0, 1), high.clamp(0, 1)
    seen = (cut_high - cut_low).prod(dim=2) / (high - low).prod(dim=2).clamp(min=1e-9)  # (B, M)
    hidden = (targets[..., 0] >= 0) & (seen < SEEN)
    classes = torch.where(hidden, -2.0, targets[..., 0])  # (B, M)
    return moved, torch.cat([classes[..., None], cut_low, cut_high], dim=2)


PIECES = (augment_boxes,)
