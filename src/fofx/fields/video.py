"""A column of videos: files, folders of frames, or arrays; of each some frames, evenly spaced in time, kept as bytes (uint8).

Shapes: N rows, F frames, C channels (1 grey, 3 colour), S side of a frame in pixels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.augment import augment_videos
from fofx.errors import DataError, Notice
from fofx.fields.base import Field, Habit, Take
from fofx.fields.sound import once
from fofx.models.reading import Clips

MOST_BYTES = 600_000_000  # of the training videos in memory; beyond it their frames are fewer and smaller
FLAT_FRAMES = 4  # that models look at which know neither space nor time, in grey
FLAT_CLIP_SIDE = 12  # pixels of such a frame


class Video(Field):
    """(N, F, C, S, S) uint8: at most 8 frames of at most 48 pixels, so that learning from scratch fits a laptop."""

    kind = "video"
    way = 3
    shelf = "videos"
    learnt = ("channels", "side", "frames", "original_side", "original_frames", "typical")
    largest = 48
    most = 8
    networks: ClassVar[dict[str, Habit]] = {
        "frames": Habit(3e-3, 32, 60, dropout=0.1, share=3.0, unasked=True),
        "frames-deep": Habit(3e-3, 32, 60, dropout=0.1, share=3.0),
    }
    usual = "frames"

    def learn(self, column: pl.Series) -> None:
        if column.dtype == pl.String:
            from fofx.videos import look_at_videos

            known = column.drop_nulls().unique(maintain_order=True).to_list()
            shapes, grey = look_at_videos(known[:: max(1, len(known) // 60)][:60])
        else:
            arrays = as_clips(column[:1])
            shapes, grey = [arrays.shape[1:4]], arrays.ndim == 4 or arrays.shape[4] == 1
        frames, high, wide = np.median(shapes or [(self.most, self.largest, self.largest)], axis=0)
        self.original_side, self.original_frames = int(min(high, wide)), int(frames)
        self.channels = 1 if grey else 3
        self.side, self.frames = int(np.clip(self.original_side, 8, self.largest)), int(np.clip(frames, 2, self.most))
        while len(column) * self.frames * self.channels * self.side**2 > MOST_BYTES and (
            self.side > 16 or self.frames > 2
        ):
            self.side, self.frames = max(16, self.side * 3 // 4), max(2, self.frames * 3 // 4)
        self.typical = None

    def encode(self, column: pl.Series) -> torch.Tensor:
        return torch.from_numpy(self.clips_of(column, self.frames, self.side, self.channels))

    def clips_of(self, column: pl.Series, frames: int, side: int, channels: int) -> np.ndarray:
        """Bytes (N, frames, channels, side, side). A video that stands in many rows is decoded once."""
        from fofx.videos import decode_videos, resize_clips

        if column.dtype != pl.String:
            return np.ascontiguousarray(resize_clips(as_clips(column), frames, side, channels))
        paths, places = once(column.to_list())
        found, bad = decode_videos(paths, frames, side, channels)
        if bad:
            row, why = bad[0]
            raise DataError("broken-video", f"{len(bad)} videos cannot be read, the first is {paths[row]}: {why}.")
        return found if len(paths) == len(column) else found[places]

    def flat_numbers(self, column: pl.Series) -> np.ndarray:
        """Pixels of a few small grey frames from -0.5 to 0.5."""
        few = self.clips_of(column, min(FLAT_FRAMES, self.frames), min(FLAT_CLIP_SIDE, self.side), 1)
        return few.reshape(len(few), -1).astype(np.float32) / 255 - 0.5  # (N, F S S)

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        shape = column.dtype.shape if isinstance(column.dtype, pl.Array) else ()
        return len(shape) == 4 or (len(shape) == 3 and shape[2] not in (1, 3, 4))

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        if column.dtype != pl.String:
            return []
        from fofx.videos import decode_videos

        paths, places = once(column.to_list())
        reasons = dict(decode_videos(paths, cls.most, 8, 1)[1])
        return [(row, reasons[place]) for row, place in enumerate(places.tolist()) if place in reasons]

    @classmethod
    def remarks(cls, column: pl.Series) -> list[Notice]:
        if column.dtype != pl.String:
            still = len(column) if column.dtype.shape[0] == 1 else 0  # type: ignore[attr-defined]
        else:
            from fofx.videos import look_at_videos

            paths = column.drop_nulls().unique(maintain_order=True).to_list()
            still = sum(frames == 1 for frames, _, _ in look_at_videos(paths[:500])[0])
        text = f"{still} video(s) have one frame only: nothing moves in them. Pictures are a kind of their own."
        return [Notice("still-videos", text, still)] if still else []

    @classmethod
    def blank(cls, name: str) -> pl.Series:
        return pl.Series(name, np.zeros((1, 2, 8, 8, 1), np.uint8))

    @classmethod
    def many(cls, shape: tuple[int, ...]) -> bool:
        return len(shape) in (1, 5) or (len(shape) == 4 and shape[3] not in (1, 3, 4))

    # ---- networks

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        part: dict[str, Any] = {"block": self.name, "kind": self.kind, "model": model}
        part |= {"side": self.side, "frames": self.frames, "channels": self.channels}
        part |= {"dropout": self.networks[model].dropout, "width": 64, "layers": 1 if model == "frames" else 2}
        part["widths"] = [16, 32, 64] if model == "frames" else [32, 64, 128]
        pixels = take(part)[:500].float().div_(255)  # (N, F, C, S, S)
        mean, spread = pixels.mean(dim=(0, 1, 3, 4)), pixels.std(dim=(0, 1, 3, 4)).clamp(min=0.05)
        rounded = ([round(value, 4) for value in values.tolist()] for values in (mean, spread))
        return part | dict(zip(("mean", "spread"), rounded))

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name in ("frames", "frames-deep"):
            from fofx.models.video import VideoCNN

            return VideoCNN(
                outputs,
                channels=part["channels"],
                size=part["side"],
                frames=part["frames"],
                widths=tuple(part["widths"]),
                width=part["width"],
                layers=part["layers"],
                dropout=part["dropout"],
            )
        raise KeyError(name)

    @staticmethod
    def reader(part: dict) -> tuple[type[nn.Module], tuple] | None:
        return Clips, (part["mean"], part["spread"])

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        return torch.zeros(2, part["frames"], part["channels"], part["side"], part["side"], dtype=torch.uint8)

    @staticmethod
    def augmentation(part: dict):
        return augment_videos, {}


def as_clips(column: pl.Series) -> np.ndarray:
    """A polars column of arrays to (N, F, H, W) or (N, F, H, W, C) uint8."""
    arrays = column.to_numpy()
    if arrays.dtype == object or arrays.ndim not in (4, 5):
        words = f"Column {column.name!r} should hold videos: paths, or arrays (frames, height, width[, channels]) of one size."
        raise DataError("not-videos", words)
    return np.clip(arrays, 0, 255).astype(np.uint8)
