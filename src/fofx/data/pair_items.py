"""The items of pairs that are given (columns of two sides, and whether they are the same): who stands in which rows.

A test pair whose item is also in a training pair asks about something that training has seen. `pair_leaks` finds such
items, `pair_groups` numbers the rows that hang together by their items, so that a split can keep them together.
Shapes: N pairs, M different items.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fofx.data.split import Split
from fofx.errors import DataError, Notice
from fofx.fields import field_class


def pair_columns(inputs: dict[str, str], outputs: dict[str, str]) -> tuple[str, str] | None:
    """The two sides, where nothing but two pictures, sounds, texts ... go in and one class comes out: {name: kind} of both."""
    rich = [name for name, kind in inputs.items() if not field_class(kind).block]
    asked = list(outputs.values()) == ["category"] and len(inputs) == len(rich) == 2
    return (rich[0], rich[1]) if asked else None


def whole_pairs(frame: pl.DataFrame, first: str, second: str) -> tuple[pl.DataFrame, np.ndarray, list[Notice]]:
    """The rows that have both sides, which rows these are (N,) bool, and a notice when some have not."""
    whole = frame.select(pl.col(first).is_not_null() & pl.col(second).is_not_null()).to_series().to_numpy()
    missing = int((~whole).sum())
    if not missing:
        return frame, whole, []
    if missing == len(frame):
        raise DataError("one-sided-pair", f"Every row lacks {first!r} or {second!r}: a pair needs both sides.")
    text = f"{missing} row(s) lack {first!r} or {second!r}: a pair needs both sides, so they are left out."
    return frame.filter(whole), whole, [Notice("one-sided-pair", text, missing)]


def item_codes(frame: pl.DataFrame, first: str, second: str) -> np.ndarray:
    """The number of the item on each side (N, 2), the same number for the same path or value; each missing side its own."""
    sides = [frame.select(pl.col(name).alias("item")) for name in (first, second)]
    marks = np.concatenate([side.hash_rows(0).to_numpy() for side in sides])  # (2N,)
    codes = np.unique(marks, return_inverse=True)[1].reshape(-1).astype(np.int64)
    gone = np.flatnonzero(np.concatenate([side["item"].is_null().to_numpy() for side in sides]))
    codes[gone] = codes.max(initial=0) + 1 + np.arange(len(gone))
    return codes.reshape(2, len(frame)).T  # (N, 2)


def pair_groups(frame: pl.DataFrame, first: str, second: str) -> np.ndarray:
    """Group numbers (N,): pairs that share an item, directly or along a chain of pairs, have one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    codes = np.unique(item_codes(frame, first, second), return_inverse=True)[1].reshape(-1, 2)
    items = int(codes.max()) + 1 if len(codes) else 0
    edges = coo_array((np.ones(len(codes), dtype=np.int8), (codes[:, 0], codes[:, 1])), shape=(items, items))
    labels = connected_components(edges, directed=False)[1]  # (M,)
    return np.unique(labels[codes[:, 0]], return_inverse=True)[1].reshape(-1).astype(np.int64)


def pair_leaks(frame: pl.DataFrame, first: str, second: str, split: Split) -> list[Notice]:
    """Test and validation pairs with an item that is also in a training pair."""
    codes = item_codes(frame, first, second)
    trained = np.unique(codes[split.train])
    leaking = {}
    for part in ("test", "validation"):
        leaking[part] = int(np.isin(codes[getattr(split, part)], trained).any(axis=1).sum())
    count = sum(leaking.values())
    if not count:
        return []
    groups = pair_groups(frame, first, second)
    if int(groups.max()) + 1 >= 6 and np.bincount(groups).max() <= 0.5 * len(groups):
        remedy = 'Keep pairs that share items on one side with group="pairs" (--group pairs).'
    else:
        remedy = (
            "Nearly all pairs hang together by their items, so no split of these rows avoids it: give test pairs of other "
            "items (test=...), or a table of items with an identity column, from which pairs are made (pairs=COLUMN)."
        )
    items = len(np.intersect1d(codes[split.test], trained))
    text = (
        f"{leaking['test']} of {len(split.test)} test pairs (and {leaking['validation']} of {len(split.validation)} "
        f"validation pairs) hold an item that is in a training pair, too ({items} such items in the test). The function has "
        f"seen them, so the score flatters it. {remedy}"
    )
    return [Notice("leak-pair-items", text, count)]


def swapped_contradictions(frame: pl.DataFrame, first: str, second: str, answer: str) -> list[Notice]:
    """Pairs that stand in the table in both orders with different answers."""
    codes = item_codes(frame, first, second)
    one, two = np.sort(codes, axis=1).T
    pairs = pl.DataFrame({"one": one, "two": two, "order": codes[:, 0], "answer": frame[answer]})
    pairs = pairs.drop_nulls("answer")
    several = pairs.group_by("one", "two").agg(
        pl.len(), pl.col("answer").n_unique().alias("answers"), pl.col("order").n_unique().alias("orders")
    )
    several = several.filter((pl.col("answers") > 1) & (pl.col("orders") > 1))
    if not len(several):
        return []
    count = int(several["len"].sum())
    text = f"{count} rows hold a pair that stands in the other order with another answer; no function can be right on both."
    return [Notice("contradictions", text, count)]
