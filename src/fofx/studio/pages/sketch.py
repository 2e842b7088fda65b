"""A drawing as a picture like those that the network learnt from: the ink is cut out, and put where theirs lies, in their colours.

Shapes: H x W pixels, N example pictures.
"""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from nicegui import ui

from fofx.errors import DataError

LARGEST = 400_000  # characters of a drawing's address
SIDE = 280


class Sketch(ui.element, component="sketch.js"):
    """The square; `drawn` gets the ink (280, 280) from 0 to 1 after every stroke."""

    def __init__(self, label: str, drawn: Any, brush: int = 24) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["brush"] = brush

        async def taken(event: Any) -> None:
            await drawn(ink_of(str(event.args)))

        self.on("drawn", taken)

    def clear_ink(self) -> None:
        self.run_method("clear")


def ink_of(address: str) -> np.ndarray:
    """The drawing behind a data address as ink (280, 280), 0 paper to 1 ink. DataError "bad-picture" for anything else."""
    from PIL import Image

    head = "data:image/png;base64,"
    if not address.startswith(head) or len(address) > LARGEST:
        raise DataError("bad-picture", "This is no drawing.")
    try:
        image = Image.open(BytesIO(base64.b64decode(address[len(head) :])), formats=["PNG"])
        if image.size != (SIDE, SIDE):
            raise ValueError(f"it measures {image.size}")
        return np.asarray(image.convert("RGBA"))[..., 3].astype(np.float64) / 255  # (H, W)
    except (OSError, ValueError) as problem:
        raise DataError("bad-picture", f"This is no drawing: {problem}.") from problem


def bright_ink(examples: np.ndarray) -> bool:
    """Whether the examples (N, H, W) are bright strokes on dark paper: their edges are mostly dark."""
    edges = np.concatenate([examples[:, 0], examples[:, -1], examples[:, :, 0], examples[:, :, -1]], axis=1)
    return float(np.median(edges)) < 128


def box_of(ink: np.ndarray) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right) of the ink (H, W); None without any."""
    marked = ink > 0.25
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if len(rows) else None


def like(ink: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """The drawing (280, 280) as a picture (H, W) uint8 like the examples (N, H, W): as high and as bright as their ink usually
    is, in the middle of where theirs lies. DataError "no-drawing" when nothing was drawn."""
    from PIL import Image

    box = box_of(ink)
    if box is None:
        raise DataError("no-drawing", "Nothing is drawn yet.")
    height, width = examples.shape[1:]
    bright = bright_ink(examples)
    inks = examples / 255.0 if bright else 1 - examples / 255.0  # (N, H, W)
    found = [each for each in map(box_of, inks) if each is not None]
    boxes = np.array(found or [(0, height, 0, width)], dtype=np.float64)  # (N, 4)
    high = float(np.median(boxes[:, 1] - boxes[:, 0]))
    wide = float(np.quantile(boxes[:, 3] - boxes[:, 2], 0.95))
    middle = np.median((boxes[:, 0] + boxes[:, 1]) / 2), np.median((boxes[:, 2] + boxes[:, 3]) / 2)
    top, bottom, left, right = box
    scale = min(high / (bottom - top), wide / (right - left))  # pixels of the picture for one of the drawing
    # The part of the drawing that the picture shows, so that the ink's middle falls on the examples' middle.
    y0 = (top + bottom) / 2 - middle[0] / scale
    x0 = (left + right) / 2 - middle[1] / scale
    area = [float(x0), float(y0), float(x0 + width / scale), float(y0 + height / scale)]
    pad = int(np.ceil(max(0, -x0, -y0, area[2] - SIDE, area[3] - SIDE))) + 1
    sheet = Image.fromarray(np.rint(np.pad(ink, pad) * 255).astype(np.uint8))
    small = sheet.resize(
        (width, height), Image.Resampling.BOX, box=(area[0] + pad, area[1] + pad, area[2] + pad, area[3] + pad)
    )
    strength = np.quantile(inks[inks > 0.25], 0.9) if (inks > 0.25).any() else 1.0
    drawn = np.asarray(small, dtype=np.float64)
    drawn = np.minimum(drawn / max(float(drawn.max()), 1.0), 1.0) * 255 * float(strength)
    return np.rint(drawn if bright else 255 - drawn).astype(np.uint8)  # (H, W)
