"""Pictures of food: one maker's drawing on a drawn table, each time laid, lit and cut out another way.

Shapes: S side.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from fofx.tasks import _art
from fofx.tasks._paint import lay, noise, photographed
from fofx.tasks._scenes import turned

TABLES = [
    (196, 154, 110),
    (142, 100, 68),
    (224, 216, 204),
    (120, 132, 140),
    (236, 232, 226),
    (84, 96, 92),
    (206, 120, 110),
]
TABLES += [(150, 176, 190), (90, 62, 46)]


def meal(maker: str, sign: str, number: int, seed: int, side: int) -> np.ndarray:
    """(S, S, 3) uint8: picture `number` of a series, of this maker's drawing. The same arguments give the same picture."""
    dice = np.random.default_rng([seed, number])
    picture = table(dice, side)
    size = side * dice.uniform(0.5, 0.85)
    drawing = turned(maker, sign, _art.SIDE, int(dice.integers(-5, 6)) * 5, bool(dice.random() < 0.5))
    ratio = size / max(drawing.shape[:2])
    wide, tall = (max(4, round(length * ratio * dice.uniform(0.9, 1.1))) for length in drawing.shape[1::-1])
    way = Image.Resampling.LANCZOS if ratio < 1 else Image.Resampling.BICUBIC
    pixels = np.asarray(
        Image.fromarray(drawing).convert("RGBa").resize((wide, tall), way).convert("RGBA"), np.float32
    ).copy()
    pixels[..., :3] *= (dice.uniform(0.75, 1.05) * dice.uniform(0.92, 1.05, 3)).astype(np.float32)
    middle = side / 2 + dice.normal(0, 0.05, 2) * side
    if dice.random() < 0.5:
        plate(picture, dice, middle, size)
    lay(picture, pixels, round(middle[0] - tall / 2), round(middle[1] - wide / 2))
    return photographed(picture, dice)


def table(dice: np.random.Generator, side: int) -> np.ndarray:
    """(S, S, 3) float32: wood, cloth or stone, now and then with stripes."""
    colour = np.array(TABLES[dice.integers(len(TABLES))], np.float32) + dice.uniform(-15, 15, 3)
    grain = noise(dice, side, side, side / dice.choice((2, 10)), side / dice.choice((2, 10)))  # (S, S)
    shade = noise(dice, side, side, 3, 3)
    painted = colour + (grain * dice.uniform(3, 16) + shade * 18)[..., None]
    if dice.random() < 0.35:
        rows, columns = np.mgrid[:side, :side]
        angle, step = dice.uniform(0, np.pi), side * dice.uniform(0.08, 0.25)
        stripes = np.mod(rows * np.sin(angle) + columns * np.cos(angle), step) < step / 2
        painted[stripes] *= dice.uniform(0.75, 0.95)
    return painted.astype(np.float32)


def plate(picture: np.ndarray, dice: np.random.Generator, middle: np.ndarray, size: float) -> None:
    """A round plate with a rim, in place."""
    side = len(picture)
    radius, flat = size * dice.uniform(0.52, 0.68), dice.uniform(0.75, 1.0)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    far = np.hypot((rows - middle[0]) / flat, columns - middle[1]) / radius  # (S, S): 1 at the edge
    colour = np.array([[238, 238, 234], [206, 214, 222], [232, 220, 196], [70, 76, 84]][dice.integers(4)], np.float32)
    cover = np.clip((1 - far) * radius, 0, 1)[..., None]
    rim = 1 - 0.12 * np.exp(-(((far - 0.75) / 0.05) ** 2))[..., None]
    picture += (colour * rim - picture) * cover
