"""Masks on a page: the right one and the answered one over the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fofx.studio.pages.overlaid import answered

__all__ = ["answered", "classes", "laid"]


def laid(output: Any, frame: pl.DataFrame, predictions: np.ndarray) -> list[dict[str, Any]]:
    """{"mask" where the right one is known, "answer", "confidence"} of each row; predictions (N, 2, H, W)."""
    right = output.truth(frame[output.name]) if output.name in frame.columns else [None] * len(predictions)
    return [{"mask": mask, "answer": answer, "confidence": sure} for mask, (answer, sure) in zip(right, predictions)]


def classes(output: Any) -> list[str]:
    return list(output.names)
