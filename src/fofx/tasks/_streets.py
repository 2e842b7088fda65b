"""A drawn street as a car's camera sees it, with the class of every pixel.

A pinhole camera stands above the road: the point X metres to the right, Y above the ground and Z ahead is seen at column
u = u0 + f X / Z and row v = v0 + f (h - Y) / Z. Ground and house fronts are computed the other way round, from every
pixel to the place it shows; what stands in the street is drawn from far to near (_traffic.py), picture and mask
with the same outlines, at twice the size.

Shapes: N pictures, H height, W width of a picture; R = 2 H rows and C = 2 W columns while it is drawn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from fofx.tasks._houses import GREENS, WALLS, faces, haze, houses, wall
from fofx.tasks._paint import clouds, noise, photographed, random_of, sky
from fofx.tasks._stage import CLASS, STREET_CLASSES, VOID, Camera
from fofx.tasks._traffic import bonnet, traffic

__all__ = ["STREET_CLASSES", "VOID", "streets"]


class Street(NamedTuple):
    """What is built: half the road's width, the pavements' outer edges (left, right), and the weather."""

    half: float
    left: float
    right: float
    wet: float
    light: float


def streets(count: int, seed: int, height: int = 90, width: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """(pictures, masks): uint8 (N, H, W, 3), and uint8 (N, H, W) with the numbers of STREET_CLASSES, VOID for nothing of these.

    As in a real street, sky, houses and road fill most of it, and signs, poles, people and cyclists are a small part. Void
    is the bonnet of one's own car, and dogs, bins and benches, which have no class. Same seed and size, same pictures.
    """
    pictures = np.empty((count, height, width, 3), np.uint8)
    masks = np.empty((count, height, width), np.uint8)
    for number in range(count):
        pictures[number], masks[number] = street(random_of(seed, number), height, width)
    return pictures, masks


def street(dice: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """One picture (H, W, 3) and its mask (H, W)."""
    camera = Camera(
        rows=2 * height,
        columns=2 * width,
        focal=2 * width * dice.uniform(0.65, 1.0),
        row=2 * height * dice.uniform(0.38, 0.55),
        column=2 * width * dice.uniform(0.3, 0.7),
        height=dice.uniform(1.2, 1.7),
    )
    half = dice.uniform(3.0, 6.5)
    shift = half * dice.uniform(0.1, 0.6) * (1 if dice.random() < 0.8 else -1)  # the car keeps to one side
    place = Street(
        half,
        -half - dice.uniform(1.8, 6.0),
        half + dice.uniform(1.8, 6.0),
        wet=float(dice.random() < 0.2) * dice.uniform(0.3, 0.8),
        light=dice.uniform(0.55, 1.05),
    )
    painted, mask = built(dice, camera, place, shift)
    image, classes = Image.fromarray(painted), Image.fromarray(mask)
    traffic(
        dice,
        image,
        classes,
        camera,
        (place.left - shift, -half - shift, half - shift, place.right - shift),
        place.light,
    )
    if dice.random() < 0.3:
        bonnet(dice, image, classes)
    seen = np.asarray(image.reduce(2), np.float32)  # (H, W, 3)
    return photographed(glare(seen, dice), dice, grain=7.0), np.asarray(classes)[1::2, 1::2]


def built(dice: np.random.Generator, camera: Camera, place: Street, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """((R, C, 3) uint8, (R, C) uint8): sky, ground, houses, hedges and fences, without what stands in the street."""
    rows, columns = camera.rows, camera.columns
    painted = np.empty((rows, columns, 3), np.float32)
    mask = np.full((rows, columns), CLASS["sky"], np.uint8)
    horizon = int(camera.row) + 1
    painted[:horizon] = sky(dice, horizon, columns) * (0.4 + 0.6 * place.light)
    pale = painted[horizon - 1].mean(0)

    v = np.arange(horizon, rows, dtype=np.float32)[:, None]
    ahead = camera.focal * camera.height / np.maximum(v - camera.row, 0.3)  # (R - horizon, 1) metres
    across = (
        np.arange(columns, dtype=np.float32) - camera.column
    ) * ahead / camera.focal + shift  # from the road's middle
    painted[horizon:], mask[horizon:] = ground(dice, np.minimum(ahead, 400), across, place)
    haze(painted[horizon:], ahead[..., None], pale)

    for side, edge in ((-1, place.left), (1, place.right)):
        front = houses(dice)
        faces(painted, mask, camera, front, side, edge - shift, dice, pale, place.light)
        wall(painted, mask, camera, front, side, edge - shift, dice, pale, place.light)
    closing(painted, mask, camera, place, shift, dice, pale)
    return np.clip(painted, 0, 255).astype(np.uint8), mask


def ground(
    dice: np.random.Generator, ahead: np.ndarray, across: np.ndarray, place: Street
) -> tuple[np.ndarray, np.ndarray]:
    """((rows, C, 3), (rows, C)): road with its marks, kerbs and pavements. ahead (rows, 1), across (rows, C) in metres."""
    rows, columns = across.shape
    road = np.abs(across) < place.half
    rough = noise(dice, rows, columns, rows / 3, columns / 4) * 7 + noise(dice, rows, columns, 6, 3) * 12
    tar, slab = dice.uniform(62, 118), dice.uniform(110, 176)
    grey = np.where(road, tar, slab) + rough  # (rows, C)
    joints = (np.mod(across, 0.8) < 0.05) | (np.mod(ahead, 0.8) < 0.06)
    grey -= np.where(~road & (ahead < 14) & joints, 16, 0)
    kerb = np.abs(np.abs(across) - place.half) < 0.12
    grey = np.where(kerb, slab + 34, grey)
    paint = dice.uniform(180, 235)
    grey = np.where(marks(dice, ahead, across, place) & (rough > -13), paint, grey)  # worn in places
    for _ in range(dice.integers(0, 4)):  # shadows of houses across the street, patches of newer tar
        start, long = dice.uniform(4, 40), dice.uniform(1, 12)
        dark = (
            (ahead > start) & (ahead < start + long) & (across > dice.uniform(-9, 2)) & (across < dice.uniform(1, 12))
        )
        grey = np.where(dark, grey * dice.uniform(0.6, 0.85), grey)
    tones = 1 + np.stack([dice.uniform(-0.1, 0.1, 3), dice.uniform(-0.05, 0.06, 3)])  # of the pavement, of the road
    painted = grey[..., None] * (tones * place.light).astype(np.float32)[road.view(np.uint8)]
    if place.wet:
        painted += (clouds(dice, rows, columns) * 60 * place.wet * road)[..., None]
    return painted.astype(np.float32), np.where(road, CLASS["road"], CLASS["pavement"]).astype(np.uint8)


def marks(dice: np.random.Generator, ahead: np.ndarray, across: np.ndarray, place: Street) -> np.ndarray:
    """(rows, C) bool: middle line, lane lines, edge lines, and sometimes a crossing."""
    wide = 0.07 + dice.uniform(0, 0.05)
    dashes = np.mod(ahead + dice.uniform(0, 6), dice.uniform(4, 9)) < dice.uniform(1.5, 3.5)
    marked = (np.abs(across) < wide) & (dashes | bool(dice.random() < 0.25))
    if place.half > 5 and dice.random() < 0.6:
        marked |= (np.abs(np.abs(across) - place.half / 2) < wide) & dashes
    if dice.random() < 0.4:
        marked |= np.abs(np.abs(across) - place.half + 0.4) < wide
    if dice.random() < 0.2:
        start = dice.uniform(6, 22)
        marked |= (
            (ahead > start) & (ahead < start + 3) & (np.mod(across, 1.0) < 0.5) & (np.abs(across) < place.half - 0.3)
        )
    if dice.random() < 0.15:
        start = dice.uniform(5, 20)
        marked |= (ahead > start) & (ahead < start + 0.4) & (across > 0) & (across < place.half)
    return marked & (np.abs(across) < place.half)


def closing(
    painted: np.ndarray,
    mask: np.ndarray,
    camera: Camera,
    place: Street,
    shift: float,
    dice: np.random.Generator,
    pale: np.ndarray,
) -> None:
    """What the street ends at: far houses or trees, where the sky still shows above the horizon."""
    horizon, columns = int(camera.row) + 1, camera.columns
    trees = dice.random() < 0.5
    skyline = np.repeat(dice.uniform(0, 1, 40), -(-columns // 40))[:columns]
    if trees:
        skyline = 0.6 + 0.4 * noise(dice, 2, columns, 2, 30)[0]
    top = horizon - skyline * dice.uniform(0.02, 0.13) * camera.rows
    open_sky = mask[:horizon] == CLASS["sky"]
    below = open_sky & (np.arange(horizon)[:, None] > top)
    colour = np.array(GREENS[0] if trees else WALLS[dice.integers(len(WALLS))], np.float32) * place.light
    colour = np.repeat((colour + (pale - colour) * 0.5)[None], columns, 0) * (0.9 + 0.2 * skyline)[:, None]  # (C, 3)
    painted[:horizon][below] = np.broadcast_to(colour, (horizon, columns, 3))[below]
    mask[:horizon][below] = CLASS["tree" if trees else "building"]


def glare(seen: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Darker corners, and now and then a bright sky that spills over (H, W, 3)."""
    height, width = seen.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None]
    seen = seen * (1 - dice.uniform(0, 0.3) * (x * x + y * y) / 2)[..., None]
    if dice.random() < 0.3:
        seen = seen + (255 - seen) * (dice.uniform(0.05, 0.3) * np.clip(0.6 - y, 0, 1))[..., None]
    return seen.astype(np.float32)
