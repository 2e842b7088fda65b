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
from fofx.rungs.base import Code, Rung, Tensors, Watch, predict_lines, quoted

EMPTY = 8_000  # cells without an object that the line learns from
AT_ONCE = 32  # pictures described at a time
DIRECTIONS = 8
STRIDE = 8  # pixels of a cell's side


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

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        targets = problem.targets(self.end)  # (N, M, 5)
        pictures = problem.train.pictures(self.picture)
        self.lines = cell_lines(pictures, targets, self.end.size - 5, STRIDE, problem.seed)

    def predict(self, inputs: Inputs) -> Predictions:
        maps = cell_maps(inputs.pictures(self.picture), self.lines, STRIDE)
        found = [self.end.predictions(each) for each in maps]
        return {self.end.name: np.concatenate(found) if found else np.zeros((0, *self.end.prediction_shape()))}

    def state(self) -> tuple[dict, Tensors]:
        return {}, {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in self.lines.items()}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.lines = {name: tensors[name].numpy() for name in ("weights", "bias", "middle", "spread")}

    def script(self, record: dict) -> Code:
        block = f"pictures[{quoted(self.picture.name)}]"
        name = quoted(self.picture.name)
        fitted = (
            f"lines = cell_lines({block}.encode(train[{name}]), output.targets(train[output.name]), output.size - 5, "
        )
        fitted += f"{STRIDE}, {record['asked']['seed']})\n"
        said = "{output.name: np.concatenate([output.predictions(maps) for maps in "
        said += f"cell_maps({block}.encode(frame[{name}]), lines, {STRIDE})])}}"
        return Code(
            {},
            [("model", fitted + predict_lines("What the lines say of each cell, read as boxes.", said))],
            [cell_lines, cell_maps],
        )


def cell_lines(
    pictures: torch.Tensor, targets: torch.Tensor, classes: int, stride: int, seed: int
) -> dict[str, np.ndarray]:
    """Lines fitted to pictures (N, C, H, W) and targets (N, M, 5): weights (K + 5, D), bias, and each feature's scale.

    A logistic line for each class against everything else, ridge lines for the four numbers of a box, and one for its fit.
    """
    features = torch.cat(list(described(pictures, stride)))  # (N, h, w, D)
    height, width = features.shape[1:3]
    objects = objects_of_cells(targets, height, width)  # (N, P)
    picked = targets.gather(1, objects.clamp(min=0)[..., None].expand(-1, -1, 5))  # (N, P, 5)
    rows = features.flatten(1, 2)  # (N, P, D)
    full = objects >= 0  # (N, P)
    empty = np.flatnonzero((objects == -1).numpy())
    draw = np.random.Generator(np.random.PCG64(seed))
    empty = draw.choice(empty, min(EMPTY, len(empty)), replace=False, shuffle=False)
    x = torch.cat([rows[full], rows.flatten(0, 1)[torch.from_numpy(empty)]]).double().numpy()  # (cells, D)
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    x = (x - middle) / spread
    kinds = np.concatenate([picked[full][:, 0].numpy(), np.full(len(empty), -1.0)])  # (cells,)
    weights, bias = np.zeros((classes + 5, x.shape[1])), np.full(classes + 5, -10.0)
    boxes = picked[full][:, 1:] * torch.tensor([width, height, width, height])  # (objects' cells, 4)
    middles = cell_middles(height, width, boxes).expand(len(targets), -1, -1)[full]  # (objects' cells, 2)
    offsets = (boxes[:, :2] + boxes[:, 2:]) / 2 - middles
    numbers = torch.cat([offsets, (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3).log()], dim=1)  # (objects' cells, 4)
    own = x[: len(boxes)]
    with threadpool_limits(1):
        for number in range(classes):
            if (kinds == number).any():
                line = LogisticRegression(C=0.01, max_iter=40, tol=1e-3).fit(x, kinds == number)
                weights[number], bias[number] = line.coef_[0], line.intercept_[0]
        ridge = Ridge(10.0).fit(own, numbers.double().numpy())
        weights[classes:-1], bias[classes:-1] = ridge.coef_, ridge.intercept_
        placed = torch.from_numpy(own @ weights[classes:-1].T + bias[classes:-1]).float()
        overlap = paired_overlaps(cell_boxes(placed, middles), boxes)[0]  # (objects' cells,)
        ridge = Ridge(10.0).fit(own, torch.logit(overlap, eps=0.02).double().numpy())
        weights[-1], bias[-1] = ridge.coef_, ridge.intercept_
    return {"weights": weights, "bias": bias, "middle": middle, "spread": spread}


def cell_maps(pictures: torch.Tensor, lines: dict[str, np.ndarray], stride: int):
    """Bytes (N, C, H, W) to maps (n, K + 5, h, w) as a detector gives them, some pictures at a time."""
    for features in described(pictures, stride):
        count, height, width = features.shape[:3]
        x = (features.flatten(0, 2).double().numpy() - lines["middle"]) / lines["spread"]  # (n * P, D)
        answers = x @ lines["weights"].T + lines["bias"]  # (n * P, K + 5)
        yield torch.from_numpy(answers).float().view(count, height, width, -1).permute(0, 3, 1, 2)


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
