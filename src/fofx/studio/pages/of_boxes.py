"""Boxes on a page: the right ones and the answered ones over the picture."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from fofx.studio.pages.overlaid import answered

__all__ = ["answered", "classes", "laid"]
LEAST = 0.05  # score of a box that can be shown


def laid(output: Any, frame: pl.DataFrame, predictions: np.ndarray) -> list[dict[str, Any]]:
    """{"boxes" where the right ones are known, "answered"} of each row; predictions (N, 100, 6), in shares of the picture."""
    right = frame[output.name].to_list() if output.name in frame.columns else [None] * len(predictions)
    rows = []
    for boxes, row, told in zip(right, predictions, output.told_of(predictions, frame)):
        size = json.loads(boxes)["size"] if isinstance(boxes, str) else told["value"]["size"]
        rows.append({"boxes": boxes, "answered": output.written(row, size, least=LEAST), "size": size})
    return rows


def classes(output: Any) -> list[str]:
    return list(output.names)
