"""What moves and parks in a drawn street: cars, vans and buses, with people, trees and signs along it (_roadside.py)."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from fofx.tasks import _art
from fofx.tasks._roadside import LEAVES, Draw, cyclist, lamp, light_or_sign, tree, walker
from fofx.tasks._stage import CLASS, FARTHEST, NEAREST, VOID, Camera, Stage

PAINTS = [(24, 26, 30), (52, 56, 62), (120, 124, 130), (190, 194, 198), (228, 228, 226), (150, 22, 26), (30, 52, 110)]
PAINTS += [(70, 96, 66), (96, 122, 152), (168, 140, 96), (196, 150, 30), (90, 36, 46)]
STRAYS = "🐕🧳📦🪑🐈🐩"


def traffic(
    dice: np.random.Generator,
    image: Image.Image,
    classes: Image.Image,
    camera: Camera,
    edges: tuple[float, float, float, float],
    light: float,
) -> None:
    """Fill a street, in place. edges: the pavements' outer edges and the kerbs, from left to right, metres from the camera."""
    left, kerb_left, kerb_right, right = edges
    things: list[tuple[float, Draw]] = []
    for kerb, edge in ((kerb_left, left), (kerb_right, right)):
        inwards = 1.0 if kerb < 0 else -1.0
        things += parked(dice, kerb + inwards * 1.05) if dice.random() < 0.6 else []
        things += beside(dice, kerb, edge, inwards)
    lane = (kerb_right - kerb_left) / 4
    for x, oncoming in ((kerb_right - lane, False), (kerb_left + lane, True)):
        z = dice.uniform(6, 40)
        while dice.random() < 0.5 and z < FARTHEST:
            things.append((z, car(dice, x + dice.uniform(-0.4, 0.4), z, oncoming)))
            z += dice.uniform(7, 30)
    for _ in range(dice.binomial(3, 0.35)):
        things.append(walker(dice, dice.uniform(left + 0.4, kerb_left - 0.2)))
        things.append(walker(dice, dice.uniform(kerb_right + 0.2, right - 0.4)))
    if dice.random() < 0.12:  # someone crosses
        things.append(walker(dice, dice.uniform(kerb_left, kerb_right)))
    if dice.random() < 0.3:
        z = dice.uniform(5, 30)
        things.append((z, cyclist(dice, dice.choice((kerb_left + 0.9, kerb_right - 0.9)), z)))
    if dice.random() < 0.25:
        sign, z = STRAYS[dice.integers(len(STRAYS))], dice.uniform(5, 20)
        x = dice.choice((dice.uniform(left, kerb_left), dice.uniform(kerb_right, right)))
        makers, tall = _art.drawn_by(sign), dice.uniform(0.5, 0.9)
        maker = makers[dice.integers(len(makers))]
        things.append((z, lambda stage: stage.sprite(sign, maker, x, z, tall, VOID, False)))
    stage = Stage(image, classes, camera, light)
    for _, draw in sorted(things, key=lambda thing: -thing[0]):
        draw(stage)


def parked(dice: np.random.Generator, x: float) -> list[tuple[float, Draw]]:
    """Cars along a kerb, with free places."""
    full, z, oncoming = dice.uniform(0.2, 0.95), dice.uniform(NEAREST, 9), bool(dice.random() < 0.4)
    row = []
    while z < FARTHEST:
        if dice.random() < full:
            row.append((z, car(dice, x, z, oncoming)))
        z += dice.uniform(5.2, 7)
    return row


def beside(dice: np.random.Generator, kerb: float, edge: float, inwards: float) -> list[tuple[float, Draw]]:
    """Lamps, trees and signs along one pavement."""
    near = kerb - inwards * 0.4
    things: list[tuple[float, Draw]] = []
    step, z, tall = dice.uniform(14, 32), dice.uniform(4, 24), dice.uniform(5, 9)
    while z < FARTHEST and tall < 8.5:
        things.append((z, lamp(dice, near, z, tall, inwards)))
        z += step
    if dice.random() < 0.45:
        step, z, size = dice.uniform(6, 16), dice.uniform(4, 18), dice.uniform(2.4, 5)
        leaf = LEAVES[dice.integers(len(LEAVES))]
        while z < FARTHEST:
            if dice.random() < 0.8:
                things.append(
                    (z, tree(dice, near if dice.random() < 0.6 else edge, z, size * dice.uniform(0.7, 1.3), leaf))
                )
            z += step
    for _ in range(dice.binomial(2, 0.35)):
        z = dice.uniform(5, 28)
        things.append((z, light_or_sign(dice, near + dice.uniform(-0.3, 0.3), z)))
    return things


def car(dice: np.random.Generator, x: float, z: float, oncoming: bool) -> Draw:
    """A car, now and then a van or bus, from behind or from the front: a box with a cabin, seen in perspective."""
    kind = dice.random()
    wide, tall, long = (1.78, 1.48, 4.2) if kind < 0.84 else (2.0, 2.2, 5.0) if kind < 0.95 else (2.5, 3.1, 10.0)
    tall *= dice.uniform(0.93, 1.12)
    belt = tall * (0.62 if kind < 0.84 else 0.5)
    inset, rake = (0.2, 0.6) if kind < 0.84 else (0.05, 0.1)
    colour, shine = PAINTS[dice.integers(len(PAINTS))], dice.uniform(0.8, 1.2)
    lamps = (235, 235, 215) if oncoming else (196, 20, 22)
    plate, braking = ((225, 225, 220) if dice.random() < 0.6 else (214, 180, 40)), dice.uniform(0.8, 1.3)
    number = CLASS["car"]

    def draw(stage: Stage) -> None:
        half, back = wide / 2, z + long
        glass = (46, 56, 66)
        for edge in (x - half, x + half):  # the side that the camera sees, if any
            if (edge > 0) != (edge < x) or abs(edge) < 0.1:
                continue
            inner = edge + (inset if edge < x else -inset)
            stage.solid(
                [(edge, 0.22, z), (edge, belt, z), (edge, belt, back), (edge, 0.22, back)], colour, number, 0.72 * shine
            )
            stage.solid(
                [
                    (edge, belt, z),
                    (inner, tall, z + rake),
                    (inner, tall, back - 2 * rake - 0.2),
                    (edge, belt, back - rake),
                ],
                glass,
                number,
            )
            for wheel in (z + 0.75, back - 0.8):
                near, off = stage.camera.point(edge, 0.62, wheel - 0.32), stage.camera.point(edge, 0, wheel + 0.32)
                box = (min(near[0], off[0]), near[1], max(near[0], off[0]) + 1, max(off[1], near[1] + 1))
                stage.paint.ellipse(box, fill=stage.tone((22, 22, 24), z))
                stage.label.ellipse(box, fill=number)
        stage.flat(x - half, x + half, 0.05, 0.35, z, (20, 20, 22), number)
        stage.flat(x - half, x + half, 0.3, belt, z, colour, number, shine)
        top = [(x - half + inset, tall, z + rake), (x + half - inset, tall, z + rake)]
        stage.solid([(x - half, belt, z), (x + half, belt, z), top[1], top[0]], colour, number, 0.9 * shine)
        gap = inset + 0.1
        stage.solid(
            [(x - half + gap, belt + 0.03, z), (x + half - gap, belt + 0.03, z), (x + half - gap - 0.1, tall - 0.12, z + rake), (x - half + gap + 0.1, tall - 0.12, z + rake)],
            glass,
            number,
        )  # fmt: skip
        for edge in (x - half + 0.16, x + half - 0.16):
            stage.flat(edge - 0.15, edge + 0.15, belt - 0.28, belt - 0.1, z, lamps, None, braking)
        stage.flat(x - 0.26, x + 0.26, 0.45, 0.57, z, plate, None)

    return draw


def bonnet(dice: np.random.Generator, image: Image.Image, classes: Image.Image) -> None:
    """The bonnet of one's own car along the lower edge: void, in place."""
    columns, rows = image.size
    tall, lean = rows * dice.uniform(0.04, 0.12), columns * dice.uniform(-0.1, 0.1)
    box = (-0.15 * columns + lean, rows - tall, 1.15 * columns + lean, rows + 4 * tall)
    colour = PAINTS[dice.integers(len(PAINTS))]
    ImageDraw.Draw(image).ellipse(box, fill=colour)
    ImageDraw.Draw(classes).ellipse(box, fill=VOID)
