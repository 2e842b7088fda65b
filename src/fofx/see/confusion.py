"""Which classes are taken for which: the confusion matrix, with the rows behind every cell.

Shapes: N rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fofx.errors import Notice
from fofx.finding import Finding
from fofx.see.answers import Answers, answers, classes_of


@dataclass
class Confusion:
    """How often each class was answered for each right class.

    names : the K classes. counts: (K, K), a line for each right class, a column for each answered one.
    places: {(right, answered): places in the part, the surest answer first}, by class numbers; cells of no row are left out.
    rows  : the same as numbers of the rows in the data.
    unseen: places whose right class training never showed: no answer can be right, and they stand in no line.
    """

    rung: str
    output: str
    part: str
    names: list[str]
    counts: np.ndarray
    places: dict[tuple[int, int], np.ndarray]
    rows: dict[tuple[int, int], np.ndarray]
    unseen: np.ndarray
    notes: list[Notice] = field(default_factory=list)

    @property
    def accuracy(self) -> float | None:
        """The share of rows that were answered rightly, unseen classes among the wrong ones; None without rows."""
        total = int(self.counts.sum()) + len(self.unseen)
        return float(np.trace(self.counts) / total) if total else None

    @property
    def recall(self) -> np.ndarray:
        """(K,) of the rows of a class, the share that was found; NaN for a class without rows."""
        return _share(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def precision(self) -> np.ndarray:
        """(K,) of the answers of a class, the share that was right; NaN for a class that was never answered."""
        return _share(np.diag(self.counts), self.counts.sum(axis=0))

    def worst(self, most: int = 5) -> list[tuple[str, str, int]]:
        """The most frequent confusions as (right class, answered class, rows)."""
        off = [(int(n), at) for at, n in np.ndenumerate(self.counts) if n and at[0] != at[1]]
        return [
            (self.names[at[0]], self.names[at[1]], n)
            for n, at in sorted(off, key=lambda each: (-each[0], each[1]))[:most]
        ]


def confusion(function: Finding, rung: str | None = None, output: str | None = None, part: str = "test") -> Confusion:
    """The confusion matrix of a rung (by default the winner; its answers stand in predictions.parquet) on a part.

    Raises TaskError "no-classes" for an output of numbers, "unknown-rung", "unknown-output", "unknown-part"; RunError
    "data-gone" for another rung than the winner when the data are gone.
    """
    said = answers(function, rung, output, part)
    return confusion_of(said)


def confusion_of(said: Answers) -> Confusion:
    """The confusion matrix of some answers."""
    names = classes_of(said.output, "`calibration` gives the coverage of its intervals, `mistakes` the largest errors")
    count = len(names)
    known = said.truth >= 0
    cells = said.truth[known] * count + said.predicted[known]  # (N,)
    counts = np.bincount(cells, minlength=count * count).reshape(count, count)  # (K, K)
    sure = np.zeros(len(said)) if said.sure is None else said.sure
    order = np.flatnonzero(known)[np.lexsort((said.places[known], -sure[known], cells))]  # by cell, then the surest
    ends = np.cumsum(counts.reshape(-1))
    parts = {
        divmod(cell, count): order[ends[cell] - counts.flat[cell] : ends[cell]]
        for cell in np.flatnonzero(counts.reshape(-1)).tolist()
    }
    return Confusion(
        rung=said.rung,
        output=said.output.name,
        part=said.part,
        names=names,
        counts=counts,
        places={cell: said.places[at] for cell, at in parts.items()},
        rows={cell: said.rows[at] for cell, at in parts.items()},
        unseen=said.places[~known],
        notes=list(said.notes),
    )


def _share(some: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.where(of > 0, some / np.maximum(of, 1), np.nan)
