"""Overlapping windows: tables whose rows are stretches of one series, so that one row repeats days of another.

A repeated header (name_1, name_2, name_3, or lag1 ... lag24) is a family, one column a step. Rows overlap when the
later steps of one row are the earlier steps of another. A random split then puts the same days into training and
test, and a look-up answers the test. `window_groups` numbers the rows that hang together, to keep them together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

STEPS = 64
SHIFTS = 30


@dataclass
class Families:
    """steps: the step numbers in order; columns[family]: its column for each step (None where it has none)."""

    steps: list[int]
    columns: dict[str, list[str | None]]


def find_families(frame: pl.DataFrame) -> Families | None:
    """Number columns called name_1, name_2 ... (or name1, name-1, name 1), with at least two steps."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for name, kind in frame.schema.items():
        match = re.fullmatch(r"(.*?\D)[_\-. ]*?(\d{1,3})", name)
        if match and kind.is_numeric():
            found[match.group(1).rstrip("_-. ")][int(match.group(2))] = name
    found = {family: steps for family, steps in found.items() if len(steps) > 1}
    numbers = sorted({number for steps in found.values() for number in steps})
    if not numbers or len(numbers) > STEPS or numbers != list(range(numbers[0], numbers[-1] + 1)):
        return None
    return Families(numbers, {family: [steps.get(number) for number in numbers] for family, steps in found.items()})


def overlaps(
    frame: pl.DataFrame, families: Families, without: set[str] | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each shift by which rows overlap: (hash of every row's later steps, hash of every row's earlier steps).

    Rows i and j overlap when later[i] == earlier[j]. Only shifts whose content tells rows apart are kept: equal
    stretches of zeros are no sign of anything. `without` leaves families out.
    """
    kept = []
    count = len(families.steps)
    for shift in range(1, min(count, SHIFTS + 1)):
        pairs: list[tuple[Any, Any]] = [
            (columns[step + shift], columns[step])
            for family, columns in families.columns.items()
            if not without or family not in without
            for step in range(count - shift)
            if columns[step] is not None and columns[step + shift] is not None
        ]
        if not pairs:
            continue
        later = _hash(frame, [pair[0] for pair in pairs])
        earlier = _hash(frame, [pair[1] for pair in pairs])
        if _telling(later, earlier):
            kept.append((later, earlier))
    return kept


def _telling(later: np.ndarray, earlier: np.ndarray) -> bool:
    """Do rows meet across steps far more often than rows repeat within one step, as they would by chance?"""
    within = 0.0
    for marks in (later, earlier):
        _, numbers, counts = np.unique(marks, return_inverse=True, return_counts=True)
        within = max(within, float((counts[numbers.reshape(-1)] > 1).mean()))
    across = float((np.isin(later, earlier) | np.isin(earlier, later)).mean())
    return across > 4 * within + 0.02 or (within < 0.5 and across > 0.9)


def _hash(frame: pl.DataFrame, names: list[Any]) -> np.ndarray:
    plain = frame.select([pl.col(name).cast(pl.Float64).alias(str(place)) for place, name in enumerate(names)])
    return plain.hash_rows(0).to_numpy()


def window_groups(frame: pl.DataFrame) -> np.ndarray | None:
    """Group numbers 0..G-1 of the rows (N,): rows whose windows overlap, directly or along a chain, share one.

    None when there are no overlapping windows (fewer than 3 rows, or fewer than 1 row in 50, overlap).
    """
    families = find_families(frame)
    if families is None or frame.height < 10:
        return None
    return _groups(frame.height, overlaps(frame, families))


def _groups(rows: int, shifts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray | None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    starts, ends, offset = [], [], rows
    linked = np.zeros(rows, dtype=bool)
    for later, earlier in shifts:
        linked |= np.isin(later, earlier) | np.isin(earlier, later)
        numbers = np.unique(np.concatenate([later, earlier]), return_inverse=True)[1].reshape(-1)
        starts += [np.arange(rows), np.arange(rows)]
        ends += [numbers[:rows] + offset, numbers[rows:] + offset]
        offset += int(numbers.max()) + 1
    if linked.sum() < max(3, rows / 50):
        return None
    left, right = np.concatenate(starts), np.concatenate(ends)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(offset, offset))
    labels = connected_components(graph, directed=False)[1][:rows]
    return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)


@dataclass
class Overlap:
    """Row numbers (of the asked rows) that share days with training rows; those whose answer can be looked up there."""

    shared: np.ndarray
    answered: np.ndarray
    groups: np.ndarray


def find_overlap(frame: pl.DataFrame, outputs: list[str], train: np.ndarray, asked: np.ndarray) -> Overlap | None:
    """Which of the `asked` rows share windows with `train` rows, and for which the output stands among those days."""
    families = find_families(frame)
    if families is None or frame.height < 10:
        return None
    shifts = overlaps(frame, families)
    groups = _groups(frame.height, shifts) if shifts else None
    if groups is None:
        return None
    shared = np.zeros(len(asked), dtype=bool)
    for later, earlier in shifts:
        shared |= np.isin(later[asked], earlier[train]) | np.isin(earlier[asked], later[train])
    answered = np.zeros(len(asked), dtype=bool)
    home = {family for family, columns in families.columns.items() if set(columns) & set(outputs)}
    for output in outputs:
        family = next((family for family, columns in families.columns.items() if output in columns), None)
        if family is None:
            continue
        columns = families.columns[family]
        place = columns.index(output)
        for shift in range(1, place + 1):
            # step `place` of the asked row is step `place - shift` of a training row, where it is an input
            source = columns[place - shift]
            if source is None or source in outputs:
                continue
            later, earlier = _overlap_values(frame, families, shift, home, output, source)
            answered |= np.isin(later[asked], earlier[train])
    return Overlap(asked[shared], asked[answered & shared], groups)


def _overlap_values(
    frame: pl.DataFrame, families: Families, shift: int, home: set[str], output: str, source: str
) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the overlapping days with the answer beside them: later days of each row, earlier days of each row."""
    count = len(families.steps)
    pairs: list[tuple[Any, Any]] = [(output, source)]
    for family, columns in families.columns.items():
        for step in range(count - shift):
            one, two = columns[step + shift], columns[step]
            if one is not None and two is not None and (family not in home or one != output):
                pairs.append((one, two))
    return _hash(frame, [pair[0] for pair in pairs]), _hash(frame, [pair[1] for pair in pairs])
