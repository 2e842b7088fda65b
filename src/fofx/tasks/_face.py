"""A drawn face: its pose, its outline and features from proportions, as outlines that turn and nod with the head.

Shapes: points are (P, 2): x to the right, y down, in half head heights from the middle of the face.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import ImageDraw

Traits = dict[str, float]
Points = np.ndarray


class Pose:
    """How the head is held and framed: turned, nodding, tilted, nearer or farther; from face points to pixels."""

    def __init__(self, dice: np.random.Generator, drawn: int) -> None:
        self.turn = float(np.clip(dice.normal(0, 0.24), -0.55, 0.55))  # radians
        self.nod = float(np.clip(dice.normal(0, 0.12), -0.3, 0.3))
        tilt = float(np.clip(dice.normal(0, 0.12), -0.28, 0.28))
        self.scale = drawn * float(dice.uniform(0.32, 0.4))
        self.middle = drawn * np.array([0.5, 0.5]) + drawn * dice.normal(0, 0.035, 2)
        self.rotation = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])

    def place(self, points: Points, depth: float | np.ndarray = 0.0) -> Points:
        """(P, 2) face points, at a depth towards the camera (0: the outline, 1: the tip of the nose), as pixels (P, 2)."""
        x = points[:, 0] * (1 - 0.45 * np.asarray(depth) * (1 - np.cos(self.turn))) + np.asarray(depth) * 0.62 * np.sin(
            self.turn
        )
        y = points[:, 1] + np.asarray(depth) * 0.5 * np.sin(self.nod)
        return np.stack([x, y], 1) @ self.rotation.T * self.scale + self.middle


def smooth(points: Points, steps: int = 8, closed: bool = True) -> Points:
    """(P', 2): a Catmull-Rom curve through the points."""
    return _curve(len(points), steps, closed) @ points


@cache
def _curve(count: int, steps: int, closed: bool) -> np.ndarray:
    """(P', P): how much each point has to say at each place of a smooth curve, which is linear in them."""
    points = np.eye(count)  # (P, P)
    before, after = np.roll(points, 1, 0), np.roll(points, -1, 0)
    if not closed:
        before[0], after[-1] = points[0], points[-1]
    slope = (after - before) / 2
    end, end_slope = np.roll(points, -1, 0), np.roll(slope, -1, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = (2 * t**3 - 3 * t**2 + 1) * points + (t**3 - 2 * t**2 + t) * slope
    curve = curve + (3 * t**2 - 2 * t**3) * end + (t**3 - t**2) * end_slope  # (steps, P, P)
    if not closed:
        return np.concatenate([curve[:, :-1].transpose(1, 0, 2).reshape(-1, count), points[-1:]])
    return curve.transpose(1, 0, 2).reshape(-1, count)


def mirrored(half: list[tuple[float, float]]) -> Points:
    """(P, 2): the right half of an outline, from top to bottom, and its mirror image back up."""
    return np.array([*half, *[(-x, y) for x, y in reversed(half) if x != 0]], np.float64)


def fill(paint: ImageDraw.ImageDraw, points: Points, colour: np.ndarray) -> None:
    red, green, blue = (int(min(255, max(0, value))) for value in colour)
    paint.polygon([(x, y) for x, y in points.tolist()], fill=(red, green, blue))


def stroke(paint: ImageDraw.ImageDraw, points: Points, colour: np.ndarray, width: float) -> None:
    red, green, blue = (int(min(255, max(0, value))) for value in colour)
    paint.line([(x, y) for x, y in points.tolist()], fill=(red, green, blue), width=max(1, round(width)), joint="curve")


def outline(traits: Traits) -> Points:
    """The face from the forehead to the chin and back."""
    wide, chin, long = traits["face width"], traits["chin"], traits["chin length"]
    jaw = wide * traits["jaw"]
    half = [
        (0.0, -0.95),
        (wide * 0.55, -0.88),
        (wide * traits["temple"], -0.5),
        (wide, -0.05),
        ((wide + jaw) / 2, 0.35),
        (jaw, 0.6),
        (min(chin, jaw * 0.8), long - 0.1),
        (0.0, long),
    ]
    return smooth(mirrored(half))


def ear(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, skin: np.ndarray, side: int) -> None:
    """One ear; the far one is drawn before the face, the near one over its edge."""
    size, out = traits["ear size"], traits["ear out"]
    nearer = -side * np.sin(pose.turn)  # turning away shows more of this ear
    x = side * (traits["face width"] * (1 - 0.2 * max(0.0, nearer)) + out * 0.5)
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    ring = np.stack([np.cos(angle) * (0.05 + out), np.sin(angle) * size], 1)
    spot = np.array([x, traits["eye height"] + 0.12])
    fill(paint, pose.place(ring + spot), skin * 0.93)
    fill(paint, pose.place(ring * 0.55 + spot), skin * 0.78)


def features(
    paint: ImageDraw.ImageDraw,
    pose: Pose,
    traits: Traits,
    dice: np.random.Generator,
    skin: np.ndarray,
    hair: np.ndarray,
) -> None:
    """Eyes, brows, nose and mouth, with this picture's expression."""
    smile, wide_open = (
        float(np.clip(dice.normal(0.25, 0.5), -0.7, 1.2)),
        float(np.clip(dice.normal(1, 0.22), 0.15, 1.4)),
    )
    raised, gape = float(dice.normal(0, 0.018)), float(max(0.0, dice.normal(-0.02, 0.05)))
    look = dice.normal(0, 0.25, 2).clip(-0.5, 0.5)
    for side in (-1, 1):
        eye(paint, pose, traits, skin, side, wide_open - 0.18 * max(smile, 0), look)
        brow(paint, pose, traits, hair, side, raised)
    nose(paint, pose, traits, skin)
    mouth(paint, pose, traits, skin, smile, gape)


def eye(
    paint: ImageDraw.ImageDraw,
    pose: Pose,
    traits: Traits,
    skin: np.ndarray,
    side: int,
    wide_open: float,
    look: np.ndarray,
) -> None:
    wide, tall = traits["eye width"], traits["eye opening"] * wide_open
    spot = np.array([side * traits["eye distance"], traits["eye height"]])
    slope = traits["eye tilt"]
    ring = np.array(
        [
            (-wide, 0.0),
            (-wide * 0.4, -tall),
            (wide * 0.4, -tall),
            (wide, 0.0),
            (wide * 0.45, tall * 0.8),
            (-wide * 0.45, tall * 0.8),
        ]
    )
    ring[:, 1] -= slope * ring[:, 0]
    ring[:, 0] *= side
    lid = smooth(ring)
    fill(paint, pose.place(lid * 1.35 + spot, 0.82), skin * 0.87)
    white = pose.place(lid + spot, 0.85)
    fill(paint, white, np.array([238, 236, 232]))
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    pupil = np.stack([np.cos(angle), np.sin(angle)], 1) * traits["iris"]
    shift = look * (wide - traits["iris"], 0.02)
    round_ = pupil + shift
    keep = tall * 1.05
    round_[:, 1] = np.clip(round_[:, 1], -keep, keep * 0.8)
    fill(paint, pose.place(round_ + spot, 0.87), np.array([58, 40, 30]))
    fill(paint, pose.place(np.clip(pupil * 0.45, -keep, keep) + shift + spot, 0.87), np.array([16, 12, 12]))
    upper = smooth(ring[:4], closed=False)
    stroke(paint, pose.place(upper + spot, 0.86), skin * 0.3, 0.02 * pose.scale)


def brow(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, hair: np.ndarray, side: int, raised: float) -> None:
    long, thick, arch = traits["brow length"], traits["brow thickness"], traits["brow arch"]
    x = np.linspace(-1, 1, 7)
    middle = -arch * (1 - x**2) - traits["brow tilt"] * x * long
    half = thick * np.array([0.8, 1.0, 1.0, 0.9, 0.75, 0.5, 0.2])
    upper, lower = np.stack([x * long, middle - half], 1), np.stack([x * long, middle + half], 1)
    ring = np.concatenate([upper, lower[::-1]])
    ring[:, 0] *= side
    spot = np.array([side * (traits["eye distance"] + 0.015), traits["eye height"] - traits["brow height"] - raised])
    fill(paint, pose.place(ring + spot, 0.88), hair * 1.1 + 8)


def nose(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, skin: np.ndarray) -> None:
    """A ridge that juts out when the head turns, its shaded side, and nostrils."""
    top, foot = traits["eye height"] + 0.02, traits["eye height"] + traits["nose length"]
    wide, bridge = traits["nose width"], traits["nose bridge"]
    ridge = np.array(
        [(-bridge, top), (bridge, top), (bridge * 1.3, foot - 0.12), (wide, foot - 0.03), (wide * 0.6, foot + 0.03)]
    )
    ridge = np.concatenate(
        [ridge, [(0.0, foot + 0.045), (-wide * 0.6, foot + 0.03), (-wide, foot - 0.03), (-bridge * 1.3, foot - 0.12)]]
    )
    depth = np.array([0.9, 0.9, 1.08, 1.0, 1.1, 1.22, 1.1, 1.0, 1.08])
    fill(paint, pose.place(ridge, depth), skin * 0.94)
    shaded = -1 if pose.turn > 0 else 1
    edge = np.array(
        [
            (shaded * bridge, top),
            (shaded * bridge * 1.3, foot - 0.12),
            (shaded * wide, foot - 0.03),
            (shaded * wide * 0.6, foot + 0.03),
            (0.0, foot + 0.045),
        ]
    )
    stroke(
        paint,
        pose.place(
            smooth(edge, 4, closed=False), np.interp(np.arange(17), [0, 4, 8, 12, 16], [0.9, 1.08, 1.0, 1.1, 1.22])
        ),
        skin * 0.72,
        0.022 * pose.scale,
    )
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for side in (-1, 1):
        hole = np.stack([np.cos(angle) * wide * 0.24 + side * wide * 0.48, np.sin(angle) * 0.018 + foot + 0.012], 1)
        fill(paint, pose.place(hole, 1.08), skin * 0.45)


def mouth(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, skin: np.ndarray, smile: float, gape: float) -> None:
    wide, y = traits["mouth width"] * (1 + 0.18 * smile), traits["mouth height"]
    upper, lower, lift = traits["upper lip"], traits["lower lip"], 0.055 * smile
    lips = skin * np.array([0.82, 0.62, 0.6])
    corner = [(-wide, -lift), (wide, -lift)]
    over = [
        (-wide * 0.5, -upper * 0.8 - gape * 0.4),
        (-wide * 0.16, -upper - gape * 0.4),
        (0.0, -upper * 0.75 - gape * 0.4),
    ]
    over += [(wide * 0.16, -upper - gape * 0.4), (wide * 0.5, -upper * 0.8 - gape * 0.4)]
    under = [(wide * 0.5, lower * 0.9 + gape), (0.0, lower * 1.05 + gape), (-wide * 0.5, lower * 0.9 + gape)]
    ring = np.array([corner[0], *over, corner[1], *under])
    bend = 1 - np.abs(np.linspace(-0.95, 0.95, 9)) ** 0.8
    depth = 0.86 + 0.12 * np.concatenate([bend[[0]], bend[2:7], bend[[8]], bend[[6, 4, 2]]])
    spot = np.array([0.0, y])
    fill(paint, pose.place(ring + spot, depth), lips)
    x = np.linspace(-1, 1, 7)
    middle = np.stack([x * wide, -lift * (x**2)], 1) + spot
    if gape > 0.015:
        apart = np.stack([np.zeros(7), gape * (1 - x**2)], 1)  # most in the middle, not at the corners
        hole = np.concatenate([middle - 0.35 * apart, (middle + apart)[::-1]])
        fill(paint, pose.place(hole, 0.95), np.array([60, 24, 24]))
    stroke(paint, pose.place(middle, 0.86 + 0.12 * (1 - np.abs(x) ** 0.8)), lips * 0.55, 0.018 * pose.scale)


def glasses(paint: ImageDraw.ImageDraw, pose: Pose, traits: Traits, dice: np.random.Generator) -> None:
    """Glasses: now and then, on anyone."""
    colour, size = dice.uniform(20, 110, 3), dice.uniform(0.17, 0.22)
    angle = np.linspace(0, 2 * np.pi, 20)
    flat = dice.uniform(0.7, 1.0)
    for side in (-1, 1):
        rim = np.stack([np.cos(angle) * size, np.sin(angle) * size * flat], 1)
        rim += (side * max(traits["eye distance"], size + 0.03), traits["eye height"] + 0.01)
        stroke(paint, pose.place(rim, 0.95), colour, 0.03 * pose.scale)
    stroke(
        paint,
        pose.place(np.array([(-0.1, traits["eye height"]), (0.1, traits["eye height"])]), 1.0),
        colour,
        0.03 * pose.scale,
    )
