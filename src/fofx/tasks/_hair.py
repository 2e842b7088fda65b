"""What frames a drawn face: hair behind and before it, neck and clothes.

Shapes: points are (P, 2): x to the right, y down, in half head heights from the middle of the face.
"""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from fofx.tasks._face import Pose, Traits, fill, mirrored, smooth, stroke

CUTS = ("short", "parted", "long", "curly")


def shoulders(
    paint: ImageDraw.ImageDraw, dice: np.random.Generator, pose: Pose, traits: Traits, skin: np.ndarray
) -> None:
    """Neck and clothes. The clothes are the picture's own."""
    neck, broad = traits["neck"] * traits["face width"] / 0.72, dice.uniform(1.3, 1.6)
    lower = mirrored([(0.0, 1.2), (neck * 1.15, 1.25), (broad * 0.8, 1.45), (broad, 1.8), (broad, 3.2), (0.0, 3.2)])
    fill(paint, pose.place(mirrored([(0.0, 0.5), (neck, 0.5), (neck * 1.1, 1.6), (0.0, 1.7)])), skin * 0.82)
    cloth = dice.uniform(20, 230) + dice.uniform(-45, 45, 3)
    fill(paint, pose.place(lower), cloth)
    deep = dice.uniform(1.2, 1.75)
    fill(paint, pose.place(mirrored([(0.0, 1.1), (neck * 1.12, 1.2), (0.0, deep)])), skin * 0.86)
    if dice.random() < 0.5:
        stroke(
            paint,
            pose.place(np.array([(-neck * 1.15, 1.22), (0.0, deep), (neck * 1.15, 1.22)])),
            cloth * 0.7,
            0.09 * pose.scale,
        )


def hair_behind(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, hair: np.ndarray, cut: str) -> None:
    """The hair that the head hides: a cap, and down to the shoulders for the long cut."""
    wide = traits["face width"] + 0.08
    if cut == "long":
        half = [
            (0.0, -1.14),
            (wide * 0.62, -1.02),
            (wide, -0.55),
            (wide + 0.05, 0.1),
            (wide + 0.1, 0.8),
            (wide * 0.95, 1.3),
            (0.0, 1.35),
        ]
    else:
        half = [
            (0.0, -1.12),
            (wide * 0.62, -1.0),
            (wide * 0.98, -0.55),
            (wide * 0.95, -0.1),
            (wide * 0.6, 0.2),
            (0.0, 0.2),
        ]
    fill(paint, pose.place(smooth(mirrored(half)), -0.25), hair * 0.8)


def hair_before(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, hair: np.ndarray, cut: str) -> None:
    """The hair over the forehead, down to the hairline, and strands that catch the light."""
    wide, line = traits["face width"] + 0.04, traits["hairline"]
    temple, burn = wide * traits["temple"], -0.02 if cut in ("short", "curly") else 0.1
    left = [(-wide * 0.985, burn), (-wide * 1.02, -0.5), (-wide * 0.66, -1.02)]
    top = [*left, (0.0, -1.14), *[(-x, y) for x, y in left[::-1]]]
    inner = (wide * 0.94, burn - 0.02)
    if cut == "parted":
        edge = [
            inner,
            (temple * 0.86, -0.38),
            (temple * 0.45, line + 0.09),
            (-temple * 0.35, line - 0.16),
            (-temple * 0.76, -0.5),
        ]
    elif cut == "long":
        edge = [
            inner,
            (temple * 0.8, -0.3),
            (temple * 0.4, line - 0.02),
            (0.0, line - 0.14),
            (-temple * 0.4, line - 0.02),
            (-temple * 0.8, -0.3),
        ]
    else:
        edge = [
            inner,
            (temple * 0.84, -0.42),
            (temple * 0.5, line + 0.02),
            (0.0, line),
            (-temple * 0.5, line + 0.02),
            (-temple * 0.84, -0.42),
        ]
    edge = [*edge, (-inner[0], inner[1])]
    ring = np.array(top + edge)
    depth = 0.72 * np.clip(1 - (np.abs(ring[:, 0]) / wide) ** 2, 0, 1)
    depth[: len(top)] = 0.0
    curve = smooth(ring, 6)
    fill(
        paint,
        pose.place(curve, np.interp(np.arange(len(curve)) / 6, np.arange(len(ring) + 1), [*depth, depth[0]])),
        hair,
    )
    if cut == "curly":
        for x, y in smooth(np.array(top)[1:-1], 3, closed=False):
            bump = np.linspace(0, 2 * np.pi, 10, endpoint=False)
            curl = np.stack([np.cos(bump), np.sin(bump)], 1) * 0.13 + (x * 0.97, y * 0.98)
            fill(paint, pose.place(curl, 0.0), hair * (0.9 + 0.25 * (np.sin(37 * x + 11 * y) > 0)))
    for x in np.linspace(-0.62, 0.62, 7) * wide:
        strand = np.array(
            [(x * 0.55 + 0.05, -1.06), (x * 0.9, -0.94), (x, (line - 0.8) / 2 + (0.05 if cut != "long" else -0.08))]
        )
        shade = 1.3 if abs(x) < 0.3 * wide else 0.75
        stroke(
            paint, pose.place(smooth(strand, 4, closed=False), 0.3), hair * shade + (shade > 1) * 10, 0.018 * pose.scale
        )
    if cut == "long":  # locks over the shoulders
        for side in (-1, 1):
            lock = np.array(
                [
                    (wide * 0.96, -0.3),
                    (wide * 1.04, 0.3),
                    (wide * 1.1, 0.9),
                    (wide * 1.0, 1.32),
                    (wide * 0.8, 1.3),
                    (wide * 0.9, 0.6),
                ]
            )
            lock[:, 0] *= side
            fill(paint, pose.place(smooth(lock), 0.0), hair * 0.92)
