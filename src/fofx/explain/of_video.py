"""What of a video carried an answer: in one frame after another, one region after another is made as it usually is there.

The usual is the median over the video's own frames: what moves through a region is gone from that frame, the background stays.
Shapes: F frames, S side, C colours, V variants of one video; frames are shown side by side.
"""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl

from fofx.explain.occlude import Found, Variants, variants_of
from fofx.fields.video import Video

REGIONS = 4  # along each side of a frame


@variants_of.register
def of_video(field: Video, column: pl.Series, places: int) -> Variants:
    """The video, the video standing still at its median, and the video with each region of each frame at the median."""
    clip = field.clips_of(column, field.frames, field.side, field.channels)[0].transpose(0, 2, 3, 1)  # (F, S, S, C)
    usual = np.median(clip, axis=0).astype(np.uint8)  # (S, S, C)
    edges = np.linspace(0, field.side, min(REGIONS, field.side) + 1).round().astype(int)
    cells = [slice(first, last) for first, last in itertools.pairwise(edges)]
    places_of = [(frame, rows, columns) for frame in range(len(clip)) for rows in cells for columns in cells]
    table = np.repeat(clip[None], 2 + len(places_of), axis=0)  # (V, F, S, S, C)
    table[1] = usual
    for number, (frame, rows, columns) in enumerate(places_of):
        table[2 + number, frame, rows, columns] = usual[rows, columns]

    def finish(losses: np.ndarray) -> Found:
        heat = np.zeros(clip.shape[:3])  # (F, S, S)
        for (frame, rows, columns), loss in zip(places_of, losses[1:]):
            heat[frame, rows, columns] = loss
        return Found(float(losses[0]), heat=side_by_side(heat[..., None])[..., 0])

    return Variants(pl.Series(field.name, table), (side_by_side(clip), usual), finish)


def side_by_side(frames: np.ndarray) -> np.ndarray:
    """Frames (F, S, S, C) as one strip, (S, F S, C)."""
    count, high, wide, colours = frames.shape
    return frames.transpose(1, 0, 2, 3).reshape(high, count * wide, colours)
