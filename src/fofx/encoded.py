"""The rows of a table as a model takes them: each input encoded once, when first asked for, then only gathered from.

Numbers, categories and dates stand side by side in one block, the vector x; each text and each picture is a block of its own.
Shapes: N rows, D numbers of the vector, T tokens, C x H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from fofx.fields.base import Field, Flat, Output
from fofx.fields.picture import Picture
from fofx.fields.text import Text, as_texts

VECTOR = "vector"


class Inputs:
    """Some rows of the input columns. Encodings are made on first use and kept."""

    def __init__(self, frame: pl.DataFrame, fields: Sequence[Field]) -> None:
        self.frame = frame.select([field.name for field in fields])
        self.fields = list(fields)
        self._kept: dict[tuple, object] = {}

    def __len__(self) -> int:
        return self.frame.height

    def rows(self, numbers: np.ndarray) -> Inputs:
        """The same columns, only these rows (encoded anew)."""
        return Inputs(self.frame[numbers], self.fields)

    def flat_fields(self) -> list[Flat]:
        return [field for field in self.fields if isinstance(field, Flat)]

    def text_fields(self) -> list[Text]:
        return [field for field in self.fields if isinstance(field, Text)]

    def picture_fields(self) -> list[Picture]:
        return [field for field in self.fields if isinstance(field, Picture)]

    def vector(self) -> torch.Tensor:
        """All flat columns side by side, float32 (N, D)."""
        return self._keep(
            (VECTOR,),
            lambda: torch.cat([field.encode(self.frame[field.name]) for field in self.flat_fields()], dim=1),
        )

    def tokens(self, field: Text) -> torch.Tensor:
        """Token numbers int32 (N, T), 0 = padding."""
        return self._keep((field.name,), lambda: field.encode(self.frame[field.name]))

    def texts(self, field: Text) -> list[str]:
        return as_texts(self.frame[field.name])

    def pictures(self, field: Picture, side: int | None = None) -> torch.Tensor:
        """Bytes (N, C, side, side)."""
        side = side or field.side
        return self._keep((field.name, side), lambda: field.encode_at(self.frame[field.name], side))

    def _keep(self, key: tuple, make) -> torch.Tensor:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]


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

    def truth(self, output: Output, part: str = "train") -> np.ndarray:
        frame = self.train_frame if part == "train" else self.validation_frame
        return output.truth(frame[output.name])

    def targets(self, output: Output, part: str = "train") -> torch.Tensor:
        frame = self.train_frame if part == "train" else self.validation_frame
        return output.targets(frame[output.name])


Predictions = dict[str, np.ndarray]  # output name -> (N,) numbers or (N, classes) probabilities


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
