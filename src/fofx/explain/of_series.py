"""What of a past carried a forecast: stretches of the series are taken away, a straight line put in their place.

Shapes: P past values, V variants of one row, H x W pixels of the drawn curve.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fofx.explain.occlude import Found, Variants, variants_of
from fofx.fields.series import Series

HEIGHT, WIDTH = 80, 320
STRETCHES = 24  # at most


@variants_of.register
def of_series(field: Series, column: pl.Series, places: int) -> Variants:
    """The past, nothing but its usual value, and the past with each stretch of it made a straight line.

    A stretch has an eighth of the past; neighbouring ones overlap, and a moment's effect is the mean over its stretches.
    """
    past = field.pasts(column)[0]  # (P,)
    stretches = [slice(start, start + size) for start, size in parts(len(past))]
    table = np.repeat(past[None], 2 + len(stretches), axis=0)  # (V, P)
    table[1] = field.mean
    for number, stretch in enumerate(stretches):
        table[2 + number, stretch] = bridged(past, stretch)

    def finish(losses: np.ndarray) -> Found:
        total, count = np.zeros(len(past)), np.zeros(len(past))
        for stretch, loss in zip(stretches, losses[1:]):
            total[stretch] += loss
            count[stretch] += 1
        effect = total / np.maximum(count, 1)  # (P,)
        across = np.minimum(np.arange(WIDTH) * len(past) // WIDTH, len(past) - 1)
        return Found(float(losses[0]), heat=np.repeat(effect[across][None], HEIGHT, axis=0))  # (H, W)

    shape = pl.Array(pl.Float64, len(past))
    return Variants(pl.Series(field.name, table, dtype=shape), (curve(past), float(field.mean)), finish)


def parts(length: int) -> list[tuple[int, int]]:
    """(start, size) of stretches of an eighth of the length, evenly from end to end."""
    size = max(1, length // 8)
    starts = np.unique(np.linspace(0, length - size, min(STRETCHES, length)).round().astype(int))
    return [(int(start), size) for start in starts]


def bridged(past: np.ndarray, stretch: slice) -> np.ndarray:
    """A straight line from the value before a stretch to the one after it; at an end, the one neighbour that there is."""
    rest = np.delete(np.arange(len(past)), stretch)  # (P - stretch,)
    if not len(rest):
        return np.full(len(past), past.mean())
    return np.interp(np.arange(stretch.start, stretch.stop), rest, past[rest])


def curve(past: np.ndarray) -> np.ndarray:
    """The past as a drawn line, oldest left: (H, W, 3) uint8."""
    low, high = float(past.min()), float(past.max())
    share = (past - low) / (high - low) if high > low else np.full(len(past), 0.5)  # (P,)
    places = (np.arange(WIDTH) + 0.5) * len(past) / WIDTH - 0.5
    heights = np.interp(places, np.arange(len(past)), share)  # (W,)
    rows = np.arange(HEIGHT)[:, None]
    line = (HEIGHT - 5) - heights[None] * (HEIGHT - 10)  # (1, W)
    slope = np.abs(np.gradient(line[0]))[None]
    near = np.clip(2.0 + slope / 2 - np.abs(rows - line), 0, 1)  # (H, W): thick enough to stay joined where it is steep
    return np.repeat((255 - 225 * near)[..., None], 3, axis=2).astype(np.uint8)
