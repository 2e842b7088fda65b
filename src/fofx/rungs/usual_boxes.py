"""The rung above "nothing": the boxes that are most usual in training, in every picture the same. It looks at nothing.

A box is as good as the share of training pictures that hold an object of its class overlapping it by half; the best ones stay, no
two of a class on top of each other. What a detector gains over this it owes to the picture. Shapes: N pictures, M boxes of each.
"""

from __future__ import annotations

import numpy as np
import torch

from fofx.boxes.suppress import suppress
from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.boxes import MOST, nothing, shared
from fofx.rungs.base import Code, Rung, Tensors, Watch, predict_lines

CANDIDATES = 400  # boxes of a class that are tried as the usual one
JUDGES = 1000  # training pictures by which they are judged


class UsualBoxes(Rung):
    """Predicts the same boxes for every picture, each with its chance as the score."""

    family = "naive"
    words = ("usual boxes",)
    height = 2
    serves = ("boxes",)

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        (output,) = self.outputs
        self.boxes = usual_boxes(problem.truth(output), output.size - 5)

    def predict(self, inputs: Inputs) -> Predictions:
        return {self.outputs[0].name: np.repeat(self.boxes[None], len(inputs), axis=0)}

    def state(self) -> tuple[dict, Tensors]:
        return {}, {"boxes": torch.from_numpy(self.boxes)}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.boxes = tensors["boxes"].numpy()

    def script(self, record: dict) -> Code:
        fitted = "fixed = usual_boxes(output.truth(train[output.name]), output.size - 5)\n"
        said = "{output.name: np.repeat(fixed[None], frame.height, axis=0)}"
        return Code({}, [("model", fitted + predict_lines("The same boxes for every picture.", said))], [usual_boxes])


def usual_boxes(truth: np.ndarray, classes: int) -> np.ndarray:
    """Right boxes (N, M, 6) to the one prediction (100, 6) of the usual ones: class, score, left, top, width, height."""
    judges = truth[:: max(1, len(truth) // JUDGES)]
    found = []
    for number in range(classes):
        right = truth[(truth[..., 0] == number) & (truth[..., 1] == 0)][:, 2:]  # (objects, 4)
        tried = right[:: max(1, len(right) // CANDIDATES)]
        held = judges[..., 0] == number  # (N, M)
        chance = [float(((shared(judges[..., 2:], box) >= 0.5) & held).any(axis=1).mean()) for box in tried]
        corners = np.concatenate([tried[:, :2], tried[:, :2] + tried[:, 2:]], axis=1)
        kept = suppress(torch.from_numpy(corners), torch.tensor(chance, dtype=torch.float64), 0.5).numpy()
        found += [[number, chance[place], *tried[place]] for place in kept]
    rows = np.array(sorted(found, key=lambda row: -row[1])[:MOST], dtype=np.float64).reshape(-1, 6)
    boxes = nothing()
    boxes[: len(rows)] = rows
    return boxes
