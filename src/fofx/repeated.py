"""Rows that show few items over and over: each item is read and kept once, and copied into a batch when the batch is made.

Four thousand pairs of two hundred recordings are four hundred megabytes written out, and twenty as items and numbers of items.
Shapes: N rows, M different items.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import torch


def distinct(column: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The different values of a column in the order in which they come (M,), and the number of each row's value (N,)."""
    marks = column.to_frame().hash_rows(0).to_numpy()
    _, first, numbers = np.unique(marks, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return column.gather(first[order]), place[numbers.reshape(-1)]


class Items:
    """The same for numpy: rows (N, D) of a table of M items, picked when they are needed."""

    def __init__(self, table: np.ndarray, places: np.ndarray) -> None:
        self.table, self.places = table, places  # (M, D), (N,)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.table[self.places[rows]]


class Repeated:
    """N rows of M items, as far like a tensor as a network's loop needs: its length, its device, rows picked from it."""

    def __init__(self, items: torch.Tensor, places: torch.Tensor) -> None:
        self.items, self.places = items, places  # (M, ...), (N,)

    @classmethod
    def read(cls, column: pl.Series, encode: Callable[[pl.Series], torch.Tensor]) -> Repeated:
        """A column, each different value of it encoded once."""
        values, places = distinct(column)
        return cls(encode(values), torch.from_numpy(places))

    def __len__(self) -> int:
        return len(self.places)

    def to(self, where: torch.device) -> Repeated:
        return Repeated(self.items.to(where), self.places.to(where))

    def index_select(self, axis: int, rows: torch.Tensor) -> torch.Tensor:
        return self.items.index_select(axis, self.places[rows])

    def __getitem__(self, rows: slice | torch.Tensor) -> torch.Tensor:
        return self.items.index_select(0, self.places[rows])
