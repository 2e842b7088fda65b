"""Drawn video: one thing that moves over a still background, with words for it; and animations of one motif by one maker.

In `clips`, one frame shows what moves and in which colour, but only several frames show where to and how fast: a thing looks
to either side whichever way it moves, and another thing may stand still beside it.

Shapes: N clips, F frames, S side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from fofx.tasks import _art
from fofx.tasks._paint import lay, noise, random_of
from fofx.tasks._scenes import turned

# name: (emoji, Chinese name, Chinese counting word)
OBJECTS: dict[str, tuple[str, str, str]] = {
    "car": ("🚗", "汽车", "辆"),
    "bus": ("🚌", "公交车", "辆"),
    "bicycle": ("🚲", "自行车", "辆"),
    "boat": ("⛵", "帆船", "艘"),
    "plane": ("✈️", "飞机", "架"),
    "rocket": ("🚀", "火箭", "枚"),
    "fish": ("🐟", "鱼", "条"),
    "bird": ("🐦", "鸟", "只"),
    "butterfly": ("🦋", "蝴蝶", "只"),
    "dog": ("🐕", "狗", "只"),
    "cat": ("🐈", "猫", "只"),
    "sheep": ("🐑", "羊", "只"),
    "horse": ("🐎", "马", "匹"),
    "balloon": ("🎈", "气球", "个"),
    "ball": ("⚽", "球", "个"),
    "umbrella": ("☂️", "雨伞", "把"),
    "apple": ("🍎", "苹果", "个"),
}
COLOURS: dict[str, tuple[str, tuple[int, int, int]]] = {
    "red": ("红色", (214, 40, 44)),
    "yellow": ("黄色", (240, 196, 30)),
    "green": ("绿色", (50, 160, 70)),
    "blue": ("蓝色", (46, 104, 214)),
    "purple": ("紫色", (142, 70, 184)),
    "grey": ("灰色", (138, 138, 142)),
}
# name: (words, Chinese words, rows and columns a frame)
DIRECTIONS: dict[str, tuple[str, str, tuple[int, int]]] = {
    "right": ("to the right", "向右", (0, 1)),
    "left": ("to the left", "向左", (0, -1)),
    "up": ("up", "向上", (-1, 0)),
    "down": ("down", "向下", (1, 0)),
}
# name: (words, Chinese words, share of the picture's side a frame of eight)
SPEEDS: dict[str, tuple[str, str, float]] = {
    "slow": ("slowly ", "慢慢地", 0.016),
    "medium": ("", "", 0.045),
    "fast": ("quickly ", "快速地", 0.105),
}


class Words(NamedTuple):
    """What a clip shows: names of OBJECTS, COLOURS, DIRECTIONS and SPEEDS, and the same as a sentence."""

    object: str
    colour: str
    direction: str
    speed: str
    caption_en: str
    caption_zh: str


def caption(thing: str, colour: str, direction: str, speed: str) -> Words:
    """The names with their captions.

    >>> caption("car", "red", "left", "fast").caption_en
    'a red car moves quickly to the left'
    >>> caption("car", "red", "left", "fast").caption_zh
    '一辆红色的汽车快速地向左移动'
    """
    (_, name, count), (hue, _), (where, zh_where, _) = OBJECTS[thing], COLOURS[colour], DIRECTIONS[direction]
    how, zh_how, _ = SPEEDS[speed]
    english = f"a {colour} {thing} moves {how}{where}"
    return Words(thing, colour, direction, speed, english, f"一{count}{hue}的{name}{zh_how}{zh_where}移动")


def clips(count: int, seed: int, frames: int = 8, side: int = 48) -> tuple[np.ndarray, list[Words]]:
    """(clips, words): uint8 (N, F, S, S, 3) and what each shows. The same seed and sizes give the same clips.

    There are 17 objects x 6 colours x 4 directions x 3 speeds = 1,224 captions. The way a thing goes in a clip is the same
    for any number of frames: more frames are smaller steps.
    """
    shown = np.empty((count, frames, side, side, 3), np.uint8)
    words = []
    for number in range(count):
        shown[number], said = clip(random_of(seed, number), frames, side)
        words.append(said)
    return shown, words


def clip(dice: np.random.Generator, frames: int, side: int) -> tuple[np.ndarray, Words]:
    """One clip (F, S, S, 3) uint8 and its words."""
    names = [list(table)[dice.integers(len(table))] for table in (OBJECTS, COLOURS, DIRECTIONS, SPEEDS)]
    said = caption(*names)
    scene = backdrop(dice, side)
    if dice.random() < 0.5:  # something else stands still
        other = list(OBJECTS)[dice.integers(len(OBJECTS))]
        still = drawing(dice, other, list(COLOURS)[dice.integers(len(COLOURS))], side * dice.uniform(0.18, 0.32))
        lay(scene, still, *dice.integers(0, max(1, side - len(still)), 2).tolist())
    mover = drawing(dice, said.object, said.colour, side * dice.uniform(0.26, 0.42))
    way = np.array(DIRECTIONS[said.direction][2]) * SPEEDS[said.speed][2] * 8 * dice.uniform(0.85, 1.15) * side
    middle = side / 2 + dice.uniform(-0.14, 0.14, 2) * side  # where it is half way through
    bounce, sway = dice.uniform(0, 0.03) * side, dice.uniform(0, 2 * np.pi)
    shown = np.empty((frames, side, side, 3), np.uint8)
    for frame in range(frames):
        time = (frame + 0.5) / frames - 0.5
        spot = middle + way * time - np.array(mover.shape[:2]) / 2
        spot[0] += bounce * np.sin(2 * np.pi * 2 * time + sway)
        shown[frame] = exposed(dice, scene, shifted(mover, spot), np.floor(spot).astype(int))
    return shown, said


def backdrop(dice: np.random.Generator, side: int) -> np.ndarray:
    """(S, S, 3) float32: two colours and smooth blots."""
    first, second = (dice.uniform(70, 235, (2, 1)) + dice.uniform(-30, 30, (2, 3))).astype(np.float32)
    down = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    mixed = np.clip(down + 0.25 * noise(dice, side, side, 5, 5), 0, 1)  # (S, S)
    return first + (second - first) * mixed[..., None]


def drawing(dice: np.random.Generator, thing: str, colour: str, size: float) -> np.ndarray:
    """(h, w, 4) float32: a maker's drawing of a thing in a colour, looking to either side."""
    sign = OBJECTS[thing][0]
    drawn = _art.drawn_by(sign)
    picture = turned(drawn[dice.integers(len(drawn))], sign, max(6, round(size)), 0, bool(dice.random() < 0.5))
    return coloured(picture, COLOURS[colour][1])


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(h, w, 4) float32: dark stays dark and bright stays bright; what lies between takes the colour."""
    changed = picture.astype(np.float32)
    grey = changed[..., :3] @ np.array([0.3, 0.55, 0.15], np.float32)  # (h, w)
    steps = np.array([0.0, 110.0, 255.0])
    tinted = np.stack([np.interp(grey, steps, (12, part, min(255, part + 105))) for part in colour], -1)
    changed[..., :3] += 0.85 * (tinted - changed[..., :3])
    return changed


def shifted(picture: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """(h + 1, w + 1, 4): the drawing moved by the fractions of a place, so that slow things move smoothly."""
    down, right = (spot - np.floor(spot)).tolist()
    height, width = picture.shape[:2]
    solid = picture.astype(np.float32)
    solid[..., :3] *= solid[..., 3:] / 255  # premultiplied, or edges would darken
    moved = np.zeros((height + 1, width + 1, 4), np.float32)
    for row, share in ((0, 1 - down), (1, down)):
        for column, part in ((0, 1 - right), (1, right)):
            moved[row : row + height, column : column + width] += share * part * solid
    moved[..., :3] *= 255 / np.maximum(moved[..., 3:], 1)
    return moved


def exposed(dice: np.random.Generator, scene: np.ndarray, drawn: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8: one frame, with its own grain."""
    frame = scene.copy()
    lay(frame, drawn, int(spot[0]), int(spot[1]))
    frame += dice.standard_normal((*frame.shape[:2], 1), dtype=np.float32) * 4
    return np.clip(frame, 0, 255).astype(np.uint8)


MOVES = ("hop", "spin", "swing", "pulse", "slide", "shake")


def animations(drawings: Sequence[tuple[str, str]], seed: int, frames: int = 8, side: int = 48) -> np.ndarray:
    """(N, F, S, S, 3) uint8: for each (maker, emoji) a short animation of it, all in that maker's manner of drawing.

    Background, size, movement (one of MOVES) and tint are chosen by chance, so only the drawing tells the maker.
    """
    shown = np.empty((len(drawings), frames, side, side, 3), np.uint8)
    for number, (maker, sign) in enumerate(drawings):
        shown[number] = animation(random_of(seed, number), maker, sign, frames, side)
    return shown


def animation(dice: np.random.Generator, maker: str, sign: str, frames: int, side: int) -> np.ndarray:
    """(F, S, S, 3) uint8: one animation."""
    scene, move = backdrop(dice, side), MOVES[dice.integers(len(MOVES))]
    size, phase = side * dice.uniform(0.5, 0.72), dice.uniform(0, 2 * np.pi)
    middle, way = side / 2 + dice.uniform(-0.06, 0.06, 2) * side, 1 if dice.random() < 0.5 else -1
    source = Image.fromarray(turned(maker, sign, _art.SIDE, 0, bool(dice.random() < 0.5))).convert("RGBa")
    shade = (dice.uniform(0.85, 1.05) * dice.uniform(0.95, 1.05, 3)).astype(np.float32)
    shown = np.empty((frames, side, side, 3), np.uint8)
    for frame in range(frames):
        wave = float(np.sin(2 * np.pi * frame / frames + phase))
        wide, tall, angle, spot = size, size, 0.0, middle.copy()
        if move == "hop":
            spot[0] -= 0.14 * side * abs(wave)
            wide, tall = size * (1.1 - 0.15 * abs(wave)), size * (0.92 + 0.12 * abs(wave))
        elif move == "spin":
            angle = way * 360 * frame / frames + np.degrees(phase)
        elif move == "swing":
            angle = 28 * wave
        elif move == "pulse":
            wide = tall = size * (1 + 0.22 * wave)
        elif move == "slide":
            spot[1] += way * 0.22 * side * wave
        else:
            angle, spot = 9 * wave * way, spot + dice.uniform(-0.03, 0.03, 2) * side
        ratio = source.width / source.height
        sized = (max(4, round(wide * min(1, ratio))), max(4, round(tall * min(1, 1 / ratio))))
        image = source.resize(sized, Image.Resampling.BICUBIC)
        if angle:
            image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        pixels = np.asarray(image.convert("RGBA"), np.float32).copy()
        pixels[..., :3] = np.minimum(pixels[..., :3] * shade, 255)
        top_left = spot - np.array(pixels.shape[:2]) / 2
        shown[frame] = exposed(dice, scene, pixels, np.rint(top_left).astype(int))
    return shown
