"""A linear detector, as they were before deep learning: gradients of the cells round a cell, and one line for each answer.

A cell is described by how strong its edges are in each of eight directions (Dalal and Triggs 2005), its mean colour and where it
lies, together with the 24 cells around it. A logistic regression says what class its middle belongs to, ridge regressions where the
box lies and how well it fits; then the maps are read as a detector's are. Shapes: N pictures, h x w cells, D features of a cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from fofx.boxes.cells import cell_boxes, cell_middles, objects_of_cells
from fofx.boxes.geometry import paired_overlaps
from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.base import Field, Output
from fofx.rungs.base import Rung, Tensors, Watch

EMPTY = 12_000  # cells without an object that the line learns from
AT_ONCE = 32  # pictures described at a time
DIRECTIONS = 8


class CellLines(Rung):
    """Maps of cells from lines through what each cell and its neighbours look like."""

    family = "linear"
    words = ("linear cells",)
    height = 3
    serves = ("boxes",)

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.picture: Any = next(field for field in fields if field.kind == "picture")
        self.end: Any = outputs[0]
        self.stride = 8

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        end = self.end
        targets = problem.targets(end)  # (N, M, 5)
        pictures = problem.train.pictures(self.picture)
        features = torch.cat([part for part in described(pictures, self.stride)])  # (N, h, w, D)
        height, width = features.shape[1:3]
        objects = objects_of_cells(targets, height, width)  # (N, P)
        picked = targets.gather(1, objects.clamp(min=0)[..., None].expand(-1, -1, 5))  # (N, P, 5)
        rows = features.flatten(1, 2)  # (N, P, D)
        full = objects >= 0  # (N, P)
        empty = np.flatnonzero((objects == -1).numpy())
        draw = np.random.Generator(np.random.PCG64(problem.seed))
        empty = draw.choice(empty, min(EMPTY, len(empty)), replace=False, shuffle=False)
        x = torch.cat([rows[full], rows.flatten(0, 1)[torch.from_numpy(empty)]]).numpy()  # (cells, D)
        self.middle, self.spread = x.mean(axis=0), x.std(axis=0) + 1e-6
        x = (x - self.middle) / self.spread
        classes = np.concatenate([picked[full][:, 0].numpy(), np.full(len(empty), -1.0)]).astype(np.int64)
        count = len(x) - len(empty)
        boxes = picked[full][:, 1:] * torch.tensor([width, height, width, height])  # (cells, 4)
        middles = cell_middles(height, width, boxes).expand(len(targets), -1, -1)[full]  # (cells, 2)
        offsets = (boxes[:, :2] + boxes[:, 2:]) / 2 - middles
        numbers = torch.cat([offsets, (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3).log()], dim=1)  # (cells, 4)
        with threadpool_limits(1):
            self.fit_lines(x, classes, count, numbers.numpy())
        # The fit of a box is learnt from how well the lines above place it.
        placed = torch.from_numpy(self.line("box", x[:count])).float()
        overlap = paired_overlaps(cell_boxes(placed, middles), boxes)[0]  # (cells,)
        with threadpool_limits(1):
            ridge = Ridge(10.0).fit(x[:count], torch.logit(overlap, eps=0.02).numpy())
        self.lines["fit"] = ridge.coef_[None].astype(np.float64), np.atleast_1d(ridge.intercept_)
        self.recipe.update(cells=[height, width], stride=self.stride)

    def fit_lines(self, x: np.ndarray, classes: np.ndarray, count: int, numbers: np.ndarray) -> None:
        """A logistic line for each class against everything else, and ridge lines for the four numbers of a box."""
        weights, biases = [], []
        for number in range(self.end.size - 5):
            line = LogisticRegression(C=0.01, max_iter=200)
            if (classes == number).any():
                line.fit(x, classes == number)
                weights.append(line.coef_[0])
                biases.append(line.intercept_[0])
            else:
                weights.append(np.zeros(x.shape[1]))
                biases.append(-10.0)
        ridge = Ridge(10.0).fit(x[:count], numbers)
        self.lines = {
            "class": (np.stack(weights), np.array(biases)),
            "box": (ridge.coef_.astype(np.float64), ridge.intercept_.astype(np.float64)),
        }

    def line(self, name: str, x: np.ndarray) -> np.ndarray:
        weights, bias = self.lines[name]
        return x @ weights.T + bias

    def predict(self, inputs: Inputs) -> Predictions:
        found = []
        for features in described(inputs.pictures(self.picture), self.stride):
            count, height, width = features.shape[:3]
            x = (features.flatten(0, 2).numpy() - self.middle) / self.spread  # (n * P, D)
            answers = np.concatenate([self.line(name, x) for name in ("class", "box", "fit")], axis=1)  # (n * P, K + 5)
            maps = torch.from_numpy(answers).float().view(count, height, width, -1).permute(0, 3, 1, 2)
            found.append(self.end.predictions(maps))
        return {self.end.name: np.concatenate(found) if found else np.zeros((0, *self.end.prediction_shape()))}

    def state(self) -> tuple[dict, Tensors]:
        kept = {
            f"{name}.{word}": value
            for name, pair in self.lines.items()
            for word, value in zip(("weights", "bias"), pair)
        }
        kept |= {"middle": self.middle, "spread": self.spread}
        return {"stride": self.stride}, {
            name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in kept.items()
        }

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.stride = int(data["stride"])
        self.middle, self.spread = tensors["middle"].numpy(), tensors["spread"].numpy()
        names = ("class", "box", "fit")
        self.lines = {name: (tensors[f"{name}.weights"].numpy(), tensors[f"{name}.bias"].numpy()) for name in names}


def described(pictures: torch.Tensor, stride: int):
    """Bytes (N, C, H, W) to the features of every cell (n, h, w, D), some pictures at a time."""
    for at in range(0, max(1, len(pictures)), AT_ONCE):
        yield cell_features(pictures[at : at + AT_ONCE], stride)


def cell_features(pictures: torch.Tensor, stride: int, around: int = 5) -> torch.Tensor:
    """Bytes (N, C, H, W) to (N, h, w, D): edges by direction and colour of the cells around, and where the cell lies."""
    colours = pictures.float() / 255 - 0.5  # (N, C, H, W)
    grey = torch.nn.functional.pad(colours.mean(dim=1), (1, 1, 1, 1), mode="replicate")  # (N, H + 2, W + 2)
    across, down = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2], grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]  # (N, H, W)
    strength, angle = torch.hypot(across, down), torch.atan2(down, across)
    place = (angle / torch.pi % 1) * DIRECTIONS  # an edge and its reverse are one direction
    edges = [
        strength * (1 - (place - k).abs().minimum(DIRECTIONS - (place - k).abs())).clamp(min=0)
        for k in range(DIRECTIONS)
    ]
    maps = torch.cat([torch.stack(edges, dim=1), colours], dim=1)  # (N, 8 + C, H, W)
    cells = torch.nn.functional.avg_pool2d(maps, stride, ceil_mode=True)  # (N, 8 + C, h, w)
    contrast = cells[:, :DIRECTIONS].norm(dim=1, keepdim=True) + 0.02
    cells = torch.cat([cells[:, :DIRECTIONS] / contrast, contrast.log(), cells[:, DIRECTIONS:]], dim=1)  # (N, F, h, w)
    near = torch.nn.functional.pad(cells, [around // 2] * 4, mode="replicate")
    rows = near.unfold(2, around, 1).unfold(3, around, 1)  # (N, F, h, w, 5, 5)
    count, _, height, width = cells.shape
    rows = rows.permute(0, 2, 3, 1, 4, 5).flatten(3)  # (N, h, w, F * 25)
    y = torch.linspace(-1, 1, height).view(1, -1, 1, 1).expand(count, height, width, 1)
    x = torch.linspace(-1, 1, width).view(1, 1, -1, 1).expand(count, height, width, 1)
    return torch.cat([rows, y, x, y * y, x * x], dim=3)  # (N, h, w, D)
