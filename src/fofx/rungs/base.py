"""One rung of the ladder: something that can be fitted to a problem within some seconds and then predicts.

What is fitted is plain data (`state`: JSON and tensors), so that it is saved without pickle and comes back by `restore`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.base import Field, Output

Watch = Callable[[dict[str, Any]], None]
Tensors = dict[str, torch.Tensor]


class Rung(ABC):
    """A model of the ladder by its name; `family` says how deep it is: naive, linear, classical, small or deep."""

    family: str = ""

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        self.name = name
        self.fields = fields
        self.outputs = outputs
        self.recipe: dict = {}  # everything that fixes the result; with it and the seed a second fit is the same

    @abstractmethod
    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        """Find the parameters, in about this many seconds; a recipe that is already set is followed instead."""

    @abstractmethod
    def predict(self, inputs: Inputs) -> Predictions:
        """A prediction for each row: numbers in the user's unit, or probabilities of the classes."""

    @abstractmethod
    def state(self) -> tuple[dict, Tensors]:
        """Everything `predict` needs, as JSON and tensors."""

    @abstractmethod
    def restore(self, data: dict, tensors: Tensors) -> None:
        """Set what `state` gave."""
