"""Drawn scenes in which to find things: animals and trees of several makers on meadows, sand and snow, with a box each.

What is near hides what is far, and a box goes round what can still be seen. Flowers, stones and goats lie about without
a box: not everything is asked for. `streets`, the view of a car's camera, is in _streets.py.

Shapes: N pictures, S side in pixels; a box is [left, top, width, height] in pixels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fofx.tasks import _art
from fofx.tasks._paint import Colour, clouds, lay, noise, photographed, random_of, sky, within
from fofx.tasks._stage import STREET_CLASSES, VOID
from fofx.tasks._streets import streets

__all__ = ["CLASSES", "CLASSES_ZH", "STREET_CLASSES", "VOID", "scenes", "streets"]

# class: (its emoji, height as a share of the picture's when nearest, how often)
THINGS: dict[str, tuple[str, float, float]] = {
    "sheep": ("🐑🐏", 0.34, 0.40),
    "cow": ("🐄🐂🐃", 0.44, 0.17),
    "dog": ("🐕🐩", 0.27, 0.14),
    "pig": ("🐖🐗", 0.29, 0.11),
    "tree": ("🌳🌲", 0.75, 0.18),
}
CLASSES = tuple(THINGS)
CLASSES_ZH = {"sheep": "羊", "cow": "牛", "dog": "狗", "pig": "猪", "tree": "树"}
CLUTTER = {
    "🌼": 0.08,
    "🌷": 0.1,
    "🌱": 0.08,
    "🌾": 0.14,
    "🍄": 0.07,
    "🍂": 0.08,
    "🌿": 0.1,
    "🐐": 0.3,
    "🐓": 0.17,
    "🪨": 0.12,
}

# Ground: (near colour, far colour, how strong its texture is)
GROUNDS: dict[str, tuple[Colour, Colour, float]] = {
    "grass": ((88, 142, 52), (140, 178, 96), 26),
    "meadow": ((120, 152, 60), (176, 190, 110), 30),
    "dry grass": ((176, 158, 84), (208, 192, 130), 26),
    "sand": ((214, 184, 128), (234, 212, 168), 16),
    "snow": ((226, 232, 240), (240, 243, 248), 9),
    "earth": ((128, 96, 68), (164, 136, 106), 24),
}
SEEN = 0.3  # of a thing that is put down; less and it is taken away again
SMALLEST = 5  # pixels a side of a box
DETAIL = 8  # sizes are rounded to this many steps an octave, so that scaled drawings can be kept


class Thing(NamedTuple):
    """One drawing put down: its class ("" when nobody asks for it), its pixels (h, w, 4), where, and its own shade."""

    label: str
    pixels: np.ndarray
    top: int
    left: int
    shade: np.ndarray


def scenes(count: int, seed: int, side: int = 96) -> tuple[np.ndarray, list[list[dict[str, Any]]]]:
    """(pictures, boxes): uint8 (N, S, S, 3), and for each picture a list of {"label": a class, "box": [l, t, w, h]}.

    The same seed and side give the same pictures, and the first of many are the same as few. About one picture in twenty
    has nothing to find. A thing of which less than SEEN can be seen is not drawn, so every drawn one has a box.
    """
    pictures = np.empty((count, side, side, 3), np.uint8)
    boxes = []
    for number in range(count):
        pictures[number], found = scene(random_of(seed, number), side)
        boxes.append(found)
    return pictures, boxes


def scene(dice: np.random.Generator, side: int) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """One picture (S, S, 3) uint8 and its boxes."""
    picture, horizon = background(dice, side)
    kept, boxes = visible(things(dice, side, horizon), side)
    light = np.array([1.0, *dice.uniform(0.92, 1.03, 2)], np.float32) * dice.uniform(0.75, 1.05)
    haze, strength = picture[max(0, round(horizon) - 1)].mean(0), dice.uniform(0, 0.5)
    for thing in kept:
        height, width = thing.pixels.shape[:2]
        foot = (thing.top + height - horizon) / max(1, side - horizon)  # 0 at the horizon, 1 at the lower edge
        shadow(picture, thing.top + height, thing.left, width, dice.uniform(0.15, 0.4))
        lit = thing.pixels.astype(np.float32)
        pale = strength * float(np.clip(1 - foot, 0, 1)) ** 2
        lit[..., :3] *= light * thing.shade * (1 - pale)
        lit[..., :3] += haze * pale
        lay(picture, lit, thing.top, thing.left)
    return photographed(picture, dice), boxes


def things(dice: np.random.Generator, side: int, horizon: float) -> list[Thing]:
    """What stands in the scene, far to near: the asked-for classes and clutter, larger the lower they stand."""
    some = 0 if dice.random() < 0.05 else 1 + min(dice.geometric(0.3), 9)
    herd = CLASSES[dice.integers(len(CLASSES))] if dice.random() < 0.35 else None  # one class comes in numbers
    often = np.array([THINGS[name][2] for name in CLASSES])
    placed: list[tuple[float, Thing]] = []
    for _ in range(some):
        label = herd if herd and dice.random() < 0.7 else str(dice.choice(CLASSES, p=often / often.sum()))
        signs, size, _ = THINGS[label]
        placed.append(put(dice, label, signs[dice.integers(len(signs))], size, side, horizon))
    for _ in range(dice.integers(0, 7)):
        sign = list(CLUTTER)[dice.integers(len(CLUTTER))]
        placed.append(put(dice, "", sign, CLUTTER[sign], side, horizon))
    return [thing for _, thing in sorted(placed, key=lambda one: one[0])]


def put(
    dice: np.random.Generator, label: str, sign: str, size: float, side: int, horizon: float
) -> tuple[float, Thing]:
    """(how near, the thing): somewhere on the ground, as large as perspective asks there."""
    near = dice.random() ** 0.8  # 0 far, 1 near
    foot = horizon + (side - horizon) * (0.06 + 0.98 * near)
    height = side * size * (0.3 + 0.7 * near) * dice.uniform(0.8, 1.2)
    height = 2 ** (round(np.log2(max(height, 4)) * DETAIL) / DETAIL)
    drawn = _art.drawn_by(sign)
    turn = int(dice.choice((-7, 7))) if label != "tree" and dice.random() < 0.4 else 0
    pixels = turned(drawn[dice.integers(len(drawn))], sign, max(4, round(height)), turn, bool(dice.random() < 0.5))
    left = round(dice.uniform(-0.3 * pixels.shape[1], side - 0.7 * pixels.shape[1]))
    shade = (dice.uniform(0.75, 1.08) * dice.uniform(0.95, 1.04, 3)).astype(np.float32)
    return foot, Thing(label, pixels, round(foot) - pixels.shape[0], left, shade)


@lru_cache(maxsize=8_000)
def turned(maker: str, sign: str, height: int, turn: int, mirror: bool) -> np.ndarray:
    """(h, w, 4) uint8: a drawing of this height, turned by degrees and mirrored, cut to what can be seen."""
    image = Image.fromarray(_art.sprite(maker, sign, _art.SIDE))
    if mirror:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    box = image.getchannel("A").getbbox()
    image = image.crop(box).convert("RGBa")
    width = max(3, round(image.width * height / image.height))
    if turn:
        image = image.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    image = image.resize((width, height), Image.Resampling.LANCZOS if height < _art.SIDE else Image.Resampling.BICUBIC)
    pixels = np.asarray(image.convert("RGBA"))
    rows, columns = (np.flatnonzero((pixels[..., 3] > 40).any(axis)) for axis in (1, 0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def visible(placed: list[Thing], side: int) -> tuple[list[Thing], list[dict[str, Any]]]:
    """(what is drawn, far to near; a box round what can be seen of each that is asked for)."""
    hidden = np.zeros((side, side), bool)  # by what is nearer
    kept, boxes = [], []
    for thing in reversed(placed):
        inside = within((side, side), thing.pixels.shape, thing.top, thing.left)
        if inside is None:
            continue
        there, here = inside
        solid = thing.pixels[..., 3] > 100
        seen = solid[here] & ~hidden[there]
        if seen.sum() < SEEN * solid.sum():
            continue
        if thing.label:
            rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
            top, left = there[0].start + rows[0], there[1].start + columns[0]
            height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
            if min(height, width) < SMALLEST:
                continue
            boxes.append({"label": thing.label, "box": [int(left), int(top), int(width), int(height)]})
        hidden[there] |= solid[here]
        kept.append(thing)
    return kept[::-1], boxes[::-1]


def shadow(picture: np.ndarray, foot: int, left: int, width: int, strength: float) -> None:
    """A soft ellipse on the ground under a thing."""
    height = max(2, width // 5)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    soft = np.clip(1.1 - x * x - y * y, 0, 1)
    dark = np.zeros((height, width, 4), np.float32)
    dark[..., :3], dark[..., 3] = 30, soft * strength * 255
    lay(picture, dark, foot - height // 2 - 1, left)


def background(dice: np.random.Generator, side: int) -> tuple[np.ndarray, float]:
    """((S, S, 3) float32, the row of the horizon): sky, hills and a ground, or only ground seen from above."""
    horizon = 0.0 if dice.random() < 0.2 else dice.uniform(0.12, 0.5) * side
    above = max(1, round(horizon))
    near, far, rough = GROUNDS[list(GROUNDS)[dice.integers(len(GROUNDS))]]
    picture = np.empty((side, side, 3), np.float32)
    picture[:above] = sky(dice, above, side)
    down = np.linspace(0, 1, side - above, dtype=np.float32)[:, None, None] ** 0.7
    tone = dice.uniform(-14, 14) + dice.uniform(-6, 6, 3)
    picture[above:] = np.array(far, np.float32) + tone + (np.array(near, np.float32) - far) * down
    if horizon:
        hills(picture, dice, above, np.array(far, np.float32))
    ground = side - above
    texture = noise(dice, ground, side, side / 3, side / 2) * 0.6 + noise(dice, ground, side, side / 8, side / 12) * 0.5
    texture += noise(dice, ground, side, 5, 3) * 0.8  # (ground, S)
    picture[above:] += (texture * rough * dice.uniform(0.5, 1.4) * (0.4 + 0.6 * down[..., 0]))[..., None]
    if dice.random() < 0.35:  # patches of another ground
        other = np.array(GROUNDS[list(GROUNDS)[dice.integers(len(GROUNDS))]][0], np.float32)
        picture[above:] += (other - picture[above:]) * (clouds(dice, ground, side) * 0.6)[..., None]
    if dice.random() < 0.25:
        fence(picture, dice, above)
    return picture, horizon


def hills(picture: np.ndarray, dice: np.random.Generator, above: int, ground: np.ndarray) -> None:
    """Up to three ranges of hills before the sky, the farther the paler."""
    side = picture.shape[1]
    x = np.linspace(0, 1, side)
    for far in range(dice.integers(0, 4), 0, -1):
        wave = sum(
            np.sin(2 * np.pi * (dice.uniform(0.3, 2.5) * x + dice.random())) * dice.uniform(0, 0.5) for _ in range(3)
        )
        height = above * (0.12 + 0.13 * far + 0.12 * wave)
        cover = np.clip(np.arange(above)[:, None] - (above - height), 0, 1)[
            ..., None
        ]  # (above, S, 1), soft at the edge
        pale = picture[above - 1].mean(0)
        colour = ground * dice.uniform(0.55, 0.8) * np.array([0.9, 1.0, 0.95])
        colour += (pale - colour) * (0.25 * far)
        picture[:above] += (colour - picture[:above]) * cover


def fence(picture: np.ndarray, dice: np.random.Generator, above: int) -> None:
    """A fence across the ground: two rails and posts."""
    side = picture.shape[0]
    foot = round(above + (side - above) * dice.uniform(0.05, 0.3))
    tall = max(3, round(side * dice.uniform(0.06, 0.13)))
    colour = np.array([[150, 112, 74], [205, 200, 190], [96, 84, 76]][dice.integers(3)], np.float32)
    for rail in (0.25, 0.65):
        row = foot - round(tall * rail)
        picture[max(0, row) : row + max(1, side // 80)] = colour
    step = max(6, round(side * dice.uniform(0.1, 0.2)))
    for left in range(int(dice.integers(step)), side, step):
        picture[max(0, foot - tall) : foot, left : left + max(1, side // 60)] = colour * 0.9
