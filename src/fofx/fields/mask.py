"""A column of masks, as an output: a class for every pixel of a picture (segmentation).

The values are paths of mask files or arrays of class numbers; the legend says what stands for which class. Picture and mask are
brought to one size, whole: the picture by means, the mask by its nearest pixels. A prediction is the class of each pixel and how
sure it is, as bytes. Shapes: N rows, B batch, K classes, H x W pixels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.errors import DataError
from fofx.fields.base import Field, Habit, Output, Take
from fofx.fields.picture import as_arrays, scale_of
from fofx.legend import learn_legend, pixels_by_class
from fofx.mask_names import listed_beside
from fofx.maskfiles import by_legend, decode_masks, look_at_masks, nearest_pixels
from fofx.masks import augment_masks, confusion, dice_loss, mask_cross_entropy, mask_scores, rare_class_weights
from fofx.pictures import size_upright

FEW = 100  # training pictures
LARGEST = 16_000_000  # pixels of a picture whose answer is given in its own size
NEAR = 0.02  # by which the shapes of pictures and masks may differ, as a share


class Mask(Output):
    """Targets (N, H, W) bytes, 255 where nobody says what is there; predictions (N, 2, H, W) bytes: class, certainty."""

    kind = "mask"
    way = 2
    way_out = 3
    mapped = True
    takes = "picture"
    naive_name = "majority"
    graded = "miou"
    at_once = 8
    most_looked_at = 64
    learnt = ("legend", "counts", "shape", "original_shape", "source", "channels")
    given = ("legend", "counts", "shape", "original_shape")
    pieces = (mask_cross_entropy, dice_loss, rare_class_weights)
    largest = 120 * 160  # pixels; a laptop learns from some ten such pictures a second
    networks: ClassVar[dict[str, Habit]] = {"unet": Habit(4e-3, 8, 400, share=6.0, dropout=0.1, unasked=True)}
    usual = "unet"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.legend: Any = None  # what stands for which class, see fofx.legend
        self.shape: Any = None  # [height, width] at which masks are learnt and answered
        self.source, self.channels = "", 3

    # ---- values

    def learn(self, column: pl.Series) -> None:
        """Whatever is not known yet: the legend, the pixels of each class, and the size at which masks are learnt."""
        if self.shape is None:
            self.look_through(column)

    def look_through(self, column: pl.Series) -> None:
        """Read every mask to its end. The legend is left as it is where a reader gave it."""
        looks = look_at_masks(column.to_list() if column.dtype == pl.String else list(as_maps(column)))
        if self.legend is None:
            listed = listed_beside(column.to_list()) if column.dtype == pl.String else []
            self.legend = learn_legend(looks, listed)
        if len(self.legend["names"]) < 2:
            raise DataError("one-class", f"{self.name!r} holds fewer than two classes: there is nothing to tell apart.")
        self.counts = np.sum([pixels_by_class(look, self.legend)[0] for look in looks], axis=0).tolist()
        shapes = [(look.height, look.width) for look in looks if not look.wrong]
        self.original_shape = [int(side) for side in np.median(shapes, axis=0)]
        self.shape = mask_shape(self.original_shape, self.largest)

    def encode(self, column: pl.Series) -> torch.Tensor:
        return self.targets(column)

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        inner: Any = column.dtype
        while isinstance(inner, pl.Array):
            inner = inner.inner
        return isinstance(column.dtype, pl.Array) and len(column.dtype.shape) == 2 and inner.is_integer()

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        if column.dtype != pl.String:
            return []
        return [(row, look.wrong) for row, look in enumerate(look_at_masks(column.to_list())) if look.wrong]

    @property
    def names(self) -> list[str]:
        """The classes' names."""
        return self.legend["names"]

    @property
    def size(self) -> int:
        return len(self.names)

    def truth(self, column: pl.Series) -> np.ndarray:
        """Class numbers (N, H, W) uint8; 255 = void."""
        height, width = self.shape
        if column.dtype == pl.String:
            maps, bad = decode_masks(column.to_list(), (height, width), self.legend)
            if bad:
                row, why = bad[0]
                raise DataError("broken-mask", f"{len(bad)} masks cannot be read, the first is {column[row]}: {why}.")
            return maps
        values = np.moveaxis(as_maps(column), 0, 2)  # (H, W, N) or (H, W, N, 3) as they came
        return by_legend(np.moveaxis(nearest_pixels(values, height, width), 2, 0), self.legend)  # (N, H, W)

    def targets(self, column: pl.Series) -> torch.Tensor:
        return torch.from_numpy(self.truth(column))  # (N, H, W)

    # ---- the network

    def attune(self, fields: list[Field]) -> None:
        picture: Any = fields[0]  # an output with a shape of its own comes out of one picture
        tall, wide = picture.original_shape
        if abs(tall * self.original_shape[1] - wide * self.original_shape[0]) > NEAR * tall * self.original_shape[1]:
            shapes = f"{self.original_shape[1]}x{self.original_shape[0]}, the pictures {wide}x{tall}"
            raise DataError(
                "mask-size", f"The masks of {self.name!r} are {shapes} pixels: they cannot lie on each other."
            )
        picture.side, picture.fit = list(self.shape), "stretch"
        self.source, self.channels = picture.name, picture.channels

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        part: dict[str, Any] = {
            "block": self.source,
            "kind": "picture",
            "head": self.kind,
            "model": model,
            "side": list(self.shape),
        }
        part |= {"channels": self.channels, "widths": [16, 32, 64, 128], "stride": 2, "dropout": 0.1}
        part["zoom"] = (
            0.2 if rows < FEW else 0.0
        )  # seen hundreds of times, a picture must change; seen ten times, it need not
        return part | scale_of(take(part))

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name == "unet":
            from fofx.models.unet import UNet

            return UNet(
                outputs,
                channels=part["channels"],
                widths=tuple(part["widths"]),
                stride=part["stride"],
                dropout=part["dropout"],
            )
        raise KeyError(name)

    @staticmethod
    def joint(part: dict):
        return augment_masks, {"zoom": part["zoom"], "light": 0.1}

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, options: dict) -> torch.Tensor:
        """Cross-entropy in which rare classes weigh more, and Dice, which asks for overlap: (B, K, H, W), (B, H, W)."""
        weights = self.class_weights(bool(options.get("class_weights"))).to(outputs)
        return mask_cross_entropy(outputs, targets, weights) + dice_loss(outputs, targets)

    def class_weights(self, alike: bool) -> torch.Tensor:
        """The weight of a pixel of each class; `alike`: so that all classes weigh alike in sum."""
        return rare_class_weights(self.counts, 1.0 if alike else 0.5)  # (K,)

    def loss_line(self, asked: dict) -> str:
        return f"loss = F.cross_entropy(model(x), y, weight=class_weights, ignore_index=255) + dice_loss(model(x), y)    # {self.name}: {self.size} classes a pixel"

    # ---- answers

    def predictions(self, outputs: torch.Tensor) -> np.ndarray:
        chance, place = outputs.float().softmax(dim=1).max(dim=1)  # (B, H, W)
        return torch.stack([place.byte(), (chance * 255).round().byte()], dim=1).numpy()  # (B, 2, H, W)

    def prediction_shape(self) -> tuple[int, ...]:
        return (2, *self.shape)

    def metrics(self, predictions: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
        return mask_scores(confusion(truth, predictions[:, 0], self.size), self.names)

    def main_metric(self, options: dict) -> tuple[str, bool]:
        return "miou", True

    def cost(self, predictions: np.ndarray, truth: np.ndarray, options: dict) -> float:
        return 1 - (self.metrics(predictions, truth)["miou"] or 0.0)

    def row_costs(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """1 - mIoU of each picture, (N,)."""
        each = [self.metrics(one[None], right[None])["miou"] for one, right in zip(predictions, truth)]
        return np.array([0.0 if share is None else 1 - share for share in each])

    def strength(self, predictions: np.ndarray) -> tuple[str | None, np.ndarray]:
        """How much of the first variant's map the others keep, weighed by how sure they are of it: (V,) from 0 to 1."""
        same = predictions[:, 0] == predictions[:1, 0]  # (V, H, W)
        return None, np.where(same, predictions[:, 1], 0).mean(axis=(1, 2)) / 255

    def naive(self, truth: np.ndarray) -> np.ndarray:
        """The commonest class at every pixel, with its share: (2, H, W)."""
        shares = np.bincount(truth[truth < self.size], minlength=self.size) / max(1, (truth < self.size).sum())
        found = np.empty((2, *self.shape), dtype=np.uint8)
        found[0], found[1] = shares.argmax(), np.round(shares.max() * 255)
        return found

    def answers(self, predictions: np.ndarray) -> list:
        """Maps in the values that the user's masks have: numbers (H, W), or colours (H, W, 3)."""
        return list(self.written(predictions[:, 0]))

    def told_of(self, predictions: np.ndarray, inputs: pl.DataFrame, reach: Any = None) -> list[dict]:
        """Maps of the size of each row's own picture, so that they can be laid over it."""
        found = []
        for (height, width), row in zip(self.shapes_of(inputs[self.source]), predictions):
            found.append({"value": self.written(nearest_pixels(row[0], height, width)[None])[0]})  # (height, width)
        return found

    def shapes_of(self, column: pl.Series) -> list[tuple[int, int]]:
        """(height, width) of each picture, as it is seen; the size of learning where it is not known or beyond LARGEST."""
        if column.dtype != pl.String:
            return [as_arrays(column[:1]).shape[1:3]] * column.len()
        found = [size_upright(path) for path in column.to_list()]
        able = [size is not None and size[0] * size[1] <= LARGEST for size in found]
        return [(size[1], size[0]) if fits and size else tuple(self.shape) for size, fits in zip(found, able)]

    def in_words(self, value: Any) -> str:
        """The classes with their shares of the picture, the largest first."""
        maps = by_legend(np.asarray(value)[None], self.legend)  # (1, H, W)
        shares = np.bincount(maps[maps < self.size], minlength=self.size) / max(1, maps.size)
        order = [int(k) for k in np.argsort(-shares, kind="stable") if shares[k] > 0]
        return ", ".join(f"{self.names[k]} {shares[k]:.1%}" for k in order)

    def written(self, maps: np.ndarray) -> np.ndarray:
        """Class numbers (N, H, W) as a mask file would hold them: numbers (N, H, W) or colours (N, H, W, 3)."""
        values = np.array(self.legend["values"])
        if self.legend["by"] == "colour":
            colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.uint8)  # (K, 3)
            return colours[maps]
        return values.astype(np.uint8 if values.max() < 256 else np.int32)[maps]

    def kept(self, column: pl.Series, predictions: np.ndarray) -> dict[str, Any]:
        costs = self.row_costs(predictions, self.truth(column))
        found = {self.name: column, f"{self.name} predicted": self.written(predictions[:, 0])}
        return found | {f"{self.name} sure": np.ascontiguousarray(predictions[:, 1]), f"{self.name} cost": costs}


def mask_shape(shape: list[int], most: int) -> list[int]:
    """(height, width) scaled to at most so many pixels, in steps of 8; small ones stay as they are."""
    height, width = shape
    if height * width <= most:
        return [height, width]
    scale = (most / (height * width)) ** 0.5
    return [max(8, round(side * scale / 8) * 8) for side in (height, width)]


def as_maps(column: pl.Series) -> np.ndarray:
    """A polars column of arrays to numbers (N, H, W) or colours (N, H, W, 3)."""
    maps = column.to_numpy()
    if maps.dtype == object or not (maps.ndim == 3 or (maps.ndim == 4 and maps.shape[3] == 3)):
        raise DataError(
            "not-masks", f"Column {column.name!r} should hold masks: file paths, or arrays of class numbers."
        )
    return maps
