"""A column of numbers: standardised with the training rows' mean and spread; a missing value becomes the mean, flagged.

Shapes: N rows, B batch, K = 1 output.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from fofx import losses, metrics
from fofx.errors import DataError
from fofx.fields.base import Flat, Output

LARGEST = 1e150


def learn_scale(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the finite values; a constant column gets the spread 1."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return 0.0, 1.0
    mean = float(finite.mean(dtype=np.float64))
    with np.errstate(over="ignore"):
        spread = float(finite.std(dtype=np.float64))
    return mean, spread if np.isfinite(spread) and spread > max(1e-12 * abs(mean), 1e-150) else 1.0


def encode_numbers(values: np.ndarray, mean: float, spread: float, flag_missing: bool) -> np.ndarray:
    """(value - mean) / spread, at most 20 spreads away; with `flag_missing` a second number says "was missing"."""
    known = np.isfinite(values)
    scaled = np.where(known, (np.where(known, values, mean) - mean) / spread, 0.0).clip(-20, 20)
    columns = [scaled, ~known] if flag_missing else [scaled]
    return np.stack(columns, axis=1).astype(np.float32)  # (N, 1 or 2)


class Number(Flat, Output):
    """As input: (N, 1), or (N, 2) where values are missing. As output: one standardised number, squared error."""

    kind = "number"
    learnt = ("mean", "spread", "flag_missing", "low", "high", "typical", "naive_error")
    given = ("naive_error",)
    pieces = (learn_scale, encode_numbers)
    way_out = 1
    naive_name = "mean"
    graded = "r2"
    naive_error: float | None = None  # of a series: how wrong the naive answer is on average inside the training values

    def learn(self, column: pl.Series) -> None:
        values = as_numbers(column)
        finite = values[np.isfinite(values)]
        self.mean, self.spread = learn_scale(values)
        self.flag_missing = bool(len(finite) < len(values))
        self.low = float(finite.min()) if len(finite) else 0.0
        self.high = float(finite.max()) if len(finite) else 0.0
        self.typical = float(np.median(finite)) if len(finite) else 0.0

    def restore(self, state: dict) -> None:
        super().restore({"naive_error": None, **state})

    def encode(self, column: pl.Series) -> torch.Tensor:
        return torch.from_numpy(encode_numbers(as_numbers(column), self.mean, self.spread, self.flag_missing))

    def feature_names(self) -> list[str]:
        return [self.name, f"{self.name} missing"] if self.flag_missing else [self.name]

    def latest(self, column: pl.Series) -> np.ndarray:
        return as_numbers(column)

    @classmethod
    def as_kind(cls, column: pl.Series) -> pl.Series:
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            return column
        numbers = column.cast(pl.Float64, strict=False)
        if column.len() and numbers.null_count() == column.len() and column.null_count() < column.len():
            raise DataError("not-numbers", f"{column.name!r} should hold numbers; it holds {column.drop_nulls()[0]!r}.")
        return numbers

    @classmethod
    def absent(cls, name: str, rows: int) -> pl.Series:
        return pl.Series(name, [None] * rows, dtype=pl.Float64)

    # ---- as an answer

    @property
    def size(self) -> int:
        return 1

    def targets(self, column: pl.Series) -> torch.Tensor:
        values = ((as_numbers(column) - self.mean) / self.spread).clip(-1e15, 1e15)  # their squares must fit 32 bits
        return torch.from_numpy(values.astype(np.float32))[:, None]  # (N, 1)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, options: dict) -> torch.Tensor:
        return losses.squared_error(outputs, targets)

    def predictions(self, outputs: torch.Tensor) -> np.ndarray:
        if outputs.dim() == 3:
            outputs = outputs.mean(dim=1)  # (N, K) the members' mean
        return outputs[:, 0].double().numpy() * self.spread + self.mean  # (N,)

    def truth(self, column: pl.Series) -> np.ndarray:
        return as_numbers(column)

    def metrics(self, predictions: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
        scores = metrics.regression(truth, predictions)
        if self.naive_error and scores["mae"] is not None:
            scores["mase"] = scores["mae"] / self.naive_error  # Hyndman and Koehler 2006: below 1 is better than naive
        return scores

    def main_metric(self, options: dict) -> tuple[str, bool]:
        return "rmse", False

    def cost(self, predictions: np.ndarray, truth: np.ndarray, options: dict) -> float:
        """Relative squared error."""
        return float(np.sqrt(np.mean(((predictions - truth) / self.spread) ** 2)))

    def naive(self, truth: np.ndarray) -> np.ndarray:
        return np.asarray(truth.mean())

    def answers(self, predictions: np.ndarray) -> list:
        return [float(value) for value in predictions]

    def row_costs(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return ((predictions - truth) / self.spread) ** 2  # (N,)

    def strength(self, predictions: np.ndarray) -> tuple[str | None, np.ndarray]:
        return None, predictions

    def loss_line(self, asked: dict) -> str:
        scale = f"(y {-self.mean:+.4g}) / {self.spread:.4g}"
        return f"loss = F.mse_loss(model(x), {scale})    # {self.name}, standardised"

    def prediction_shape(self) -> tuple[int, ...]:
        return ()

    def reach(self, predictions: np.ndarray, truth: np.ndarray) -> float:
        """Nine in ten right answers lie within this distance of the prediction (split conformal, Vovk 2005)."""
        errors = np.abs(predictions - truth)
        return float(np.quantile(errors, min(1.0, 0.9 * (1 + 1 / len(errors)))))

    def told(self, predictions: np.ndarray, reach: float | None = None) -> list[dict]:
        return [
            {"value": value, "interval": None if reach is None else (value - reach, value + reach)}
            for value in self.answers(predictions)
        ]

    def kept(self, column: pl.Series, predictions: np.ndarray) -> dict:
        return super().kept(column.cast(pl.Float64), predictions)


def as_numbers(column: pl.Series) -> np.ndarray:
    """A polars column as float64; missing and infinite values, and those whose square would be infinite, as NaN."""
    values = column.cast(pl.Float64, strict=False).to_numpy()
    return np.where(np.abs(values) < LARGEST, values, np.nan)
