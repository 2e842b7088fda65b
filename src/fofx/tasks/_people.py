"""Drawn people: the same person again and again, each time with another pose, expression, light, clothes and background.

Who someone is, is told by proportions (TRAITS): the face's outline, eyes, brows, nose, mouth, ears, hairline. Skin,
hair colour and haircut come from small sets that many people share, and a picture's own colour cast blurs even those;
glasses, clothes and background belong to the picture, not to the person. They are drawings: no real face is in
them, and scores on them say nothing about real faces.

Shapes: N pictures, S side, D = SHARPER * S the side while it is drawn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from fofx.tasks._face import Pose, Traits, ear, features, fill, glasses, outline
from fofx.tasks._hair import CUTS, hair_before, hair_behind, shoulders
from fofx.tasks._paint import noise, photographed

SHARPER = 3
SPREAD = 1.9  # standard deviations: nobody is stranger than this

# What makes a face: (middle, standard deviation) in half head heights, as angles (tilt) or as shares.
TRAITS: dict[str, tuple[float, float]] = {
    "face width": (0.72, 0.055),
    "temple": (0.9, 0.05),
    "jaw": (0.76, 0.085),
    "chin": (0.3, 0.075),
    "chin length": (0.98, 0.06),
    "eye height": (-0.06, 0.045),
    "eye distance": (0.31, 0.036),
    "eye width": (0.125, 0.017),
    "eye opening": (0.062, 0.014),
    "eye tilt": (0.0, 0.11),
    "iris": (0.052, 0.006),
    "brow height": (0.165, 0.036),
    "brow length": (0.17, 0.024),
    "brow thickness": (0.034, 0.013),
    "brow arch": (0.045, 0.025),
    "brow tilt": (0.0, 0.1),
    "nose length": (0.36, 0.055),
    "nose width": (0.115, 0.024),
    "nose bridge": (0.045, 0.014),
    "mouth height": (0.54, 0.045),
    "mouth width": (0.235, 0.042),
    "upper lip": (0.042, 0.014),
    "lower lip": (0.058, 0.018),
    "ear size": (0.19, 0.033),
    "ear out": (0.06, 0.025),
    "hairline": (-0.62, 0.075),
    "neck": (0.4, 0.05),
}
SKINS = np.array([(236, 196, 168), (222, 178, 146), (198, 150, 116)], np.float32)
HAIRS = np.array([(34, 28, 28), (62, 42, 32), (96, 66, 44)], np.float32)


class Person(NamedTuple):
    """Who someone is: proportions, and what many share: skin and hair colour as (3,) red, green, blue, and haircut."""

    traits: Traits
    skin: np.ndarray
    hair: np.ndarray
    cut: str


def people(identities: int, each: int, seed: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """(pictures, labels): uint8 (N, S, S, 3) and int64 (N,): `each` pictures of every person 0, 1, ... in turn.

    The first people and the first pictures of each are the same whatever the counts.
    """
    pictures = np.empty((identities * each, side, side, 3), np.uint8)
    for who in range(identities):
        person = someone(np.random.default_rng([seed, who]))
        for number in range(each):
            pictures[who * each + number] = portrait(person, np.random.default_rng([seed, who, number + 1]), side)
    return pictures, np.repeat(np.arange(identities), each)


def someone(dice: np.random.Generator) -> Person:
    """A person."""
    traits = {
        name: middle + step * float(np.clip(dice.normal(), -SPREAD, SPREAD)) for name, (middle, step) in TRAITS.items()
    }
    return Person(
        traits, SKINS[dice.integers(len(SKINS))], HAIRS[dice.integers(len(HAIRS))], CUTS[dice.integers(len(CUTS))]
    )


def portrait(person: Person, dice: np.random.Generator, side: int = 64) -> np.ndarray:
    """(S, S, 3) uint8: one picture of a person."""
    drawn = side * SHARPER
    pose = Pose(dice, drawn)
    image = backdrop(dice, drawn)
    paint = ImageDraw.Draw(image)
    skin = person.skin + dice.normal(0, 4, 3)
    hair = person.hair + dice.normal(0, 5)
    hair_behind(paint, pose, person.traits, hair, person.cut)
    shoulders(paint, dice, pose, person.traits, skin)
    far_ear, near_ear = (-1, 1) if pose.turn > 0 else (1, -1)
    covered = person.cut == "long"  # the ears, by hair
    if not covered:
        ear(paint, pose, person.traits, skin, far_ear)
    fill(paint, pose.place(outline(person.traits)), skin)
    if not covered and abs(pose.turn) > 0.12:
        ear(paint, pose, person.traits, skin, near_ear)
    features(paint, pose, person.traits, dice, skin, hair)
    hair_before(paint, pose, person.traits, hair, person.cut)
    if dice.random() < 0.15:
        glasses(paint, pose, person.traits, dice)
    seen = np.asarray(image.reduce(SHARPER), np.float32)  # (S, S, 3)
    return photographed(lit(seen, pose, dice, side), dice, grain=8.0)


def backdrop(dice: np.random.Generator, drawn: int) -> Image.Image:
    """Whatever is behind: two colours, smooth blots, and a few out-of-focus shapes."""
    coarse = drawn // 4
    first, second = dice.uniform(50, 225, (2, 1)) + dice.uniform(-28, 28, (2, 3))
    mixed = 0.5 + 0.5 * noise(dice, coarse, coarse, 3, 3) + 0.15 * noise(dice, coarse, coarse, 9, 9)  # (D/4, D/4)
    painted = first + (second - first) * mixed[..., None]
    for _ in range(dice.integers(0, 4)):
        top, left = dice.integers(0, coarse, 2)
        tall, wide = dice.integers(4, coarse, 2)
        painted[top : top + tall, left : left + wide] += dice.uniform(-40, 40) + dice.uniform(-15, 15, 3)
    return Image.fromarray(np.clip(painted, 0, 255).astype(np.uint8)).resize((drawn, drawn), Image.Resampling.BILINEAR)


def lit(seen: np.ndarray, pose: Pose, dice: np.random.Generator, side: int) -> np.ndarray:
    """(S, S, 3): the light falls on a rounded head from one side, and has a colour."""
    towards = np.array([dice.normal(0, 0.6), dice.normal(-0.35, 0.35), 1.0])
    towards /= np.linalg.norm(towards)
    strength, cast = dice.uniform(0.15, 0.6), 1 + dice.normal(0, 0.03, 3)
    grid = (np.arange(side, dtype=np.float32) + 0.5) * SHARPER
    x = (grid[None] - pose.middle[0]) / pose.scale / 0.84
    y = (grid[:, None] - pose.middle[1]) / pose.scale / 1.25
    out = x * x + y * y  # (S, S): 1 at the edge of the head
    bright = (
        x * towards[0] + y * towards[1] + np.sqrt(np.clip(1 - out, 0, 1)) * towards[2]
    )  # how squarely the light falls
    level = 1 - strength + strength * 1.15 * np.clip(bright, 0, 1)
    level += (1 - 0.3 * strength - level) * np.clip((out - 0.8) * 3, 0, 1)  # evenly lit behind the head
    return (seen * level[..., None] * cast).astype(np.float32)
