"""Clip: a video to play and to scrub frame by frame, and how much each frame weighed in the answer as bars under the frames.

    Clip(frames, seconds=1.5, weights=attention)       # frames (F, H, W), (F, H, W, 3) or (F, C, H, W); weights (F,)

Shapes: F frames, C channels, H x W pixels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets

from fofx.errors import TaskError
from fofx.widgets.shown import Shown, colours

MOST = 64  # frames that are sent, evenly spaced
LARGEST = 240  # pixels of a frame's longer side
USUAL = 0.125  # seconds of a frame, where nobody says


class Clip(Shown):
    """One video. seconds: how long all frames last together. weights: attention over time, or effects of explain (with a sign).

    TaskError "bad-video", "bad-effects".
    """

    name = "clip"
    parts: ClassVar[tuple[str, ...]] = ("clip_view",)
    title = traitlets.Unicode("").tag(sync=True)
    frames = traitlets.Bytes(b"").tag(sync=True)  # uint8 (F, H, W, 3)
    clip: traitlets.Dict = traitlets.Dict().tag(sync=True)  # {"frames", "height", "width", "seconds"}
    weights: traitlets.List = traitlets.List().tag(sync=True)  # (F,)
    signed = traitlets.Bool(False).tag(sync=True)  # whether the weights are effects rather than attention

    def __init__(
        self,
        frames: Any,
        seconds: float | None = None,
        weights: Any = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(lang, **traits)
        self.show(frames, seconds, weights)

    def show(self, frames: Any, seconds: float | None = None, weights: Any = None) -> None:
        """Show another video."""
        found = see(frames, seconds, weights)
        with self.hold_sync():
            self.clip, self.weights, self.frames = found["clip"], found["weights"], found["frames"]


def see(frames: Any, seconds: float | None = None, weights: Any = None) -> dict[str, Any]:
    """The traits that show a video: {"frames": bytes, "clip": {...}, "weights": [...]}. TaskError "bad-video", "bad-effects"."""
    array = frames if isinstance(frames, np.ndarray) else np.asarray(frames)
    if array.ndim not in (3, 4) or not array.size or array.dtype.kind not in "uif":
        text = f"Expected a video (F, H, W) or (F, H, W, 3) of numbers, got {array.dtype} {array.shape}."
        raise TaskError("bad-video", text)
    total = len(array)
    kept = np.unique(np.linspace(0, total - 1, min(total, MOST)).round().astype(int))
    made = np.stack([colours(array[place], LARGEST) for place in kept])  # (F, H, W, 3)
    lasts = total * USUAL if seconds is None else float(seconds)
    if not 0 < lasts < 1e5:
        raise TaskError("bad-video", f"Expected how many seconds the video lasts, got {seconds!r}.")
    return {
        "frames": made.tobytes(),
        "clip": {"frames": len(made), "height": made.shape[1], "width": made.shape[2], "seconds": lasts},
        "weights": spread(weights, total)[kept].tolist() if weights is not None else [],
    }


def spread(weights: Any, frames: int) -> np.ndarray:
    """One weight for each frame, (F,): a network may have looked at fewer or more moments than are shown."""
    found = np.asarray(weights, dtype=np.float64).reshape(-1)
    if not len(found) or not np.isfinite(found).all():
        raise TaskError("bad-effects", "Expected a finite weight for each frame.")
    return found[(np.arange(frames) * len(found)) // frames]
