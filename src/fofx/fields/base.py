"""What every kind of column can do: learn from the training rows, encode to a tensor, and back.

Shapes: N rows, D numbers of a flat row, K numbers that a model gives for one output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch


class Field(ABC):
    """One named column of a kind.

    `learn` sees the training rows only; what it finds is kept in plain attributes named by `learnt`, so that the whole
    field is JSON (`state`) and comes back without running anybody's code (`restore`).
    """

    kind: ClassVar[str] = ""
    block: ClassVar[str] = ""  # "vector" when columns of this kind are joined into one flat vector
    learnt: ClassVar[tuple[str, ...]] = ()
    pieces: ClassVar[tuple[Any, ...]] = ()  # the functions that an ejected script needs, pasted from their source

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def learn(self, column: pl.Series) -> None:
        """Find from the training rows what encoding needs (a mean, the classes, a vocabulary)."""

    @abstractmethod
    def encode(self, column: pl.Series) -> torch.Tensor:
        """Values to one contiguous tensor, a row each."""

    def state(self) -> dict:
        return {"kind": self.kind, "name": self.name, **{key: getattr(self, key) for key in self.learnt}}

    def restore(self, state: dict) -> None:
        for key in self.learnt:
            setattr(self, key, state[key])


class Flat(Field):
    """A field whose encoding is a few numbers a row: such fields side by side make the vector x."""

    block = "vector"

    @abstractmethod
    def feature_names(self) -> list[str]:
        """A name for each of the D numbers that `encode` gives a row."""


class Output(Field):
    """A field that can also be an answer: what the model's K numbers mean, how they are judged, and the naive answer."""

    @property
    @abstractmethod
    def size(self) -> int:
        """K: how many numbers a model gives for this output."""

    @abstractmethod
    def targets(self, column: pl.Series) -> torch.Tensor:
        """What a model should give: (N, 1) float for numbers, (N,) int64 for classes."""

    @abstractmethod
    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, options: dict) -> torch.Tensor:
        """How bad the outputs (B, K) or (B, members, K) are: one number."""

    @abstractmethod
    def predictions(self, outputs: torch.Tensor) -> np.ndarray:
        """Raw outputs to predictions: (N,) numbers in the user's unit, or (N, classes) probabilities."""

    @abstractmethod
    def truth(self, column: pl.Series) -> np.ndarray:
        """The right answers in the form that `metrics` compares: (N,) numbers, or (N,) class numbers."""

    @abstractmethod
    def metrics(self, predictions: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
        """Scores under their usual names."""

    @abstractmethod
    def naive(self, truth: np.ndarray) -> np.ndarray:
        """The one prediction that knows no input: the mean (), or the classes' shares (classes,)."""

    @abstractmethod
    def answers(self, predictions: np.ndarray) -> list:
        """Predictions to values as the user writes them."""
