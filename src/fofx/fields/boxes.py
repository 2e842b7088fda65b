"""A column of boxes, as an output: several objects in a picture, each with its class and its box (detection).

The values are text, {"size": [W, H], "boxes": [{"label", "box": [left, top, width, height]}]} in pixels (fofx.boxes.written). The
whole picture is brought to one size; boxes are shares of its sides, so that they need not be. A prediction is at most 100 boxes
with their scores. Shapes: N rows, B batch, K classes, M right boxes of a row (padded), h x w cells of a map.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.boxes.cells import boxes_of_maps, detection_loss
from fofx.boxes.move import augment_boxes
from fofx.boxes.precision import average_precisions, detection_scores
from fofx.boxes.written import Badly, as_written, read_written, short
from fofx.errors import DataError
from fofx.fields.base import Field, Habit, Output, Take
from fofx.fields.picture import scale_of

MOST = 100  # boxes of one prediction
SURE = 0.5  # the score of a box that is answered; boxes of lower scores only count in average precision
MANY_CLASSES = 12  # up to so many, each has a score of its own


class Boxes(Output):
    """Targets (N, M, 5): class, left, top, right, bottom; predictions (N, 100, 6): class, score, left, top, width, height.

    Shares of the picture's sides; a class of -1 is padding, -2 in the targets a region that is not judged.
    """

    kind = "boxes"
    way = 2
    way_out = 2
    mapped = True
    takes = "picture"
    naive_name = "nothing"
    graded = "map50_95"
    at_once = 32
    most_looked_at = 200
    learnt = ("names", "counts", "original_shape", "shape", "typical_side", "source", "channels")
    largest = 128 * 128  # pixels; a laptop learns from some hundred such pictures a second
    networks: ClassVar[dict[str, Habit]] = {"detector": Habit(6e-3, 16, 120, share=6.0, unasked=True)}
    usual = "detector"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.names: list[str] = []
        self.source, self.channels = "", 3

    # ---- values

    def learn(self, column: pl.Series) -> None:
        rows = boxes_in(column)
        every = [(label, box, size) for size, boxes in rows for label, box, crowd in boxes if not crowd]
        if not every:
            raise DataError("no-boxes", f"{self.name!r} holds no box in any training row: there is nothing to find.")
        labels = [label for label, _, _ in every]
        self.names = sorted(set(labels))
        self.counts = [labels.count(name) for name in self.names]
        self.original_shape = [int(side) for side in np.median([size[::-1] for size, _ in rows], axis=0)]
        self.shape = learnt_shape(self.original_shape, self.largest)
        shares = [box[2] * box[3] / (size[0] * size[1]) for _, box, size in every]
        self.typical_side = float(np.sqrt(np.median(shares) * self.shape[0] * self.shape[1]))  # pixels as learnt

    def encode(self, column: pl.Series) -> torch.Tensor:
        return self.targets(column)

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        if column.dtype != pl.String or not column.drop_nulls().len():
            return False
        return str(column.drop_nulls()[0]).startswith('{"size"') and not cls.broken(column.drop_nulls().head(5))

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        found = []
        for row, cell in enumerate(column.to_list()):
            try:
                read_written(cell)
            except Badly as error:
                found.append((row, str(error)))
        return found

    @classmethod
    def as_kind(cls, column: pl.Series) -> pl.Series:
        if column.dtype == pl.String:
            return column
        return pl.Series(column.name, [as_written(cell) for cell in column.to_list()], dtype=pl.String)

    @property
    def size(self) -> int:
        return len(self.names) + 5

    def truth(self, column: pl.Series) -> np.ndarray:
        """Right boxes (N, M, 6): class, crowd, left, top, width, height; classes that training never saw follow the known ones."""
        rows = boxes_in(column)
        strange = sorted({label for _, boxes in rows for label, _, _ in boxes} - set(self.names))
        number = {label: place for place, label in enumerate([*self.names, *strange])}
        found = np.zeros((len(rows), max([1, *(len(boxes) for _, boxes in rows)]), 6))
        found[..., 0] = -1
        for row, ((width, height), boxes) in enumerate(rows):
            for place, (label, box, crowd) in enumerate(boxes):
                left, top = min(1.0, max(0.0, box[0] / width)), min(1.0, max(0.0, box[1] / height))
                right, bottom = min(1.0, (box[0] + box[2]) / width), min(1.0, (box[1] + box[3]) / height)
                found[row, place] = number[label], crowd, left, top, max(0.0, right - left), max(0.0, bottom - top)
        return found

    def targets(self, column: pl.Series) -> torch.Tensor:
        rows = self.truth(column)  # (N, M, 6)
        classes = np.where((rows[..., 1] > 0) | (rows[..., 0] >= len(self.names)), -2.0, rows[..., 0])  # (N, M)
        corners = np.concatenate([rows[..., 2:4], rows[..., 2:4] + rows[..., 4:6]], axis=2)  # (N, M, 4)
        found = np.concatenate([np.where(rows[..., 0] < 0, -1.0, classes)[..., None], corners], axis=2)
        return torch.from_numpy(found.astype(np.float32))  # (N, M, 5)

    # ---- the network

    def attune(self, fields: list[Field]) -> None:
        picture: Any = fields[0]  # it comes from one picture alone
        picture.side, picture.fit = list(self.shape), "stretch"
        self.source, self.channels = picture.name, picture.channels

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        part: dict[str, Any] = {"block": self.source, "kind": "picture", "head": self.kind, "model": model}
        part |= {"side": list(self.shape)}
        stride = 4 if self.typical_side < 10 else 8  # a cell should hardly be larger than an object
        part |= {"channels": self.channels, "widths": [16, 32, 64, 96], "stride": stride, "width": 64}
        return part | scale_of(take(part))

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        assert outputs is not None  # it is no encoder of others
        if name == "detector":
            from fofx.models.detector import Detector

            return Detector(
                outputs,
                channels=part["channels"],
                widths=tuple(part["widths"]),
                stride=part["stride"],
                width=part["width"],
            )
        raise KeyError(name)

    @staticmethod
    def joint(part: dict):
        return augment_boxes, {"mirror": part["channels"] == 3}  # digits and letters must not be mirrored

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, options: dict) -> torch.Tensor:
        """Focal loss of the classes, GIoU of the boxes and cross entropy of their fit: (B, K + 5, h, w), (B, M, 5)."""
        return detection_loss(outputs, targets, self.class_weights(bool(options.get("class_weights"))).to(outputs))

    def class_weights(self, alike: bool) -> torch.Tensor:
        """The weight of an object of each class (K,), 1 for the mean object; `alike`: so that all classes weigh alike in sum."""
        counts = torch.tensor(self.counts, dtype=torch.float32)
        weights = counts ** (-1.0 if alike else -0.5)
        return weights * counts.sum() / (weights * counts).sum()

    def loss_line(self, asked: dict) -> str:
        return f"loss = sum(detection_losses(model(x), y, class_weights))    # {self.name}: focal + GIoU + fit"

    # ---- answers

    def predictions(self, outputs: torch.Tensor) -> np.ndarray:
        found = boxes_of_maps(outputs, most=MOST)  # (B, 100, 6) class, left, top, right, bottom, score
        rows = [found[..., :1], found[..., 5:], found[..., 1:3], found[..., 3:5] - found[..., 1:3]]
        return torch.cat(rows, dim=2).double().numpy()  # (B, 100, 6)

    def prediction_shape(self) -> tuple[int, ...]:
        return (MOST, 6)

    def metrics(self, predictions: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
        found, right = [found_rows(row) for row in predictions], [right_rows(row) for row in truth]
        scores = detection_scores(found, right)
        if 1 < len(self.names) <= MANY_CLASSES:
            each = average_precisions(found, right)
            scores |= {f"ap50 {name}": float(each[k][0]) for k, name in enumerate(self.names) if k in each}
        return scores

    def main_metric(self, options: dict) -> tuple[str, bool]:
        return "map50_95", True

    def cost(self, predictions: np.ndarray, truth: np.ndarray, options: dict) -> float:
        return 1 - (self.metrics(predictions, truth)["map50_95"] or 0.0)

    def row_costs(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """1 - mAP@50 of each picture; where there is nothing to find, the score of the surest box found: (N,)."""
        costs = []
        for found, right in zip(predictions, truth):
            score = detection_scores([found_rows(found)], [right_rows(right)])["map50"]
            costs.append(1 - score if score is not None else float(found[:, 1].max(initial=0.0)))
        return np.array(costs)

    def strength(self, predictions: np.ndarray) -> tuple[str | None, np.ndarray]:
        """How surely each variant still finds the first one's surest box (V,): the best score of a box on it, of its class."""
        first = predictions[0, 0]
        if first[0] < 0:
            return None, np.zeros(len(predictions))
        same = (predictions[..., 0] == first[0]) & (shared(predictions[..., 2:], first[2:]) >= 0.5)  # (V, 100)
        return self.names[int(first[0])], np.where(same, predictions[..., 1], 0.0).max(axis=1)

    def naive(self, truth: np.ndarray) -> np.ndarray:
        """Nothing is ever found: (100, 6)."""
        return nothing()

    def answers(self, predictions: np.ndarray) -> list:
        """Boxes in pixels of the usual picture; `told_of` says them in pixels of each row's own."""
        return [self.written(row, self.original_shape[::-1]) for row in predictions]

    def told_of(self, predictions: np.ndarray, inputs: pl.DataFrame, reach: Any = None) -> list[dict]:
        sizes = sizes_of(inputs[self.source], self.original_shape)
        return [{"value": self.written(row, size)} for row, size in zip(predictions, sizes)]

    def written(self, row: np.ndarray, size: list[int], least: float = SURE) -> dict:
        """One prediction (100, 6) as the user writes boxes, each with its score."""
        scale = np.array([*size, *size])
        boxes = []
        for one in row[(row[:, 0] >= 0) & (row[:, 1] >= least)]:
            box = [short(side) for side in one[2:] * scale]
            if min(box[2:]) > 0:  # a hundredth of a pixel is no box
                boxes.append({"label": self.names[int(one[0])], "box": box, "score": round(float(one[1]), 4)})
        return {"size": [int(side) for side in size], "boxes": boxes}

    def kept(self, column: pl.Series, predictions: np.ndarray) -> dict[str, Any]:
        sizes = [list(size) for size, _ in boxes_in(column)]
        found = [as_written(self.written(row, size, least=0.0)) for row, size in zip(predictions, sizes)]
        costs = self.row_costs(predictions, self.truth(column))
        return {self.name: column, f"{self.name} predicted": found, f"{self.name} cost": costs}


def learnt_shape(shape: list[int], most: int) -> list[int]:
    """(height, width) scaled to at most so many pixels and at least 32, in steps of 16, so that cells come out whole."""
    height, width = shape
    scale = min(1.0, (most / (height * width)) ** 0.5)
    return [max(32, round(side * scale / 16) * 16) for side in (height, width)]


def boxes_in(column: pl.Series) -> list[tuple]:
    """((width, height), boxes) of each row; a row without an answer is a picture of nothing."""
    return [((1, 1), []) if cell is None else read_written(cell) for cell in column.to_list()]


def nothing() -> np.ndarray:
    """A prediction without boxes, (100, 6)."""
    found = np.zeros((MOST, 6))
    found[:, 0] = -1
    return found


def found_rows(row: np.ndarray) -> np.ndarray:
    """A prediction (100, 6) as average precision takes it: class, corners, score; without padding."""
    row = row[row[:, 0] >= 0]
    return np.concatenate([row[:, :1], row[:, 2:4], row[:, 2:4] + row[:, 4:6], row[:, 1:2]], axis=1)


def right_rows(row: np.ndarray) -> np.ndarray:
    """A row of truth (M, 6) as average precision takes it: class, corners, crowd; without padding."""
    return found_rows(row)


def shared(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """IoU of boxes (..., 4) with one box (4,), each left, top, width, height: (...)."""
    low = np.maximum(boxes[..., :2], box[:2])
    high = np.minimum(boxes[..., :2] + boxes[..., 2:], box[:2] + box[2:])
    both = np.clip(high - low, 0, None).prod(axis=-1)
    union = boxes[..., 2:].prod(axis=-1) + box[2:].prod() - both
    return both / np.maximum(union, 1e-12)


def sizes_of(pictures: pl.Series, usual: list[int]) -> list[list[int]]:
    """[width, height] of each picture as it is seen; the usual one's where it cannot be opened."""
    if isinstance(pictures.dtype, pl.Array):
        height, width = pictures.dtype.shape[:2]
        return [[width, height]] * len(pictures)
    from fofx.pictures import size_upright

    return [list(size_upright(path) or usual[::-1]) for path in pictures.to_list()]
