"""What all drawn data shares: smooth noise, skies and grounds, laying a drawing over a picture, and the camera's faults.

Shapes: H height, W width; pictures are float32 (H, W, 3) from 0 to 255 while they are painted.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

Colour = tuple[float, float, float]

# Above the horizon and at the top of the picture.
SKIES: list[tuple[Colour, Colour]] = [
    ((205, 228, 246), (95, 160, 226)),  # clear
    ((232, 238, 243), (160, 182, 205)),  # hazy
    ((214, 218, 222), (170, 176, 184)),  # overcast
    ((255, 214, 165), (112, 142, 196)),  # evening
    ((244, 190, 190), (104, 110, 170)),  # dusk
    ((190, 200, 212), (98, 108, 124)),  # before the rain
]


def random_of(seed: int, number: int) -> np.random.Generator:
    """The dice of one picture: the same whether few or many pictures are made."""
    return np.random.default_rng([seed, number])


def noise(dice: np.random.Generator, height: int, width: int, rows: float, columns: float) -> np.ndarray:
    """(H, W) float32 about -1 to 1: random values on a grid of rows x columns, smoothly filled in between."""
    grid = dice.uniform(-1, 1, (max(2, round(rows)), max(2, round(columns)))).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC))


def clouds(dice: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W) float32 from 0 to 1: wide, flat patches."""
    field = noise(dice, height, width, 5, 4) + 0.5 * noise(dice, height, width, 11, 8)  # (H, W)
    return np.clip((field - dice.uniform(-0.1, 0.8)) * 1.5, 0, 1)


def sky(dice: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W, 3): one of SKIES from the horizon (the last row) up, some with clouds."""
    low, high = (np.array(colour, np.float32) for colour in SKIES[dice.integers(len(SKIES))])
    up = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] ** dice.uniform(0.6, 1.4)
    painted = np.repeat(low + (high - low) * up, width, axis=1)  # (H, W, 3)
    if dice.random() < 0.6:
        white = np.array([250, 250, 252], np.float32) * dice.uniform(0.85, 1.0)
        painted += (white - painted) * (clouds(dice, height, width) * dice.uniform(0.4, 0.9))[..., None]
    return painted


def lay(picture: np.ndarray, drawing: np.ndarray, top: int, left: int) -> None:
    """Lay an RGBA drawing (h, w, 4) over a picture (H, W, 3), in place; what sticks out is cut off."""
    inside = within(picture.shape[:2], drawing.shape[:2], top, left)
    if inside is None:
        return
    there, here = inside
    cut = drawing[here].astype(np.float32)
    picture[there] += (cut[..., :3] - picture[there]) * (cut[..., 3:] / 255)


def within(
    picture: tuple[int, ...], drawing: tuple[int, ...], top: int, left: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """The part of a picture that a drawing covers, and the part of the drawing that lies inside; None: nothing does."""
    first, last = max(top, 0), min(top + drawing[0], picture[0])
    start, end = max(left, 0), min(left + drawing[1], picture[1])
    if first >= last or start >= end:
        return None
    there = slice(first, last), slice(start, end)
    return there, (slice(first - top, last - top), slice(start - left, end - left))


def photographed(picture: np.ndarray, dice: np.random.Generator, grain: float = 6.0, blur: float = 0.5) -> np.ndarray:
    """(H, W, 3) uint8: the picture as a cheap camera keeps it: exposure, tint, contrast, some blur, and grain.

    grain: up to this standard deviation of the noise, in grey levels. blur: the share of pictures that are blurred.
    """
    height, width = picture.shape[:2]
    tint = (dice.uniform(0.8, 1.18) * dice.uniform(0.95, 1.05, 3)).astype(np.float32)
    contrast = dice.uniform(0.8, 1.15)
    seen = (picture * tint - 128) * contrast + 128
    if dice.random() < blur:
        mixed = dice.uniform(0.1, 0.5)
        seen[1:-1] += mixed / 2 * (seen[:-2] + seen[2:] - 2 * seen[1:-1])
        seen[:, 1:-1] += mixed / 2 * (seen[:, :-2] + seen[:, 2:] - 2 * seen[:, 1:-1])
    seen += dice.standard_normal((height, width, 1), dtype=np.float32) * dice.uniform(0, grain)
    seen += dice.standard_normal((height, width, 3), dtype=np.float32) * dice.uniform(0, grain / 2)
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)
