"""The rungs that only pairs have: a siamese network, and CLIP's two towers for a picture and its text.

Both learn from the answers of the rows and, within each batch, from every item beside every other: with sixty-four pairs in a
batch that is eight thousand comparisons instead of sixty-four. Shapes: N rows, B pairs of a batch.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from fofx.classic.threshold import owners_of
from fofx.encoded import Inputs, Problem, pair_of
from fofx.errors import TaskError
from fofx.fields.base import Field, Habit, Output
from fofx.fields.category import Category
from fofx.models.siamese import pair_loss
from fofx.models.towers import towers_loss
from fofx.repeated import distinct
from fofx.rungs.neural import Neural, OwnLoss
from fofx.rungs.shapes import PAIR, SAME_OR_NOT, habit_of, repeating, shape_for

TOWERS = {"shared": 128, "dropout": 0.1}


class SiameseRung(Neural):
    """One encoder for both sides, the usual one of their kind, or the one that is asked for by its own name."""

    words = ("siamese",)
    height = 49
    share = 6.0

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.model = fields[0].usual if name in self.words else name
        self.habit: Habit = habit_of(self.model, fields) or self.habit
        self.family = "deep"

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words) if pair_of(problem.fields) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not pair_of(fields):
            here = ", ".join(field.block or field.kind for field in fields)
            words = f"{name!r} compares two inputs of one kind (two pictures, two sounds); the inputs here are {here}."
            raise TaskError("model-does-not-fit", words)

    def shape_of(self, inputs: Inputs) -> dict:
        pair = SAME_OR_NOT | {"same": yes_of(self.outputs)} if yes_and_no(self.outputs) else PAIR
        return shape_for(self.model, inputs, self.outputs) | {"pair": pair}

    def further_targets(self, problem: Problem) -> list[torch.Tensor]:
        """Whom each side of the training rows shows (N, 2), where the answers tell who is the same."""
        if not yes_and_no(self.outputs):
            return []
        first, second = (field.name for field in self.fields)
        return [owners(problem.train_frame, first, second, problem.truth(self.outputs[0]) == yes_of(self.outputs))]

    def batch_loss(self, inputs: list[torch.Tensor], targets: list[torch.Tensor], options: dict) -> torch.Tensor:
        if len(targets) == len(self.outputs):
            return super().batch_loss(inputs, targets, options)
        return pair_loss(self.network, inputs, targets[0], targets[1], self.outputs[0].loss, options)

    def own_loss(self) -> OwnLoss | None:
        if not yes_and_no(self.outputs):
            return None
        first, second = (field.name for field in self.fields)
        lines = f"same = output.truth(train[output.name]) == {yes_of(self.outputs)}  # the class that says yes\n"
        lines += f'known = owners(train, "{first}", "{second}", same).to(device)  # whom each side shows\n'
        return OwnLoss(
            lines, "pair_loss(model, batch, RIGHT, known[picked], output.loss, OPTIONS)", (owners, pair_loss)
        )


class Towers(Neural):
    """A picture and a text in one space: does this text fit this picture (Radford and others 2021)."""

    words = ("clip",)
    height = 49
    share = 6.0

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        picture = next((field for field in fields if field.kind == "picture"), fields[0])
        self.habit = habit_of(picture.usual, [picture]) or self.habit
        self.family = "deep"

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words) if picture_and_text(problem.fields) and yes_and_no(problem.outputs) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not picture_and_text(fields) or not yes_and_no(outputs):
            words = f"{name!r} says whether a text fits a picture: one picture and one text go in, yes or no comes out."
            raise TaskError("model-does-not-fit", words)

    def shape_of(self, inputs: Inputs) -> dict:
        parts = [repeating(field.part(field.usual, len(inputs), False, inputs.block)) for field in inputs.fields]
        return {"encoders": parts, "outputs": 2, "towers": TOWERS | {"fits": yes_of(self.outputs)}}

    def batch_loss(self, inputs: list[torch.Tensor], targets: list[torch.Tensor], options: dict) -> torch.Tensor:
        return towers_loss(self.network, inputs, targets[0], self.outputs[0].loss, options)

    def own_loss(self) -> OwnLoss:
        return OwnLoss("", "towers_loss(model, batch, RIGHT, output.loss, OPTIONS)", (towers_loss,))


def owners(frame: pl.DataFrame, first: str, second: str, same: np.ndarray) -> torch.Tensor:
    """The number of whom each side of each row shows, as far as the pairs tell: (N, 2) int64."""
    both = pl.concat([frame.select(pl.col(name).alias("item")) for name in (first, second)], how="vertical_relaxed")
    item = distinct(both["item"])[1].reshape(2, -1)  # (2, N)
    return torch.from_numpy(owners_of(item, same)[item].T.copy())


def picture_and_text(fields: list[Field]) -> bool:
    return sorted(field.kind for field in fields) == ["picture", "text"]


def yes_and_no(outputs: list[Output]) -> bool:
    return len(outputs) == 1 and isinstance(outputs[0], Category) and outputs[0].size == 2


def yes_of(outputs: list[Output]) -> int:
    """The number of the class that says yes."""
    assert isinstance(outputs[0], Category)
    return outputs[0].yes
