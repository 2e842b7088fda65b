"""The rows of a table as a model takes them: each input encoded once, when first asked for, then only gathered from.

Numbers, categories and dates stand side by side in one block, the vector x; each text and each picture is a block of its own.
Shapes: N rows, D numbers of the vector, T tokens, C x H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl
import torch

from fofx.fields.base import Field, Flat, Output
from fofx.fields.picture import Picture, Side
from fofx.fields.text import Text, as_texts
from fofx.repeated import Items, Repeated, distinct

VECTOR = Flat.block
Kind = TypeVar("Kind", bound=Field)
Kept = TypeVar("Kept")


class Inputs:
    """Some rows of the input columns. Encodings are made on first use and kept."""

    def __init__(self, frame: pl.DataFrame, fields: Sequence[Field]) -> None:
        self.frame = frame.select([field.name for field in fields])
        self.fields = list(fields)
        self._kept: dict[tuple, Any] = {}

    def __len__(self) -> int:
        return self.frame.height

    def rows(self, numbers: np.ndarray) -> Inputs:
        """The same columns, only these rows (encoded anew)."""
        return Inputs(self.frame[numbers], self.fields)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The columns of a kind."""
        return [field for field in self.fields if isinstance(field, kind)]

    def vector(self) -> torch.Tensor:
        """All flat columns side by side, float32 (N, D)."""
        return self.block({"block": VECTOR, "kind": VECTOR})

    def tokens(self, field: Text) -> torch.Tensor:
        """Token numbers int32 (N, T), 0 = padding."""
        return self.block({"block": field.name})

    def texts(self, field: Text) -> list[str]:
        return as_texts(self.frame[field.name])

    def pictures(self, field: Picture, side: Side | None = None) -> torch.Tensor:
        """Bytes (N, C, side, side)."""
        return self.block({"block": field.name, "side": side or field.side})

    def flat_numbers(self, field: Field) -> np.ndarray:
        """A column for models that know neither space nor time, float32 (N, D)."""
        return self.keep((field.name, "flat"), lambda: field.flat_numbers(self.frame[field.name]))

    def of_items(self, field: Field, make: Callable[[pl.Series], np.ndarray], *words: Any) -> Items:
        """What `make` gives for a column whose values repeat, each made once; kept under `words`."""

        def made() -> Items:
            values, places = distinct(self.frame[field.name])
            return Items(make(values), places)

        return self.keep((field.name, *words), made)

    def block(self, part: dict) -> torch.Tensor:
        """The tensor that a part of a network's shape takes: one column's, or the joined columns of a block."""
        joined = [field for field in self.fields if field.block and field.block == part.get("kind")]
        if joined:
            make = lambda: type(joined[0]).join([field.encode(self.frame[field.name]) for field in joined])  # noqa: E731
            return self.keep((part["block"], "joined"), make)
        field = next(field for field in self.fields if field.name == part["block"])
        if part.get("repeats"):
            return self.repeated(part)[:]
        return self.keep((field.name, field.looked_at(part)), lambda: field.tensor(self.frame[field.name], part))

    def repeated(self, part: dict) -> Repeated:
        """The same for a column whose values repeat: each is encoded and kept once."""
        field = next(field for field in self.fields if field.name == part["block"])
        encode = lambda values: field.tensor(values, part)  # noqa: E731
        key = (field.name, field.looked_at(part), "repeats")
        return self.keep(key, lambda: Repeated.read(self.frame[field.name], encode))

    def keep(self, key: tuple, make: Callable[[], Kept]) -> Kept:
        """What belongs to these rows, made when it is first asked for."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def blocks(fields: Sequence[Field]) -> list[list[Field]]:
    """The columns by the block that they enter a network in: the vector first, then each other column by itself."""
    joined: dict[tuple[str, str], list[Field]] = {}
    for field in fields:
        joined.setdefault((field.block, "" if field.block else field.name), []).append(field)
    return sorted(joined.values(), key=lambda block: block[0].block != VECTOR)


def pair_of(fields: Sequence[Field]) -> tuple[Field, Field] | None:
    """The two sides of a pair: two inputs of one kind that is not flat, and nothing else beside them."""
    alike = len(fields) == 2 and fields[0].kind == fields[1].kind and not fields[0].block
    return (fields[0], fields[1]) if alike else None


@dataclass
class Problem:
    """What a rung is given: encoded training and validation rows, the right answers, and the options of the user."""

    fields: list[Field]
    outputs: list[Output]
    train: Inputs
    validation: Inputs
    train_frame: pl.DataFrame
    validation_frame: pl.DataFrame
    options: dict  # class_weights, label_smoothing, augment
    seed: int
    unlabelled: Inputs | None = None  # rows that have no answer

    def truth(self, output: Output, part: str = "train") -> np.ndarray:
        frame = self.train_frame if part == "train" else self.validation_frame
        return output.truth(frame[output.name])

    def targets(self, output: Output, part: str = "train") -> torch.Tensor:
        frame = self.train_frame if part == "train" else self.validation_frame
        return output.targets(frame[output.name])

    @property
    def mapped(self) -> str:
        """The kind of an output that has a shape of its own (boxes, a mask); "" where the outputs are numbers and classes."""
        return next((output.kind for output in self.outputs if output.mapped), "")


Predictions = dict[str, np.ndarray]  # output name -> (N, *prediction_shape): numbers, or probabilities (N, classes)


def judge(
    outputs: Sequence[Output], predictions: Predictions, truths: dict[str, np.ndarray]
) -> dict[str, float | None]:
    """Every metric; with several outputs each under "output.metric" and their means under the plain name."""
    each = {output.name: output.metrics(predictions[output.name], truths[output.name]) for output in outputs}
    if len(outputs) == 1:
        return each[outputs[0].name]
    scores: dict[str, float | None] = {
        f"{name}.{metric}": value for name, metrics in each.items() for metric, value in metrics.items()
    }
    for metric in {metric for metrics in each.values() for metric in metrics}:
        values = [value for metrics in each.values() if (value := metrics.get(metric)) is not None]
        scores[metric] = float(np.mean(values)) if values else None
    return scores
