"""Leaks: reasons why a test score would be better than life. Each finder returns notices with a count and a remedy.

duplicates, near-duplicates, overlapping windows, and columns that give the answer away.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fofx.data.near import near_pictures, near_texts
from fofx.data.pair_items import pair_columns, pair_groups, pair_leaks
from fofx.data.split import Split
from fofx.data.windows import find_overlap, window_groups
from fofx.errors import Notice

TEXTS = 60_000
PICTURES = 5_000
EXACT = 0.9999


def find_leaks(
    frame: pl.DataFrame, inputs: dict[str, str], outputs: dict[str, str], split: Split, overlapping: bool = True
) -> list[Notice]:
    """All leaks between the training rows and the rows that are to judge the function; of overlapping windows only if asked."""
    notices = duplicates(frame, inputs, split)
    notices += near_duplicates(frame, inputs, split)
    if overlapping:
        notices += windows(frame, inputs, outputs, split)
    notices += given_away(frame, inputs, outputs, split)
    sides = pair_columns(inputs, outputs)
    return notices + (pair_leaks(frame, *sides, split) if sides else [])


def row_hashes(frame: pl.DataFrame, inputs: dict[str, str]) -> np.ndarray:
    """One number a row, equal for rows with equal inputs: (N,)."""
    return frame.select(list(inputs)).hash_rows(0).to_numpy()


def naturally_equal(frame: pl.DataFrame, inputs: dict[str, str]) -> bool:
    """Can so few different rows exist that equal ones are to be expected (two yes/no columns, one number)?"""
    if any(kind not in ("number", "category") for kind in inputs.values()):
        return False
    possible = 1.0
    for name in inputs:
        possible *= frame[name].n_unique()
        if possible > 10.0 * frame.height:
            return False
    return True


def duplicate_groups(frame: pl.DataFrame, inputs: dict[str, str]) -> np.ndarray:
    """Group numbers (N,) under which rows with equal inputs share one: for a split that keeps them together."""
    return np.unique(row_hashes(frame, inputs), return_inverse=True)[1].reshape(-1).astype(np.int64)


GROUPINGS = ("windows", "duplicates", "pairs")


def special_groups(
    word: str, frame: pl.DataFrame, inputs: dict[str, str], outputs: dict[str, str] | None = None
) -> np.ndarray | None:
    """Group numbers (N,) for one of GROUPINGS; None when there is nothing of that kind."""
    if word == "pairs":
        sides = pair_columns(inputs, outputs or {})
        return pair_groups(frame, *sides) if sides else None
    return window_groups(frame) if word == "windows" else duplicate_groups(frame, inputs)


def duplicates(frame: pl.DataFrame, inputs: dict[str, str], split: Split) -> list[Notice]:
    if not inputs or naturally_equal(frame, inputs):
        return []
    marks = row_hashes(frame, inputs)
    empty = frame.select(pl.all_horizontal(pl.col(list(inputs)).is_null())).to_series().to_numpy()
    train = marks[split.train][~empty[split.train]]
    test, validation = (
        int((np.isin(marks[part], train) & ~empty[part]).sum()) for part in (split.test, split.validation)
    )
    if not test + validation:
        return []
    text = (
        f"{test} of {len(split.test)} test rows and {validation} of {len(split.validation)} validation "
        "rows have exactly the same inputs as a training row: the function has seen them, so the score flatters it. "
        'Drop the repeated rows, or keep equal rows on one side with group="duplicates" (--group duplicates).'
    )
    return [Notice("leak-duplicates", text, test + validation)]


def near_duplicates(frame: pl.DataFrame, inputs: dict[str, str], split: Split) -> list[Notice]:
    notices = []
    for name, kind in inputs.items():
        if kind not in ("text", "picture") or isinstance(frame.schema[name], pl.Array):
            continue  # arrays are small drawings, such as digits: many of them look alike without being copies
        limit, find, what = (TEXTS, near_texts, "texts") if kind == "text" else (PICTURES, near_pictures, "pictures")
        asked = np.concatenate([split.test, split.validation])
        train = split.train
        sampled = ""
        if len(asked) + len(train) > limit:
            generator = np.random.Generator(np.random.PCG64(0))
            asked = np.sort(generator.permutation(asked)[: limit // 3])
            train = np.sort(generator.permutation(train)[: limit - len(asked)])
            sampled = f" (looked at {len(asked):,} of them against {len(train):,} training rows)"
        column = frame[name].cast(pl.String)
        known, wanted = column.gather(train).to_list(), column.gather(asked).to_list()
        found = find(known, wanted)
        alike = np.flatnonzero(found >= 0)
        alike = alike[[wanted[row] != known[found[row]] for row in alike]]  # equal ones are told as duplicates
        if not len(alike):
            continue
        row = alike[0]
        text = (
            f"{len(alike)} test and validation rows have {what} in column {name!r} that are almost the same as one in "
            f"training{sampled}, for example row {asked[row]} and row {train[found[row]]}. The score flatters the "
            "function. Drop one of each, or name a column of what belongs together: group=COLUMN (--group COLUMN)."
        )
        notices.append(Notice("leak-near-duplicates", text, len(alike)))
    return notices


def windows(frame: pl.DataFrame, inputs: dict[str, str], outputs: dict[str, str], split: Split) -> list[Notice]:
    asked = np.concatenate([split.test, split.validation])
    used = frame.select([*inputs, *(name for name in outputs if name not in inputs)])
    overlap = find_overlap(used, list(outputs), split.train, asked)
    if overlap is None or not len(overlap.shared):
        return []
    if split.how.startswith("in time order") and not len(overlap.answered):
        return []  # that later rows look back on earlier ones is what a forecast does
    test = int(np.isin(overlap.shared, split.test).sum())
    answered = int(np.isin(overlap.answered, split.test).sum())
    groups = int(overlap.groups.max()) + 1
    largest = int(np.bincount(overlap.groups).max())
    if groups >= 6 and largest <= 0.5 * frame.height:
        remedy = f'Keep the {groups} chains of overlapping rows together with group="windows" (--group windows).'
    else:
        remedy = (
            "All rows hang together in one chain, so split in time order with time=COLUMN (--time COLUMN), "
            "or give a test file of later days."
        )
    text = (
        f"{test} of {len(split.test)} test rows (and {len(overlap.shared) - test} of {len(split.validation)} "
        f"validation rows) share days with training rows: the later days of one row are the earlier days of another. "
        f"For {answered} test rows the very answer stands among the inputs of a training row. "
        f"The score will be far better than on new data. {remedy}"
    )
    return [Notice("leak-windows", text, len(overlap.shared))]


def given_away(frame: pl.DataFrame, inputs: dict[str, str], outputs: dict[str, str], split: Split) -> list[Notice]:
    """Single inputs that determine an output: over the training rows, and only when there are enough of them."""
    rows = split.train if len(split.train) <= 50_000 else split.train[:: len(split.train) // 50_000 + 1]
    notices = []
    for output, kind in outputs.items():
        target = frame[output].gather(rows)
        known = target.is_not_null().to_numpy()
        if kind not in ("number", "category") or known.sum() < 20 or target.n_unique() < 2:
            continue
        some = frame[rows].filter(pl.Series(known))
        target = some[output]
        names = [name for name, of in inputs.items() if of in ("number", "category") and name != output]
        numbers = [name for name in names if some[name].dtype.is_numeric()]
        found = _by_number(some, numbers, target, kind) | {
            name for name in names if _by_value(some[name], target, kind)
        }
        for name in (name for name in names if name in found):
            text = (
                f"Column {name!r} alone gives {output!r} away on all {len(some)} rows looked at. If it is known only "
                f"after the answer is, leave it out: inputs without it (--input lists what to use). If it is truly "
                "known before, all is well and the task is easy."
            )
            notices.append(Notice("leak-answer", text, len(some)))
    return notices[:20]


def _by_number(frame: pl.DataFrame, names: list[str], target: pl.Series, kind: str) -> set[str]:
    """Number columns on one line with a number output, or whose ranges do not overlap between the classes."""
    if not names:
        return set()
    grid = frame.select(pl.col(names).cast(pl.Float64)).to_numpy()  # (N, D)
    whole = np.isfinite(grid).all(0)
    if kind == "number":
        if not target.dtype.is_numeric():
            return set()
        wanted = target.cast(pl.Float64).to_numpy()
        if not np.isfinite(wanted).all():
            return set()
        wanted = wanted / max(np.abs(wanted).max(), 1e-300)  # so that no square overflows
        with np.errstate(all="ignore"):
            grid = grid / np.maximum(np.abs(grid).max(0), 1e-300)
            middle = grid - grid.mean(0)
            scale = np.sqrt((middle**2).sum(0) * ((wanted - wanted.mean()) ** 2).sum())
            likeness = np.abs((middle * (wanted - wanted.mean())[:, None]).sum(0)) / scale
        near = [place for place in range(len(names)) if whole[place] and likeness[place] > EXACT]
        return {names[place] for place in near if _same_order(grid[:, place], wanted)}
    codes = target.cast(pl.String).cast(pl.Categorical).to_physical().to_numpy()
    counts = np.unique(codes, return_counts=True)
    if len(frame) < 100 or counts[1].min() < 10 or len(counts[0]) > 50:
        return set()
    low = np.stack([grid[codes == code].min(0) for code in counts[0]])  # (classes, D)
    high = np.stack([grid[codes == code].max(0) for code in counts[0]])
    order = np.argsort(low, axis=0)
    low, high = np.take_along_axis(low, order, 0), np.take_along_axis(high, order, 0)
    apart = (high[:-1] < low[1:]).all(0) & whole
    return {name for name, alone in zip(names, apart) if alone}


def _same_order(one: np.ndarray, two: np.ndarray) -> bool:
    """Do the ranks agree too? One huge value alone can make a correlation of 1."""
    ranks = [np.unique(values, return_inverse=True)[1].reshape(-1).astype(float) for values in (one, two)]
    if min(rank.max() for rank in ranks) < 2:
        return False
    return bool(abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) > 0.999)


def _by_value(column: pl.Series, target: pl.Series, kind: str) -> bool:
    """Does each value of a column with few values always come with the same answer, many rows of it?"""
    rows, values = len(column), column.n_unique()
    if rows < 50 or values < 2 or values > rows / 5 or column.null_count() > rows / 10:
        return False
    answers = target.n_unique()
    if kind == "number" and answers < 3:
        return False
    pairs = pl.DataFrame({"value": column, "answer": target.alias("answer")}).n_unique()
    share = int(target.value_counts()["count"].to_numpy().max()) / rows
    return pairs == values >= answers and share < 0.95
