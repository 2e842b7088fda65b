"""The houses, hedges and fences of a drawn street, computed pixel by pixel from where each looks.

Shapes: R rows and C columns of the picture while it is drawn, C' the columns on one side of the vanishing point.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fofx.tasks._paint import noise
from fofx.tasks._stage import CLASS, Camera

FAR = 130.0  # metres: nothing is drawn beyond
WALLS = [(150, 86, 66), (176, 140, 110), (196, 186, 168), (132, 128, 124), (92, 88, 92), (206, 198, 190), (122, 70, 60)]
WALLS += [(164, 152, 120), (110, 120, 132), (188, 160, 124)]
GREENS = [(58, 88, 40), (78, 104, 50), (96, 112, 58), (48, 72, 44)]


class Front(NamedTuple):
    """One side's houses, near to far: where each begins (metres ahead), its height (0: a gap), colours, storeys, windows."""

    starts: np.ndarray
    heights: np.ndarray
    colours: np.ndarray
    storey: np.ndarray
    window: np.ndarray
    gap: np.ndarray  # what a gap shows: 0 the open sky, 1 a hedge, 2 a fence before a hedge, 3 a fence


def houses(dice: np.random.Generator) -> Front:
    """The houses of one side from behind the camera to FAR: mostly closed rows, or villas with gaps."""
    closed, tall = dice.uniform(0.45, 0.95), dice.uniform(6, 17)
    starts, heights = [-20.0], []
    while starts[-1] < FAR:
        house = dice.random() < closed
        heights.append(max(3.5, tall * dice.uniform(0.6, 1.4)) if house else 0.0)
        starts.append(starts[-1] + (dice.uniform(6, 22) if house else dice.uniform(3, 14)))
    count = len(heights)
    colours = np.array([WALLS[dice.integers(len(WALLS))] for _ in range(count)], np.float32) + dice.uniform(
        -18, 18, (count, 1)
    )
    return Front(
        np.array(starts, np.float32),
        np.array(heights, np.float32),
        colours.astype(np.float32),
        dice.uniform(2.6, 3.8, count).astype(np.float32),
        dice.uniform(1.4, 3.6, count).astype(np.float32),
        np.repeat(dice.integers(0, 4), count) if dice.random() < 0.5 else dice.integers(0, 4, count),
    )


def wall(
    painted: np.ndarray,
    mask: np.ndarray,
    camera: Camera,
    front: Front,
    side: int,
    edge: float,
    dice: np.random.Generator,
    pale: np.ndarray,
    light: float,
) -> None:
    """Paint the fronts along one pavement's edge (metres from the camera, to one side), and what stands in their gaps."""
    columns = np.arange(camera.columns, dtype=np.float32) - camera.column
    first, last = (0, int(camera.column)) if side < 0 else (int(camera.column) + 1, camera.columns)
    if last - first < 2 or side * edge < 0.5:
        return
    ahead = camera.focal * abs(edge) / np.maximum(np.abs(columns[first:last]), 0.5)  # (C',)
    which = np.clip(np.searchsorted(front.starts, ahead, side="right") - 1, 0, len(front.heights) - 1)
    up = (
        camera.height - (np.arange(camera.rows, dtype=np.float32)[:, None] - camera.row) * ahead / camera.focal
    )  # (R, C')
    within = (up > 0) & (ahead < FAR)
    along = ahead - front.starts[which]
    tall = front.heights[which]
    is_wall = within & (up < tall)
    pane, frame = windows(up, along, tall, front.storey[which], front.window[which], dice)
    plaster = front.colours[which] * (light * (0.85 if side < 0 else 1.0) * dice.uniform(0.7, 1.05))  # (C', 3)
    glass = np.array([70, 84, 100], np.float32) * light * dice.uniform(0.5, 1.4) * np.ones_like(plaster)
    looks = haze(np.stack([plaster, plaster * 1.25 + 14, glass]).astype(np.float32), ahead[:, None], pale)  # (3, C', 3)
    look = frame.view(np.uint8) + 2 * pane.view(np.uint8)
    speckle = 1 + 0.06 * noise(dice, camera.rows, last - first, camera.rows / 3, (last - first) / 3)
    row, column = np.nonzero(is_wall)
    there = painted[:, first:last], mask[:, first:last]
    there[0][row, column] = looks[look[row, column], column] * speckle[row, column, None]
    there[1][row, column] = CLASS["building"]

    gap = np.where(tall > 0, 0, front.gap[which])
    if not gap.any():
        return
    leaf = noise(dice, camera.rows, last - first, camera.rows / 4, (last - first) / 4)
    hedge = within & (gap % 3 > 0) & (up < 2.6 + 1.2 * leaf + 1.5 * np.sin(along))
    row, column = np.nonzero(hedge)
    green = np.array(GREENS[dice.integers(len(GREENS))], np.float32) * light * (1 + 0.35 * leaf[row, column, None])
    there[0][row, column] = haze(green.astype(np.float32), ahead[column, None], pale)
    there[1][row, column] = CLASS["tree"]
    high = dice.uniform(0.9, 1.7)
    railing = within & (gap > 1) & (up < high)
    bars = railing & ((np.mod(along, 0.35) < 0.12) | (up > high - 0.12) | (up < 0.25))
    there[0][bars] = np.array([[60, 56, 54], [150, 130, 104], [205, 205, 200]][dice.integers(3)], np.float32) * light
    there[1][railing] = CLASS["fence"]


def windows(
    up: np.ndarray, along: np.ndarray, tall: np.ndarray, storey: np.ndarray, step: np.ndarray, dice: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(panes, frames) as bool (R, C'): a window a storey and step, doors and shop fronts below."""
    x, y = np.mod(along, step) / step, np.mod(up, storey) / storey
    edge, foot = dice.uniform(0.18, 0.3), dice.uniform(0.25, 0.4)
    inside = (up < tall - 0.5) & (along > 0.4)
    pane = inside & (x > edge) & (x < 1 - edge) & (y > foot) & (y < 0.85)
    frame = inside & (x > edge - 0.05) & (x < 1.05 - edge) & (y > foot - 0.06) & (y < 0.9) & ~pane
    if dice.random() < 0.4:  # shops
        pane = np.where(up < storey, (up > 0.5) & (up < storey * 0.75) & (np.mod(along, 2 * step) > 0.3), pane)
    eaves = (up > tall - 0.35) & (up < tall)
    return pane, (frame | eaves) & ~pane


def faces(
    painted: np.ndarray,
    mask: np.ndarray,
    camera: Camera,
    front: Front,
    side: int,
    edge: float,
    dice: np.random.Generator,
    pale: np.ndarray,
    light: float,
) -> None:
    """The walls that look at the camera: of every house that is higher than what comes before it, far to near."""
    before = np.concatenate([[0], front.heights[:-1]])
    for number in range(len(front.heights) - 1, -1, -1):
        ahead, tall = float(front.starts[number]), float(front.heights[number])
        if tall <= before[number] or not 1.5 < ahead < FAR:
            continue
        column = camera.column + camera.focal * edge / ahead
        first, last = (0, int(column)) if side < 0 else (int(column) + 1, camera.columns)
        top, foot = (int(camera.row + camera.focal * (camera.height - up) / ahead) for up in (tall, 0.0))
        first, last, top, foot = max(first, 0), min(last, camera.columns), max(top, 0), min(foot, camera.rows)
        if last <= first or foot <= top:
            continue
        colour = front.colours[number] * light * dice.uniform(0.6, 0.95)
        colour = haze(colour.astype(np.float32).reshape(1, 1, 3), np.full((1, 1, 1), ahead), pale)
        painted[top:foot, first:last], mask[top:foot, first:last] = colour, CLASS["building"]


def haze(painted: np.ndarray, ahead: np.ndarray, pale: np.ndarray) -> np.ndarray:
    """Far things turn to the colour of the horizon, in place."""
    painted += (pale - painted) * (1 - np.exp(-ahead / 180)).astype(np.float32)
    return painted
