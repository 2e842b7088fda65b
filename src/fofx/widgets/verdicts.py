"""Which answered box found which right one, at an overlap of one half, and what a mask got right: the sums behind `Overlay`.

A box is {"label", "box": [left, top, width, height]}, an answered one has a "score" as well. The rule is that of average
precision (`fofx.boxes`): from the highest score down, each box claims the free right box of its class that it overlaps most.
Shapes: G right boxes, P answered ones, K classes, H x W pixels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from fofx.boxes.precision import claims
from fofx.errors import TaskError
from fofx.masks import VOID, confusion

OVERLAP = 0.5
FORM = '{"boxes": [{"label": ..., "box": [left, top, width, height]}]}'


def boxes_in(value: Any) -> list[dict[str, Any]]:
    """The boxes of a column's value: its JSON, the same as plain data, or a list of boxes. TaskError "bad-boxes"."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
        found = found["boxes"] if isinstance(found, dict) else (found or [])
        made = []
        for each in found:
            box = [float(side) for side in each["box"]]
            if len(box) != 4 or not np.isfinite(box).all():
                raise ValueError(f"the box {each['box']!r}")
            made.append({"label": str(each["label"]), "box": box, "score": float(each.get("score", 1.0))})
        return made
    except (ValueError, KeyError, TypeError) as error:
        raise TaskError("bad-boxes", f"Expected boxes as {FORM}; {error}.") from error


def corners(boxes: Sequence[dict[str, Any]]) -> np.ndarray:
    """left, top, right, bottom of each, (P, 4)."""
    sides = np.array([each["box"] for each in boxes], dtype=np.float64).reshape(-1, 4)
    return np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of corners (P, 4) and (G, 4): (P, G)."""
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.clip(sides, 0, None).prod(axis=2)  # (P, G)
    areas = [np.clip(each[:, 2:] - each[:, :2], 0, None).prod(axis=1) for each in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def judged(right: Sequence[dict], answered: Sequence[dict], threshold: float) -> tuple[list[dict], list[dict]]:
    """(right boxes, answered ones from `threshold` up, the surest first), each with its "verdict" and overlap "iou".

    A right box is "found" or "missed". An answered one is "right"; a "double" of one that was found already; of the wrong
    "class" at the right place; or nothing is there: "nothing".
    """
    given = [dict(each, verdict="missed", iou=0.0) for each in right]
    said = sorted((dict(each) for each in answered if each["score"] >= threshold), key=lambda each: -each["score"])
    shared = overlaps(corners(said), corners(given))  # (P, G)
    for label in {each["label"] for each in said}:
        mine = [place for place, each in enumerate(said) if each["label"] == label]
        theirs = [place for place, each in enumerate(given) if each["label"] == label]
        claimed = np.full(len(mine), -1)
        if theirs:
            crowd = np.zeros(len(theirs), dtype=bool)
            pair = corners([said[place] for place in mine]), corners([given[place] for place in theirs])
            claimed = claims(*pair, crowd, np.array([OVERLAP]))[0]  # (P of the class,)
        for place, number in zip(mine, claimed):
            each, near = said[place], shared[place]
            best = int(near.argmax()) if len(near) else -1
            each["iou"] = float(near[best]) if best >= 0 else 0.0
            if number >= 0:
                partner = given[theirs[number]]
                each["verdict"], each["iou"] = "right", float(near[theirs[number]])
                partner["verdict"], partner["iou"] = "found", each["iou"]
            elif any(near[other] >= OVERLAP for other in theirs):
                each["verdict"] = "double"
            else:
                each["verdict"] = "class" if each["iou"] >= OVERLAP else "nothing"
    return given, said


def box_counts(right: Sequence[dict], answered: Sequence[dict], classes: Sequence[str]) -> np.ndarray:
    """(K, 3) of judged boxes: right ones, answered ones, and answers that are right."""
    number = {name: place for place, name in enumerate(classes)}
    counts = np.zeros((len(classes), 3), dtype=np.int64)
    for each in right:
        counts[number[each["label"]], 0] += 1
    for each in answered:
        counts[number[each["label"]], 1] += 1
        counts[number[each["label"]], 2] += each["verdict"] == "right"
    return counts


def fitted(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map of class numbers in another size (H, W): at each place the class of the nearest pixel."""
    if mask.shape == shape:
        return mask
    down = (np.arange(shape[0]) * mask.shape[0]) // shape[0]
    across = (np.arange(shape[1]) * mask.shape[1]) // shape[1]
    return mask[down[:, None], across[None, :]]  # (H, W)


def pixel_counts(right: np.ndarray, answered: np.ndarray, classes: int) -> np.ndarray:
    """(K, K): line the right class, column the answered one. Void pixels, and such that got no answer, do not count."""
    known = np.where(answered == VOID, VOID, right)
    return confusion(known, np.where(answered == VOID, 0, answered), classes)
