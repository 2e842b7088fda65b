"""Boxes as files say them, measured against their pictures: in pixels of the picture as it is seen, cut at its edges.

What is wrong with a box or a picture is counted here and told as notices; nothing is repaired in silence.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from fofx.boxes.written import Box
from fofx.errors import Notice
from fofx.pictures import ORIENTATION, Unreadable, is_turned, opened


class Drawn(NamedTuple):
    """One box as a file says it: a name, or None; left, top, right, bottom; `shares` of the picture's sides, or pixels."""

    label: str | None
    corners: tuple[float, float, float, float]
    shares: bool = False
    crowd: bool = False


@dataclass
class Marked:
    """One picture (its path as names below the root) and its boxes; the part and the size that the annotation says."""

    path: tuple[str, ...]
    boxes: list[Drawn] = field(default_factory=list)
    part: str | None = None
    size: tuple[int, int] | None = None


class Look(NamedTuple):
    """What is seen of a picture: (width, height) upright, and how the file says that it is stored (1: as it is seen)."""

    size: tuple[int, int]
    turn: int


def look(path: str) -> Look | str:
    """A picture's size from the first bytes of its file, or why it cannot be had."""
    try:
        with opened(path) as image:
            turn = int(image.getexif().get(ORIENTATION, 1)) if is_turned(image) else 1
            width, height = image.size
            return Look((height, width) if turn >= 5 else (width, height), turn)
    except Unreadable as error:
        return str(error)


def usable(one: Marked, seen: Look, counts: Counter[str]) -> list[Box]:
    """The boxes of a picture in its own pixels, cut at its edges; what is wrong with the others is counted."""
    width, height = seen.size
    turned = seen.turn >= 5 and one.size == (height, width) and width != height
    scale = (1.0, 1.0)
    if one.size and not turned and one.size != seen.size:
        scale = width / one.size[0], height / one.size[1]
        counts["rescaled pictures"] += 1
    counts["turned pictures"] += turned
    found: list[Box] = []
    for drawn in one.boxes:
        left, top, right, bottom = drawn.corners
        if not all(math.isfinite(side) for side in drawn.corners):
            counts["unreadable"] += 1
            continue
        if drawn.shares:
            left, top, right, bottom = left * width, top * height, right * width, bottom * height
        elif turned:
            left, top, right, bottom = upright((left, top, right, bottom), seen.turn, height, width)
        else:
            left, top, right, bottom = left * scale[0], top * scale[1], right * scale[0], bottom * scale[1]
        slack = 0.001 * max(width, height)  # what rounding of shares may add
        outside = min(left, top) < -slack or right > width + slack or bottom > height + slack
        left, right = (min(max(side, 0.0), float(width)) for side in (left, right))
        top, bottom = (min(max(side, 0.0), float(height)) for side in (top, bottom))
        if not drawn.label:
            counts["without class"] += 1
        elif right - left < 0.01 or bottom - top < 0.01:
            counts["empty"] += 1
        else:
            counts["clipped"] += outside
            box: Box = (drawn.label, (left, top, right - left, bottom - top), drawn.crowd)
            counts["repeated"] += box in found
            found += [box] if box not in found else []
    return found


def upright(corners: tuple[float, float, float, float], turn: int, width: int, height: int) -> tuple[float, ...]:
    """Corners on a picture as stored (`width` x `height`) to corners on it as seen; `turn` is 5 to 8 of EXIF's ways."""
    left, top, right, bottom = corners
    if turn in (6, 7):  # stored top edge is seen at the right
        top, bottom = height - bottom, height - top
    if turn in (7, 8):
        left, right = width - right, width - left
    return top, left, bottom, right


def notes_of(counts: Counter[str]) -> list[Notice]:
    """What was found out about the boxes, in words."""
    told = {
        "clipped": ("boxes-clipped", "box(es) reach beyond their pictures; they were cut at the edge."),
        "empty": ("boxes-empty", "box(es) have no area within their pictures; they are left out."),
        "without class": ("boxes-without-class", "box(es) say no class; they are left out."),
        "unreadable": ("boxes-unreadable", "box(es) have no four numbers; they are left out."),
        "repeated": ("boxes-repeated", "box(es) are there twice, with the same class; they count once."),
        "rescaled pictures": (
            "boxes-rescaled",
            "picture(s) have another size than their annotation says; their boxes were scaled with them.",
        ),
        "turned pictures": ("boxes-turned", "picture(s) are stored turned; their boxes were turned with them."),
        "empty pictures": ("pictures-without-boxes", "picture(s) have no box: they count as pictures of nothing."),
    }
    return [Notice(code, f"{counts[key]} {text}", counts[key]) for key, (code, text) in told.items() if counts[key]]
