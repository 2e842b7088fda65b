"""Pictures as bytes: what size files are, arrays brought to one size, files that cannot be opened.

Shapes: N pictures, C channels, H x W pixels.
"""

from __future__ import annotations

import numpy as np

from fofx.data.pictures import decode_pictures

__all__ = ["decode_pictures", "look_at", "resize_arrays", "unreadable"]


def look_at(paths: list[str]) -> tuple[list[int], bool]:
    """The shorter sides in pixels of the files that can be opened, and whether all of them are grey."""
    from PIL import Image

    sides, grey = [], True
    for path in paths:
        try:
            with Image.open(path) as picture:
                sides.append(min(picture.size))
                grey &= picture.mode in ("1", "L", "LA", "I", "I;16", "F")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
    return sides, grey and bool(sides)


def unreadable(paths: list[str | None]) -> list[tuple[int, str]]:
    """Row and reason of each file that cannot be decoded to its end."""
    return decode_pictures(paths, 8, 1)[1]


def resize_arrays(arrays: np.ndarray, side: int, channels: int) -> np.ndarray:
    """(N, H, W) or (N, H, W, C) uint8 to (N, channels, side, side), by area and bilinear means."""
    import torch
    import torch.nn.functional as F

    pixels = arrays[:, None] if arrays.ndim == 3 else arrays[..., :3].transpose(0, 3, 1, 2)  # (N, C, H, W)
    if pixels.shape[1] != channels:
        grey = pixels.mean(axis=1, keepdims=True).round().astype(np.uint8)
        pixels = np.repeat(grey, channels, axis=1)
    if pixels.shape[2:] != (side, side):
        given = torch.from_numpy(np.ascontiguousarray(pixels)).float()
        resized = F.interpolate(given, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        pixels = resized.round().clamp(0, 255).byte().numpy()
    return np.ascontiguousarray(pixels)
