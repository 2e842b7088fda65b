"""A column of pictures: files or arrays, all brought to one size, kept as bytes (uint8) until a batch is used.

Shapes: N rows, C channels (1 grey, 3 colour), H rows and W columns of pixels.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from fofx.errors import DataError
from fofx.fields.base import Field


class Picture(Field):
    """(N, C, H, W) uint8. The side is the pictures' own, at most `largest`: learning from 64 px fits a laptop."""

    kind = "picture"
    learnt = ("channels", "side", "original_side", "typical")
    largest = 64

    def learn(self, column: pl.Series) -> None:
        if column.dtype == pl.String:
            from fofx.pictures import look_at

            sides, grey = look_at(column.drop_nulls().to_list()[:200])
        else:
            arrays = as_arrays(column)
            sides = [min(arrays.shape[1:3])]
            grey = arrays.ndim == 3 or arrays.shape[3] == 1
        self.original_side = int(np.median(sides)) if len(sides) else self.largest
        self.side = int(np.clip(self.original_side, 8, self.largest))
        self.channels = 1 if grey else 3
        self.typical = None

    def encode(self, column: pl.Series) -> torch.Tensor:
        return self.encode_at(column, self.side)

    def encode_at(self, column: pl.Series, side: int) -> torch.Tensor:
        """The same at another size: a pretrained network wants more pixels than one trained from scratch."""
        if column.dtype == pl.String:
            from fofx.pictures import decode_pictures

            pictures, bad = decode_pictures(column.to_list(), side, self.channels)
            if bad:
                row, why = bad[0]
                raise DataError(
                    "broken-picture", f"{len(bad)} pictures cannot be read, the first is {column[row]}: {why}."
                )
            return torch.from_numpy(np.ascontiguousarray(pictures))
        from fofx.pictures import resize_arrays

        return torch.from_numpy(resize_arrays(as_arrays(column), side, self.channels))


def as_arrays(column: pl.Series) -> np.ndarray:
    """A polars column of arrays to (N, H, W) or (N, H, W, C) uint8."""
    arrays = column.to_numpy()
    if arrays.dtype == object or arrays.ndim not in (3, 4):
        raise DataError(
            "not-pictures", f"Column {column.name!r} should hold pictures (file paths, or arrays of one size)."
        )
    return np.clip(arrays, 0, 255).astype(np.uint8)  # a copy: polars' own memory is not writable
