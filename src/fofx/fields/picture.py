"""A column of pictures: files or arrays, all brought to one size, kept as bytes (uint8) until a batch is used.

Shapes: N rows, C channels (1 grey, 3 colour), H rows and W columns of pixels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.augment import augment
from fofx.errors import DataError
from fofx.fields.base import Field, Habit, Take
from fofx.models.efficientnet_lite import weights_installed
from fofx.models.pretrained import IMAGENET, make
from fofx.models.reading import Pixels

Side = int | list[int]  # a square's side in pixels, or [height, width]
FLAT_SIDE = (
    32  # models that know no space look at pictures with at most this side: a line on pixels gains nothing from more
)


class Picture(Field):
    """(N, C, H, W) uint8. The side is the pictures' own, at most `largest`: learning from 64 px fits a laptop."""

    kind = "picture"
    way = 2
    shelf = "pictures"
    learnt = ("channels", "side", "original_side", "original_shape", "fit", "typical")
    largest = 64
    networks: ClassVar[dict[str, Habit]] = {
        "cnn": Habit(4e-3, dropout=0.1, family="small", unasked=True),
        "resnet": Habit(4e-3, share=2.5, unasked=True),
        "efficientnet": Habit(5e-4, 32, 12, share=4.0),
        # unasked where there are many classes: rungs/embedding.py
        "embedding": Habit(3e-3, 48, dropout=0.3, share=6.0),
        "lenet": Habit(2e-3, family="small"),
        "alexnet": Habit(3e-4),
        "vgg": Habit(5e-4),
        "vit": Habit(1e-3, epochs=100, dropout=0.1),
    }
    usual = "cnn"

    def learn(self, column: pl.Series) -> None:
        if column.dtype == pl.String:
            from fofx.pictures import look_at

            shapes, grey = look_at(column.drop_nulls().to_list()[:200])
        else:
            arrays = as_arrays(column)
            shapes = [(arrays.shape[1], arrays.shape[2])]
            grey = arrays.ndim == 3 or arrays.shape[3] == 1
        sides = [min(shape) for shape in shapes] or [self.largest]
        self.original_side = int(np.median(sides))
        self.original_shape = [int(side) for side in np.median(shapes or [(self.largest, self.largest)], axis=0)]
        self.side: Side = int(np.clip(self.original_side, 8, self.largest))
        self.channels = 1 if grey else 3
        self.fit = "cover"  # the middle of the picture, nothing stretched; "stretch": all of it
        self.typical = None

    def encode(self, column: pl.Series) -> torch.Tensor:
        return self.encode_at(column, self.side)

    def encode_at(self, column: pl.Series, side: Side) -> torch.Tensor:
        """The same at another size: a pretrained network wants more pixels than one trained from scratch."""
        size = (side, side) if isinstance(side, int) else (side[0], side[1])
        if column.dtype == pl.String:
            from fofx.pictures import decode_pictures

            pictures, bad = decode_pictures(column.to_list(), size, self.channels, fit=self.fit)
            if bad:
                row, why = bad[0]
                raise DataError(
                    "broken-picture", f"{len(bad)} pictures cannot be read, the first is {column[row]}: {why}."
                )
            return torch.from_numpy(np.ascontiguousarray(pictures))
        from fofx.pictures import resize_arrays

        return torch.from_numpy(resize_arrays(as_arrays(column), size, self.channels))

    def flat_numbers(self, column: pl.Series) -> np.ndarray:
        """Pixels from -0.5 to 0.5, at most 32 along a side."""
        side = min(self.side, FLAT_SIDE) if isinstance(self.side, int) else FLAT_SIDE
        return self.encode_at(column, side).flatten(1).numpy().astype(np.float32) / 255 - 0.5  # (N, C*H*W)

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        shape = column.dtype.shape if isinstance(column.dtype, pl.Array) else ()
        return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        if column.dtype != pl.String:
            return []
        from fofx.pictures import decode_pictures

        return decode_pictures(column.to_list(), 8, 1)[1]  # decoded to their end

    @classmethod
    def blank(cls, name: str) -> pl.Series:
        return pl.Series(name, np.zeros((1, 8, 8), np.uint8))

    @classmethod
    def many(cls, shape: tuple[int, ...]) -> bool:
        return len(shape) in (1, 4) or (len(shape) == 3 and shape[2] not in (3, 4))

    # ---- networks

    def serves(self, model: str) -> bool:
        return model in self.networks or model.startswith("timm/")

    def climbs(self, model: str, alone: bool, budget: float) -> bool:
        if model == "efficientnet":  # fine-tuning needs minutes to gain on the frozen features
            return alone and budget >= 180 and weights_installed() and self.original_side >= 16
        return self.networks[model].unasked

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        habit = self.networks.get(model)
        part: dict[str, Any] = {"block": self.name, "kind": self.kind, "model": model}
        part |= {"side": side_for(model, self), "channels": self.channels}
        part |= {"dropout": habit.dropout} if habit and habit.dropout is not None else {}
        return part | (IMAGENET if model == "efficientnet" else scale_of(take(part)))

    def tensor(self, column: pl.Series, part: dict) -> torch.Tensor:
        return self.encode_at(column, part["side"])

    def looked_at(self, part: dict) -> Any:
        side = part.get("side", self.side)
        return side if isinstance(side, int) else tuple(side)

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name == "cnn":
            from fofx.models.cnn import CNN

            return CNN(outputs, channels=part["channels"], size=part["side"], dropout=part["dropout"])
        if name == "resnet":
            from fofx.models.resnet import ResNet

            return ResNet(outputs, channels=part["channels"], small=True)
        if name == "embedding":
            from fofx.models.embedding import Embedding

            return Embedding(outputs, channels=part["channels"], dropout=part["dropout"])
        if name == "lenet":
            from fofx.models.lenet import LeNet

            return LeNet(outputs, channels=part["channels"])
        if name == "alexnet":
            from fofx.models.alexnet import AlexNet

            return AlexNet(outputs, channels=part["channels"])
        if name == "vgg":
            from fofx.models.vgg import VGG

            return VGG(outputs, depth=11, norm=True, channels=part["channels"])
        if name == "vit":
            from fofx.models.vit import ViT

            patch = patch_of(part["side"])
            return ViT(outputs, channels=part["channels"], size=part["side"], patch=patch, dropout=part["dropout"])
        return make(part, outputs, pretrained)

    @staticmethod
    def reader(part: dict) -> tuple[type[nn.Module], tuple] | None:
        return Pixels, (part["mean"], part["spread"])

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        side = part["side"]
        size = (side, side) if isinstance(side, int) else tuple(side)
        return torch.zeros(2, part["channels"], *size, dtype=torch.uint8)

    @staticmethod
    def augmentation(part: dict):
        return augment, {"mirror": part["channels"] == 3}  # digits and letters must not be mirrored

    @classmethod
    def script_tensor(cls, part: dict) -> str:
        return super().script_tensor(part).replace(".encode(", ".encode_at(")[:-1] + f", {part['side']})"


def as_arrays(column: pl.Series) -> np.ndarray:
    """A polars column of arrays to (N, H, W) or (N, H, W, C) uint8."""
    arrays = column.to_numpy()
    if arrays.dtype == object or arrays.ndim not in (3, 4):
        raise DataError(
            "not-pictures", f"Column {column.name!r} should hold pictures (file paths, or arrays of one size)."
        )
    return np.clip(arrays, 0, 255).astype(np.uint8)  # a copy: polars' own memory is not writable


def scale_of(pictures: torch.Tensor) -> dict[str, list[float]]:
    """Mean and spread of each channel of the training pictures, as shares of white; (N, C, H, W) bytes."""
    pixels = pictures[:5000].float().div_(255)
    mean, spread = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3)).clamp(min=0.05)
    return {"mean": [round(v, 4) for v in mean.tolist()], "spread": [round(v, 4) for v in spread.tolist()]}


def side_for(model: str, picture: Picture) -> int:
    """The side in pixels that a model sees: the field's own, unless the model needs more, or whole patches."""
    least = {"alexnet": 64, "vgg": 32, "lenet": 28, "efficientnet": 96}.get(model, 8)
    own = picture.side if isinstance(picture.side, int) else min(picture.side)
    side = max(own, least)
    if model == "efficientnet":
        side = min(max(side, 2 * picture.original_side), 128)
    if model == "vit":
        side -= side % patch_of(side)
    return side


def patch_of(side: int) -> int:
    """The side of a ViT's patches: about eight of them along a side."""
    return max(2, round(side / 8))
