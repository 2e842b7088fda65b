"""The learnt embedding: where one class of many is asked for, such as a person, a network that compares by angle (models/embedding.py)."""

from __future__ import annotations

from fofx.encoded import Problem, blocks
from fofx.fields.base import Field, Output
from fofx.fields.category import Category
from fofx.fields.picture import Picture
from fofx.rungs import shapes
from fofx.rungs.neural import Neural

MANY = 8  # classes from which on it is tried unasked
ENOUGH = 20  # training pictures of each, on average: with fewer, Fisher's discriminants learn more in less time
SMALLEST = 24  # pixels of a side: below, a face has no proportions


class LearntEmbedding(Neural):
    """A network found by gradient descent, for pictures of many classes."""

    words = ("embedding",)
    height = 45
    share = 6.0

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        pictures = problem.train.of(Picture)
        alone = len(pictures) == 1 and len(blocks(problem.fields)) == 1 and len(problem.outputs) == 1
        many = alone and isinstance(problem.outputs[0], Category) and problem.outputs[0].size >= MANY
        if not many or len(problem.train) < ENOUGH * problem.outputs[0].size:
            return []
        return list(cls.words) if pictures[0].original_side >= SMALLEST else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        shapes.demand(name, fields, outputs, [])
