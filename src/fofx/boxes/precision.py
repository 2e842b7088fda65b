"""Average precision: how good boxes with scores are, as COCO defines it (Lin and others 2014).

Boxes found are taken from the highest score down; each claims the right box of its class that it overlaps most, if the
overlap reaches a threshold and nobody has claimed it. Precision is then a curve over recall; its mean at 101 recalls is the
average precision (AP) of a class, and the mean over classes mAP. map50 uses the threshold 0.5; map50_95 is the mean over
0.5, 0.55, ... 0.95. Crowds (regions where single objects were not drawn) count neither as found nor as missed. NumPy only.

Shapes: P boxes found in a picture, rows of class, left, top, right, bottom, score; G right boxes, rows of class, left, top,
right, bottom and, if there is a sixth number, 1 for a crowd; T thresholds. Rows of a class below 0 are padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100  # boxes of a class in a picture that count, those with the highest scores


def detection_scores(found: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> dict[str, float | None]:
    """map50 and map50_95 of pictures: a (P, 6) and a (G, 5) or (G, 6) array for each. None where no right box is given."""
    table = list(average_precisions(found, right).values())
    if not table:
        return {"map50": None, "map50_95": None}
    each = np.stack(table)  # (classes, T)
    return {"map50": float(each[:, 0].mean()), "map50_95": float(each.mean())}


def average_precisions(found: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """{class: its AP at each threshold (T,)} for every class that some right box has (crowds aside)."""
    if len(found) != len(right):
        raise ValueError(f"boxes were found for {len(found)} pictures, but there are right ones for {len(right)}")
    given = [np.asarray(rows, dtype=np.float64) for rows in right]
    answers = [np.asarray(rows, dtype=np.float64) for rows in found]
    classes: set[int] = set()
    for rows in given:
        usual = rows[~is_crowd(rows)]
        classes |= {int(one) for one in np.unique(usual[:, 0]) if one >= 0}
    return {one: _of_class(one, answers, given) for one in sorted(classes)}


def is_crowd(right: np.ndarray) -> np.ndarray:
    """(G,) bool: rows that mark a crowd."""
    return right[:, 5] > 0 if right.shape[1] > 5 else np.zeros(len(right), dtype=bool)


def _of_class(one: int, found: Iterable[np.ndarray], right: Iterable[np.ndarray]) -> np.ndarray:
    scores, hits, passed_over = [], [], []
    wanted = 0
    for answers, given in zip(found, right):
        answers, given = answers[answers[:, 0] == one], given[given[:, 0] == one]
        answers = answers[np.argsort(-answers[:, 5], kind="stable")][:MOST]  # (P, 6)
        crowd = is_crowd(given)  # (G,)
        wanted += int((~crowd).sum())
        claimed = claims(answers[:, 1:5], given[:, 1:5], crowd)  # (T, P)
        scores.append(answers[:, 5])
        hits.append(claimed >= 0)
        passed_over.append((claimed >= 0) & crowd[claimed] if len(given) else np.zeros_like(claimed, dtype=bool))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit, over = np.concatenate(hits, axis=1)[:, order], np.concatenate(passed_over, axis=1)[:, order]  # (T, all)
    right_ones = np.cumsum(hit & ~over, axis=1, dtype=np.float64)  # (T, all)
    wrong_ones = np.cumsum(~hit & ~over, axis=1, dtype=np.float64)
    return np.array([_area(right_ones[row], wrong_ones[row], wanted) for row in range(len(THRESHOLDS))])  # (T,)


def claims(found: np.ndarray, right: np.ndarray, crowd: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """Which right box each found box claims, (T, P): its number, or -1.

    `found` (P, 4) from the highest score down, `right` (G, 4), `crowd` (G,) bool. A right box is claimed once, a crowd any
    number of times and only by boxes that reach no other.
    """
    shared = _overlaps(found, right, crowd)  # (P, G)
    free = np.ones((len(thresholds), len(right)), dtype=bool)  # (T, G)
    claimed = np.full((len(thresholds), len(found)), -1)
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]  # (T, 1)
    rows = np.arange(len(thresholds))
    for number, overlap in enumerate(shared):
        if not overlap.size or overlap.max() < least.min():
            continue
        able = free & (overlap >= least)  # (T, G)
        usual = able & ~crowd
        able = np.where(usual.any(axis=1, keepdims=True), usual, able)
        best = overlap.size - 1 - np.argmax(np.where(able, overlap, -1.0)[:, ::-1], axis=1)  # (T,) of equals the last
        has = able.any(axis=1)
        claimed[has, number] = best[has]
        free[rows[has], best[has]] = crowd[best[has]]
    return claimed


def _overlaps(found: np.ndarray, right: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """(P, G) intersection over union; over the found box's own area where the right one is a crowd."""
    left_top = np.maximum(found[:, None, :2], right[None, :, :2])  # (P, G, 2)
    right_bottom = np.minimum(found[:, None, 2:], right[None, :, 2:])
    shared = np.prod(np.clip(right_bottom - left_top, 0, None), axis=2)  # (P, G)
    own = np.prod(found[:, 2:] - found[:, :2], axis=1)[:, None]  # (P, 1)
    other = np.prod(right[:, 2:] - right[:, :2], axis=1)[None, :]  # (1, G)
    union = np.where(crowd[None, :], own, own + other - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _area(right_ones: np.ndarray, wrong_ones: np.ndarray, wanted: int) -> float:
    """Mean precision at the recalls 0, 0.01 ... 1: at each the best precision of any recall as high or higher."""
    recall = right_ones / wanted
    precision = right_ones / (right_ones + wrong_ones + np.spacing(1.0))
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    reached = places < len(best)
    return float(best[places[reached]].sum() / len(RECALLS))
