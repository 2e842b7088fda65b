"""A column of series: in each row the last values of something measured in time order, oldest first.

`data.forecast` makes such columns from a table in time order; arrays of equal length serve as well (a heartbeat to be classified).
All series columns of a task stand side by side as one block, so that a network sees several variables together.

Shapes: N rows, P past values, V variables, K numbers of all outputs together.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.errors import DataError, TaskError
from fofx.fields.base import Field, Habit, Output, Take
from fofx.fields.number import learn_scale
from fofx.models.reading import FromLast

ONLY_AHEAD = ("nlinear", "dlinear")  # networks that do nothing but go on with the series that they see


def series_values(column: pl.Series) -> np.ndarray:
    """A polars column of arrays to (N, P) float64, NaN where a value is missing."""
    rows = column.to_list()
    width = max([len(row) for row in rows if row is not None], default=1)
    lacking = [None] * width
    table = np.array([lacking if row is None else row for row in rows], dtype=np.float64).reshape(len(rows), width)
    return np.where(np.isfinite(table), table, np.nan)


def fill_from_before(table: np.ndarray, usual: float) -> np.ndarray:
    """Missing values become the last known one of their row, those at its beginning the usual one. (N, P) -> (N, P)"""
    known = np.isfinite(table)
    last = np.maximum.accumulate(np.where(known, np.arange(table.shape[1]), -1), axis=1)  # (N, P)
    filled = np.take_along_axis(table, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, filled, usual)


class Series(Field):
    """(N, P) float32, in spreads from the mean; all series columns together (N, P, V)."""

    kind = "series"
    way = 3
    block = "series"
    shelf = "series"
    learnt = ("mean", "spread", "past", "season", "follows", "typical")
    given = ("season",)
    pieces = (learn_scale, series_values, fill_from_before)
    networks: ClassVar[dict[str, Habit]] = {
        "nlinear": Habit(3e-3, 64, 200, patience=8, family="small", unasked=True),
        "dlinear": Habit(3e-3, 64, 200, patience=8, family="small", unasked=True),
        "gru": Habit(3e-3, 64, 100, patience=8, share=2.0, dropout=0.1, unasked=True),
        "transformer": Habit(1e-3, 64, 100, patience=8, share=2.0, dropout=0.1, unasked=True),
        "lstm": Habit(3e-3, 64, 100, patience=8, dropout=0.1),
        "rnn": Habit(3e-3, 64, 100, patience=8, dropout=0.1),
    }
    usual = "gru"
    season: int | None = None  # the period in steps, where the reader found one

    def learn(self, column: pl.Series) -> None:
        values = series_values(column)
        self.past = values.shape[1]
        self.mean, self.spread = learn_scale(values)
        self.follows: list[list[float] | None] = []
        self.typical = None

    def hear(self, output: Output, fields: list[Field]) -> None:
        """A number that goes on with a series is measured from that series' last value: [variable, gain, shift] says how the
        last value, in spreads of the series, is written in spreads of the output."""
        own = [field for field in fields if isinstance(field, Series)]
        for number, field in enumerate(own):
            if field.steps_to(output.name) and output.kind == "number":
                scale = output.state()
                gain, shift = field.spread / scale["spread"], (field.mean - scale["mean"]) / scale["spread"]
                self.follows.append([number, gain, shift])
                return
        self.follows.append(None)

    def steps_to(self, output: str) -> int | None:
        if output == f"next {self.name}":
            return 1
        found = re.fullmatch(r"\+(\d+)", output.removeprefix(f"{self.name} "))
        return int(found[1]) if found and output.startswith(f"{self.name} ") else None

    def encode(self, column: pl.Series) -> torch.Tensor:
        filled = (self.pasts(column) - self.mean) / self.spread  # (N, P)
        return torch.from_numpy(filled.clip(-1e6, 1e6).astype(np.float32))

    def pasts(self, column: pl.Series) -> np.ndarray:
        """The last P values of each row in the user's unit, nothing missing: (N, P)."""
        values = series_values(column)
        if values.shape[1] < self.past:
            if np.isfinite(values).any():
                words = (
                    f"Column {column.name!r} should hold at least {self.past} values a row; it holds {values.shape[1]}."
                )
                raise DataError("past-too-short", words)
            values = np.full((len(values), self.past), np.nan)
        return fill_from_before(values[:, values.shape[1] - self.past :], self.mean)

    def latest(self, column: pl.Series) -> np.ndarray:
        return self.pasts(column)[:, -1]  # (N,)

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        kind = column.dtype
        return (
            isinstance(kind, pl.Array) and len(kind.shape) == 1 and kind.inner.is_numeric() and kind.inner != pl.Int16
        )

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        known = np.isfinite(series_values(cls.as_kind(column))).any(axis=1)
        return [(int(row), "it holds no number") for row in np.flatnonzero(~known)]

    @classmethod
    def as_kind(cls, column: pl.Series) -> pl.Series:
        """Arrays, lists of one length, or text such as "[1, 2, 3]" or "1 2 3"."""
        rows = column.to_list()
        if column.dtype == pl.String:
            rows = [None if row is None else numbers_in(column.name, row) for row in rows]
        elif not column.dtype.is_nested():
            raise DataError("not-series", f"{column.name!r} should hold rows of numbers; it holds {column.dtype}.")
        widths = {len(row) for row in rows if row is not None}
        if len(widths) > 1:
            shown = f"from {min(widths)} to {max(widths)}"
            raise DataError(
                "uneven-series", f"The rows of {column.name!r} should hold equally many values; they hold {shown}."
            )
        return pl.Series(column.name, rows, dtype=pl.Array(pl.Float64, max(widths, default=1)), strict=False)

    @classmethod
    def absent(cls, name: str, rows: int) -> pl.Series:
        return pl.Series(name, [None] * rows, dtype=pl.Array(pl.Float64, 1))

    @classmethod
    def many(cls, shape: tuple[int, ...]) -> bool:
        return len(shape) == 2

    # ---- networks

    def ahead(self) -> bool:
        """Whether all that comes out goes on with the series that go in, as many steps of each."""
        variables = [follow[0] for follow in self.follows if follow is not None]
        even = len({variables.count(each) for each in variables}) == 1
        return even and len(variables) == len(self.follows) and variables == sorted(variables)

    def serves(self, model: str) -> bool:
        return model in self.networks and (model not in ONLY_AHEAD or self.ahead())

    def climbs(self, model: str, alone: bool, budget: float) -> bool:
        if model in ONLY_AHEAD:
            return alone and self.ahead()
        return self.networks[model].unasked and (alone or model == self.usual)

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        part: dict[str, Any] = {"block": self.block, "kind": self.block}
        past, variables = take(part).shape[1:]
        part |= {"model": model, "past": past, "variables": variables, "dropout": self.networks[model].dropout or 0.0}
        wide = {"width": 32, "layers": 1} if rows < 2000 else {"width": 64, "layers": 2}
        heard = [follow for follow in self.follows if follow is not None]
        part["follow"] = heard if alone and len(heard) == len(self.follows) else [] if heard and not alone else None
        if model not in ONLY_AHEAD:
            return part | wide | ({"patch": max(1, past // 24)} if model == "transformer" else {})
        if not (alone and self.ahead()):
            raise TaskError(
                "model-does-not-fit", f"{model!r} goes on with a series that goes in; here something else comes out."
            )
        kernel = self.season or max(3, min(25, past // 2))
        return part | {"targets": list(dict.fromkeys(int(each[0]) for each in heard)), "kernel": min(kernel, past) | 1}

    @staticmethod
    def join(tensors: list[torch.Tensor]) -> torch.Tensor:
        longest = max(tensor.shape[1] for tensor in tensors)
        even = [torch.cat([each[:, :1].expand(-1, longest - each.shape[1]), each], dim=1) for each in tensors]
        return torch.stack(even, dim=2)  # (N, P, V)

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name == "nlinear":
            from fofx.models.forecast import NLinear

            return NLinear(part["past"], outputs, variables=part["variables"], targets=tuple(part["targets"]))
        if name == "dlinear":
            from fofx.models.forecast import DLinear

            return DLinear(
                part["past"],
                outputs,
                variables=part["variables"],
                targets=tuple(part["targets"]),
                kernel=part["kernel"],
            )
        if name in ("gru", "lstm", "rnn"):
            from fofx.models.forecast import SeriesRNN

            return SeriesRNN(
                part["variables"],
                outputs,
                width=part["width"],
                kind=name,
                layers=part["layers"],
                dropout=part["dropout"],
            )
        if name == "transformer":
            from fofx.models.forecast import SeriesTransformer

            return SeriesTransformer(
                part["variables"],
                outputs,
                past=part["past"],
                patch=part["patch"],
                width=part["width"],
                layers=part["layers"],
                dropout=part["dropout"],
            )
        raise KeyError(name)

    @staticmethod
    def reader(part: dict) -> tuple[type[nn.Module], tuple] | None:
        return None if part["follow"] is None else (FromLast, (part["follow"],))

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        return torch.zeros(2, part["past"], part["variables"])

    @classmethod
    def script_tensor(cls, part: dict) -> str:
        return "Series.join([field.encode(frame[field.name]) for field in series.values()])"


def numbers_in(name: str, text: str) -> list[float | None]:
    """The numbers of "[1, 2.5, null]" or "1 2.5 3"."""
    try:
        found = json.loads(text) if text.strip().startswith("[") else re.split(r"[\s,;]+", text.strip())
        return [None if each is None else float(each) for each in found]
    except (ValueError, TypeError):
        raise DataError(
            "not-series", f"{name!r} should hold rows of numbers such as [1, 2, 3]; it holds {text!r:.80}."
        ) from None
