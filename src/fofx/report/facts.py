"""What a report is made from: the test rows with their right and predicted answers, the raw rows, and what follows from them.

Right after `find` the raw test rows are in memory. For a loaded run they are read again from the file that the run names, if
it is still there and its fingerprint is the same; without them a report shows what predictions.parquet holds, and says so.
Shapes: N test rows, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fofx import metrics
from fofx.data.read import read
from fofx.errors import FofxError
from fofx.fields.base import Output
from fofx.prepare import drop_unanswered, fingerprint, gather, usable_rows

if TYPE_CHECKING:
    from fofx.finding import Finding

LARGEST_FILE = 300_000_000  # bytes: a larger file is not read again for a report
MOST_ROWS = 4000  # test rows drawn for intervals and comparisons
RESAMPLES = 1000


@dataclass
class Facts:
    """The function; its test rows from predictions.parquet; the raw rows beside them, or None."""

    function: Finding
    test: pl.DataFrame
    frame: pl.DataFrame | None
    sample: np.ndarray = field(init=False)  # at most MOST_ROWS of the test rows

    def __post_init__(self) -> None:
        rows = np.arange(self.test.height)
        if len(rows) > MOST_ROWS:
            rows = np.sort(np.random.Generator(np.random.PCG64(0)).permutation(rows)[:MOST_ROWS])
        self.sample = rows

    def right(self, output: Output) -> np.ndarray:
        """(N,) numbers, or (N,) class numbers with -1 for a class that training never showed."""
        return output.truth(self.test[output.name])

    def predicted(self, output: Output) -> np.ndarray:
        """(N,) numbers, or (N,) class numbers."""
        return output.truth(self.test[f"{output.name} predicted"])

    def losses(self, rung: str) -> np.ndarray | None:
        """How wrong a rung was on each sampled test row: squared error in the output's spread, or 0 and 1; None if unknown."""
        if self.frame is None or not self.test.height:
            return None
        known = self.function.test_predictions.get(rung)
        if known is None:
            try:
                known = self.function.predict(self.frame[self.sample], rung)
            except FofxError:
                return None
        else:
            known = {name: values[self.sample] for name, values in known.items()}
        total = np.zeros(len(self.sample))
        for output in self.function.outputs:
            total += output.row_costs(known[output.name], self.right(output)[self.sample])
        return total

    def interval(self) -> tuple[float, float] | None:
        """As `_interval`, worked out once."""
        return self._once(("interval",), self._interval)

    def _interval(self) -> tuple[float, float] | None:
        """Where the test score would lie in 95 of 100 draws of as many rows; None where that is not worked out.

        Accuracy: Wilson (1927). rmse, r2 and f1: percentiles of the score over resampled test rows (bootstrap, Efron 1979).
        """
        outputs, metric = self.function.outputs, self.function.metric
        if self.test.height < 2:
            return None
        if metric == "accuracy" and len(outputs) == 1:
            hits = int((self.predicted(outputs[0]) == self.right(outputs[0])).sum())
            return wilson(hits, self.test.height)
        if metric not in ("rmse", "r2", "f1") or (metric == "f1" and len(outputs) > 1):
            return None
        picks = np.random.Generator(np.random.PCG64(0)).integers(0, len(self.sample), (RESAMPLES, len(self.sample)))
        scores = [self.score(self.sample[picked]) for picked in (picks if metric != "f1" else picks[:300])]
        known = np.array([score for score in scores if score is not None and np.isfinite(score)])
        if len(known) < 100:
            return None
        low, high = np.quantile(known, [0.025, 0.975])
        shrink = np.sqrt(len(self.sample) / self.test.height)  # a sample of the rows spreads more than all of them
        middle = self.function.scores[metric]
        return float(middle + (low - middle) * shrink), float(middle + (high - middle) * shrink)

    def score(self, picked: np.ndarray) -> float | None:
        """The main metric on some of the test rows."""
        found = []
        for output in self.function.outputs:
            right, predicted = self.right_of(output)[picked], self.predicted_of(output)[picked]
            if self.function.metric == "f1":
                known = right >= 0
                return metrics.f1(right[known], predicted[known], output.size)
            error = float(np.mean((right - predicted) ** 2))
            if self.function.metric == "rmse":
                return float(np.sqrt(error))
            found.append(1 - error / max(float(np.var(right)), 1e-300))
        return float(np.mean(found))

    def right_of(self, output: Output) -> np.ndarray:
        """As `right`, worked out once."""
        return self._once(("right", output.name), lambda: self.right(output))

    def predicted_of(self, output: Output) -> np.ndarray:
        """As `predicted`, worked out once."""
        return self._once(("predicted", output.name), lambda: self.predicted(output))

    def _once(self, key: tuple, make: Any) -> Any:
        kept = self.__dict__.setdefault("_kept", {})
        if key not in kept:
            kept[key] = make()
        return kept[key]


def wilson(hits: int, rows: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share, right for few rows and for shares near 0 and 1 (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson(9, 10)]
    [0.596, 0.982]
    """
    share = hits / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def by_chance(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the mean difference of two rungs' losses on the same rows could be chance (95 %, paired bootstrap)."""
    difference = first - second  # (N,)
    picks = np.random.Generator(np.random.PCG64(0)).integers(0, len(difference), (RESAMPLES, len(difference)))
    low, high = np.quantile(difference[picks].mean(axis=1), [0.025, 0.975])
    return bool(low <= 0 <= high)


def gather_facts(function: Finding) -> Facts:
    """The test rows and, where they can be had, the raw rows beside them."""
    test = predictions_of(function)
    frame = function.test_frame
    if frame is None and test.height:
        frame = read_test_rows(function, test["row"].to_numpy())
    if frame is not None and frame.height != test.height:
        frame = None
    return Facts(function, test, frame)


def predictions_of(function: Finding) -> pl.DataFrame:
    """The test part of predictions.parquet; no rows when it is missing or damaged."""
    wanted = ["row", *(name for end in function.outputs for name in (end.name, f"{end.name} predicted"))]
    try:
        if {"row", "part"} & {end.name for end in function.outputs}:  # an output took the place of the row numbers
            raise OSError
        table = pl.read_parquet(function.run.path / "predictions.parquet").filter(pl.col("part") == "test")
        if set(wanted) <= set(table.columns):
            return table
    except (OSError, pl.exceptions.PolarsError):
        pass
    return pl.DataFrame({name: [] for name in wanted})


def read_test_rows(function: Finding, rows: np.ndarray) -> pl.DataFrame | None:
    """The raw test rows, kept by the run or read from its file; None when that is gone, too large, or has changed."""
    data = function.record.get("data", {})
    if function.run.has("data.parquet"):  # the run keeps rows that came from memory
        try:
            return pl.read_parquet(function.run.path / "data.parquet")[rows]
        except (OSError, pl.exceptions.PolarsError, IndexError):
            return None
    given = {part: data.get(part) for part in ("path", "test", "validation")}
    try:
        paths = [Path(path) for path in given.values() if path]
        if not given["path"] or any(not path.exists() or path.stat().st_size > LARGEST_FILE for path in paths):
            return None
        table = gather(*(None if path is None else read(path) for path in given.values()))  # type: ignore[arg-type]
        if function.record["asked"].get("split"):
            table.parts = table.frame[table.resolve(function.record["asked"]["split"])].cast(pl.String)
        drop_unanswered(table, [column.name for column in function.task.outputs])
        if fingerprint(table.frame) != data.get("fingerprint"):
            table = usable_rows(table, function.task, [])
        if fingerprint(table.frame) != data.get("fingerprint"):
            return None
        return table.frame[rows]
    except (FofxError, OSError, pl.exceptions.PolarsError, KeyError, TypeError, IndexError):
        return None  # whatever is wrong with the file, the report can do without it
