"""What stands at a drawn street: people, cyclists, trees, lamps, lights and signs.

Each is put together from a few outlines in metres, on the stage of _stage.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fofx.tasks import _art
from fofx.tasks._stage import CLASS, NEAREST, Colour, Stage

SKINS = [(240, 205, 180), (222, 178, 144), (188, 138, 100), (134, 92, 62), (86, 58, 42)]
CLOTHES = [(28, 30, 38), (60, 62, 72), (44, 60, 96), (110, 30, 36), (196, 190, 180), (84, 98, 70), (214, 120, 40)]
CLOTHES += [(150, 120, 160), (90, 70, 54), (226, 222, 90), (52, 120, 130), (232, 232, 230)]
LEAVES = [(52, 84, 36), (70, 100, 44), (92, 112, 52), (40, 66, 40), (112, 110, 48), (130, 96, 50)]

Draw = Callable[[Stage], None]


def walker(dice: np.random.Generator, x: float) -> tuple[float, Draw]:
    """Someone on foot: drawn here, or by one of the makers."""
    z = float(NEAREST + 1 + dice.gamma(2.0, 6.0))
    if dice.random() < 0.25:
        sign = "🚶🏃🧍"[dice.integers(3)]
        makers = _art.drawn_by(sign)
        maker, mirror = makers[dice.integers(len(makers))], bool(dice.random() < 0.5)
        tall = dice.uniform(1.5, 1.9)
        return z, lambda stage: stage.sprite(sign, maker, x, z, tall, CLASS["person"], mirror)
    return z, person(dice, x, z)


def person(dice: np.random.Generator, x: float, z: float) -> Draw:
    """A figure of head, trunk, arms and legs in mid-step."""
    tall = dice.uniform(1.5, 1.92) * (0.68 if dice.random() < 0.12 else 1)
    skin, hair = SKINS[dice.integers(len(SKINS))], CLOTHES[dice.integers(3)] if dice.random() < 0.7 else (140, 100, 60)
    coat, legs = CLOTHES[dice.integers(len(CLOTHES))], CLOTHES[dice.integers(5)]
    stride, broad = dice.uniform(-0.25, 0.25), tall * dice.uniform(0.115, 0.16)
    coat_end, bag, skirt = dice.uniform(0.34, 0.5), dice.random() < 0.25, dice.random() < 0.2
    bag_colour, side = CLOTHES[dice.integers(len(CLOTHES))], dice.choice((-1, 1))
    number = CLASS["person"]

    def draw(stage: Stage) -> None:
        for way in (-1, 1):
            stage.bar(x + way * (0.07 + abs(stride) / 2), 0, 0.5 * tall, z, 0.13, legs, number, -way * abs(stride) / 2)
        for way in (-1, 1):
            stage.bar(
                x + way * (broad + 0.03 + abs(stride) / 4),
                0.42 * tall,
                0.8 * tall,
                z,
                0.1,
                [0.85 * value for value in coat],
                number,
                -way * abs(stride) / 4,
            )
        hem = broad * (1.25 if skirt else 0.85)
        stage.solid(
            [
                (x - hem, coat_end * tall, z),
                (x + hem, coat_end * tall, z),
                (x + broad, 0.82 * tall, z),
                (x - broad, 0.82 * tall, z),
            ],
            coat,
            number,
        )
        if bag:
            stage.oval(x + side * broad, 0.5 * tall, z, 0.3, 0.34, bag_colour, number)
        stage.oval(x, 0.915 * tall, z, 0.12 * tall, 0.17 * tall, hair, number)
        stage.oval(x + side * 0.015, 0.895 * tall, z, 0.1 * tall, 0.125 * tall, skin, number)

    return draw


def cyclist(dice: np.random.Generator, x: float, z: float) -> Draw:
    """Someone on a bicycle, from behind, or drawn from the side by one of the makers."""
    number = CLASS["cyclist"]
    if dice.random() < 0.45:
        makers, mirror = _art.drawn_by("🚴"), bool(dice.random() < 0.5)
        maker = makers[dice.integers(len(makers))]
        return lambda stage: stage.sprite("🚴", maker, x, z, 1.8, number, mirror)
    coat, legs, head = (CLOTHES[dice.integers(len(CLOTHES))] for _ in range(3))
    lean, broad = dice.uniform(-0.1, 0.1), dice.uniform(0.19, 0.26)

    def draw(stage: Stage) -> None:
        stage.oval(x, 0.34, z, 0.09, 0.68, (18, 18, 20), number)
        for way in (-1, 1):
            stage.bar(x + way * 0.14, 0.2 + 0.12 * way, 0.95, z, 0.14, legs, number, -way * 0.03)
        stage.flat(x - 0.3, x + 0.3, 0.98, 1.03, z, (40, 40, 42), number)
        stage.solid(
            [
                (x - broad * 0.8, 0.9, z),
                (x + broad * 0.8, 0.9, z),
                (x + broad + lean, 1.45, z),
                (x - broad + lean, 1.45, z),
            ],
            coat,
            number,
        )
        for way in (-1, 1):
            stage.bar(x + way * (broad + 0.05) + lean / 2, 1.0, 1.4, z, 0.1, coat, number)
        stage.oval(x + lean, 1.6, z, 0.22, 0.28, head, number)

    return draw


def tree(dice: np.random.Generator, x: float, z: float, size: float, leaf: tuple[int, int, int]) -> Draw:
    """A trunk and a crown of overlapping clumps of leaves."""
    trunk, wide = size * dice.uniform(0.5, 0.9), size * dice.uniform(0.8, 1.25)
    clumps = dice.normal(0, 1, (16, 2)).clip(-1.6, 1.6)
    sizes, gains = dice.uniform(0.3, 0.62, 16), np.sort(dice.uniform(0.6, 1.3, 16))
    number = CLASS["tree"]

    def draw(stage: Stage) -> None:
        stage.bar(x, 0, trunk + 0.3 * size, z, 0.07 * size, (78, 62, 50), number)
        for (across, up), clump, gain in zip(clumps, sizes, gains, strict=True):
            y = trunk + size * 0.5 + up * 0.26 * size + 0.12 * size * (gain - 0.9)
            stage.oval(x + across * 0.27 * wide, y, z, clump * wide, clump * size, leaf, number, gain)

    return draw


def lamp(dice: np.random.Generator, x: float, z: float, tall: float, inwards: float) -> Draw:
    """A street lamp or a telegraph pole."""
    arm, wide = (1.2 * inwards if dice.random() < 0.7 else 0.0), dice.uniform(0.1, 0.24)
    colour = [(70, 72, 74), (120, 122, 122), (86, 70, 56), (40, 52, 46)][dice.integers(4)]
    number = CLASS["pole"]

    def draw(stage: Stage) -> None:
        stage.bar(x, 0, tall, z, wide, colour, number)
        if arm:
            half = max(0.05, 0.55 * z / stage.camera.focal)
            ends = sorted((x, x + arm))
            stage.flat(ends[0], ends[1], tall - half, tall + half, z, colour, number)

    return draw


def light_or_sign(dice: np.random.Generator, x: float, z: float) -> Draw:
    """A traffic light, or one of the usual signs, on a pole."""
    kind, tall, size = dice.integers(6), dice.uniform(2.1, 3.0), dice.uniform(0.5, 0.85)
    sign, pole, lit = CLASS["sign"], CLASS["pole"], dice.integers(3)
    board = [(26, 70, 150), (20, 110, 60), (226, 226, 222)][dice.integers(3)]

    def draw(stage: Stage) -> None:
        stage.bar(x, 0, tall, z, 0.09, (110, 112, 114), pole)
        red, white, y = (196, 24, 30), (232, 232, 230), tall + size / 2
        if kind == 0:  # traffic light
            stage.flat(x - 0.17, x + 0.17, tall, tall + 0.95, z, (26, 28, 28), sign)
            for lens, glow in enumerate([(60, 220, 120), (250, 190, 40), (250, 50, 40)]):
                shown = glow if lens == lit else (46, 46, 44)
                stage.oval(x, tall + 0.17 + 0.3 * lens, z, 0.22, 0.22, shown, None, 1.2)
        elif kind in (1, 2):  # round: a limit, or no entry
            stage.oval(x, y, z, size, size, red, sign)
            stage.oval(x, y, z, size * 0.72, size * 0.72, white if kind == 1 else red, None)
            wide, thick, ink = size * 0.22, size * 0.07, ((30, 30, 30) if kind == 1 else white)
            stage.flat(x - wide, x + wide, y - thick, y + thick, z, ink, None)
        elif kind == 3:  # warning
            borders: tuple[tuple[float, Colour, int | None], ...] = ((1.0, red, sign), (0.62, white, None))
            for part, colour, number in borders:
                half = size / 2 * part
                low = tall + size * 0.04 + (size / 2 - half) * 0.6
                stage.solid([(x - half, low, z), (x + half, low, z), (x, low + 1.75 * half, z)], colour, number)
        elif kind == 4:  # round and blue
            stage.oval(x, y, z, size, size, (28, 84, 168), sign)
            stage.oval(x, y, z, size * 0.3, size * 0.6, white, None)
        else:  # a board
            stage.flat(x - size, x + size, tall, tall + size, z, board, sign)
            low, writing = tall + size * 0.4, tuple(255 - value for value in board)
            stage.flat(x - size * 0.8, x + size * 0.6, low, low + size * 0.15, z, writing, None)

    return draw
