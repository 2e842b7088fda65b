"""A column of categories: as input one number per value (one-hot), as output one score per class (cross-entropy).

Shapes: N rows, B batch, K classes.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from fofx import losses, metrics
from fofx.fields.base import Flat, Output

YES = (
    "yes",
    "true",
    "1",
    "1.0",
    "y",
    "same",
    "fits",
    "match",
    "matches",
    "是",
    "对",
    "真",
    "相同",
    "同",
    "匹配",
    "符合",
)
MOST_VALUES = 100  # more values of an input than this share one "other" column


def learn_values(values: list, most: int) -> list[str]:
    """The values seen, the most frequent `most` of them, in sorted order (numbers by size)."""
    known = [str(value) for value in values if value is not None]
    names, counts = np.unique(np.array(known, dtype=object).astype(str), return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")[:most]]
    return sorted(
        kept.tolist(), key=lambda name: (not _is_number(name), float(name) if _is_number(name) else 0.0, name)
    )


def _is_number(name: str) -> bool:
    try:
        return float(name) == float(name)  # not NaN
    except ValueError:
        return False


def class_numbers(values: list, names: list[str]) -> np.ndarray:
    """Each value's place in `names`; -1 for a value that is missing or was never seen."""
    place = {name: number for number, name in enumerate(names)}
    return np.array([-1 if value is None else place.get(str(value), -1) for value in values], dtype=np.int64)


def one_hot(numbers: np.ndarray, classes: int) -> np.ndarray:
    """(N,) class numbers to (N, classes) zeros and ones; a value that is missing or never seen is all zeros."""
    return (numbers[:, None] == np.arange(classes)).astype(np.float32)  # (N, classes)


class Category(Flat, Output):
    """As input: (N, values) one-hot. As output: K = number of classes."""

    kind = "category"
    learnt = ("names", "counts", "typical")
    pieces = (learn_values, _is_number, class_numbers, one_hot)
    stratified = True
    naive_name = "majority"
    graded = "accuracy"

    def learn(self, column: pl.Series) -> None:
        values = as_words(column)
        self.names = learn_values(values, most=MOST_VALUES)
        numbers = class_numbers(values, self.names)
        self.counts = np.bincount(numbers[numbers >= 0], minlength=len(self.names)).tolist()
        self.typical = self.names[int(np.argmax(self.counts))] if self.names else None

    def encode(self, column: pl.Series) -> torch.Tensor:
        numbers = class_numbers(as_words(column), self.names)
        return torch.from_numpy(one_hot(numbers, len(self.names)))  # (N, values)

    def feature_names(self) -> list[str]:
        return [f"{self.name}={name}" for name in self.names]

    @property
    def size(self) -> int:
        return len(self.names)

    @property
    def yes(self) -> int:
        """Of two classes, the number of the one that says yes; the last one where no word tells."""
        said = [number for number, name in enumerate(self.names) if name.strip().lower() in YES]
        return said[0] if len(said) == 1 else len(self.names) - 1

    def targets(self, column: pl.Series) -> torch.Tensor:
        return torch.from_numpy(self.truth(column))  # (N,)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, options: dict) -> torch.Tensor:
        weights = self.class_weights() if options.get("class_weights") else None
        return losses.cross_entropy(
            outputs, targets, weights=weights, smoothing=float(options.get("label_smoothing", 0.0))
        )

    def class_weights(self) -> torch.Tensor:
        """Rows of a class weigh in inverse proportion to how many there are; the mean weight of a row is 1."""
        counts = torch.tensor(self.counts, dtype=torch.float32).clamp_min(1)
        return counts.sum() / (len(counts) * counts)  # (K,)

    def predictions(self, outputs: torch.Tensor) -> np.ndarray:
        probabilities = outputs.double().softmax(dim=-1)
        if probabilities.dim() == 3:
            probabilities = probabilities.mean(dim=1)  # (N, K) the members' mean
        return probabilities.numpy()

    def truth(self, column: pl.Series) -> np.ndarray:
        return class_numbers(as_words(column), self.names)

    def metrics(self, predictions: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
        known = truth >= 0
        scores = metrics.classification(truth[known], predictions[known])
        if (
            not known.all()
        ):  # a class that training never saw cannot be answered rightly; the other metrics pass it over
            scores["accuracy"] = (scores["accuracy"] or 0.0) * float(known.mean())
        return scores

    def main_metric(self, options: dict) -> tuple[str, bool]:
        return ("f1" if options.get("class_weights") else "accuracy"), True

    def cost(self, predictions: np.ndarray, truth: np.ndarray, options: dict) -> float:
        """Wrong answers with a little log loss, which tells apart rungs that are equally often right."""
        scores = self.metrics(predictions, truth)
        wrong = 1 - (scores.get(self.main_metric(options)[0]) or 0.0)
        return wrong + 0.1 * min(5.0, scores.get("log_loss") or 0.0)

    def known(self, truth: np.ndarray) -> np.ndarray:
        return truth >= 0

    def naive(self, truth: np.ndarray) -> np.ndarray:
        return np.bincount(truth[truth >= 0], minlength=self.size) / max(1, (truth >= 0).sum())  # (K,)

    def answers(self, predictions: np.ndarray) -> list:
        return [self.names[number] for number in predictions.argmax(axis=1)]

    def row_costs(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return (predictions.argmax(axis=1) != truth).astype(np.float64)  # (N,)

    def strength(self, predictions: np.ndarray) -> tuple[str | None, np.ndarray]:
        """The chance of the class that the first variant answers."""
        number = int(predictions[0].argmax())
        return str(self.names[number]), predictions[:, number]

    def loss_line(self, asked: dict) -> str:
        more = ", weight=class_weights" if asked.get("class_weights") else ""
        more += f", label_smoothing={asked['label_smoothing']:g}" if asked.get("label_smoothing") else ""
        return f"loss = F.cross_entropy(model(x), y{more})    # {self.name}: {self.size} classes"

    def prediction_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def told(self, predictions: np.ndarray, reach: float | None = None) -> list[dict]:
        return [
            {"value": value, "probabilities": dict(zip(self.names, map(float, row)))}
            for value, row in zip(self.answers(predictions), predictions)
        ]

    def kept(self, column: pl.Series, predictions: np.ndarray) -> dict:
        kept = super().kept(column, predictions) | {self.name: as_words(column)}
        return kept | {f"{self.name} probability": predictions.max(axis=1)}


def as_words(column: pl.Series) -> list:
    """A polars column as words; 1.0 and 1 are the same class, missing stays None."""
    if column.dtype.is_float():
        finite = column.is_finite().fill_null(False)
        whole = column.filter(finite)
        if len(whole) and (whole == whole.round(0)).all() and (whole.abs() < 2**53).all():
            column = pl.Series(column.name, [int(v) if ok else None for v, ok in zip(column, finite)], dtype=pl.Int64)
    return [None if value is None else str(value).strip() for value in column.to_list()]
