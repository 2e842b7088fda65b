"""How the report shows a video: its frames as the network sees them, played one after another inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import polars as pl
from PIL import Image

from fofx.errors import FofxError
from fofx.explain.markup import words
from fofx.fields.video import Video
from fofx.report.shown import input_drawn

SECONDS = 1.6  # that the frames take together


@input_drawn.register
def played(field: Video, column: pl.Series) -> str:
    """An animated PNG, which every browser plays; nothing when its file is gone."""
    try:
        clip = field.clips_of(column, field.frames, field.side, field.channels)[0].transpose(0, 2, 3, 1)  # (F, S, S, C)
    except FofxError:
        return ""
    caption = words("report.video.frames", frames=len(clip))
    return f'<figure><img class="alone" src="{moving(clip)}" alt=""><figcaption class="quiet">{caption}</figcaption></figure>'


def moving(clip: np.ndarray) -> str:
    """Frames (F, S, S, C) uint8 as the address of an animated PNG inside the page."""
    images = [Image.fromarray(np.ascontiguousarray(frame[..., 0] if frame.shape[2] == 1 else frame)) for frame in clip]
    kept = io.BytesIO()
    images[0].save(
        kept, "PNG", save_all=True, append_images=images[1:], duration=round(1000 * SECONDS / len(images)), loop=0
    )
    return "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()
