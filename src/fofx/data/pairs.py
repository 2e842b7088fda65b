"""Pairs from labelled items: which two show the same identity (person, speaker, maker), and which do not.

A column of items and a column of identities become rows `first`, `second`, `same` ("yes" or "no"): as many of one as of the
other, drawn evenly over the identities, at most `most` of them, the same for the same seed. The split goes by identity:
whoever is asked about in validation or test was never in training. With too few identities for that, see
`identities.deal`.
Shapes: N items, K identities, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from fofx.data.identities import deal_parts
from fofx.data.split import FRACTIONS, PARTS, codes_of, grouped_parts
from fofx.data.table import Table
from fofx.errors import DataError, Notice, TaskError

SIDES = ("first", "second")
SAME = "same"
IDENTITIES = ("first_identity", "second_identity")
"""Who stands on each side: for checks and reports. As inputs these columns would give the answer away."""
CANDIDATES = 4  # different pairs drawn for each that is kept, where the most alike are wanted

Alike = Callable[[pl.Series, pl.Series], Any]


def pair_table(
    table: Table,
    identity: str,
    item: str | None = None,
    *,
    apart: str | None = None,
    most: int = 6000,
    fractions: tuple[float, float, float] = FRACTIONS,
    seed: int = 0,
    alike: Alike | None = None,
    hard: float = 0.5,
) -> Table:
    """Rows `first`, `second`, `same`, `first_identity`, `second_identity`, and the part of each row (`parts`).

    identity : the column that says who or what an item shows. `item`: by default the only other column.
    apart    : split by this column instead (the motif of a drawing, the text that was read): its values are never in two
               parts, while all parts may show the same identities. For a few makers, of whom there will be no others.
    most     : the bound on the number of pairs in all parts together.
    alike    : hard negatives: given two columns of P items, P similarities; the share `hard` of the different pairs are
               then the most alike of those drawn.
    A table that is split already (`parts`) keeps its parts; missing ones are cut from training.
    Raises DataError "one-identity", "few-pairs", "no-answers"; TaskError "bad-option", "unknown-column".
    """
    if most < 20 or not 0 <= hard <= 1:
        raise TaskError("bad-option", f"most should be at least 20 and hard from 0 to 1; they are {most} and {hard}.")
    identity, item, apart = columns_of(table, identity, item, apart)
    frame, parts, notes = usable_items(table, item, identity, apart)
    items, names = frame["item"], frame["identity"].to_list()
    codes = codes_of(names)  # (N,)
    generator = np.random.Generator(np.random.PCG64(seed))
    if apart is not None and parts is None:
        part, guest = (
            grouped_parts(codes_of(frame["apart"].to_list()), codes, fractions, seed),
            np.zeros(len(codes), bool),
        )
    else:
        part, guest, found = deal_parts(codes, parts, fractions, generator)
        notes += found
    single = int((np.bincount(codes) == 1).sum())
    if single:
        text = f"{single} identities have one example only: they can be in pairs that differ, never in pairs that are the same."
        notes.append(Notice("single-examples", text, single))
    share = np.asarray(fractions) / np.sum(fractions)
    rows: list[np.ndarray] = []
    for number, name in enumerate(PARTS):
        own = np.flatnonzero((part == number) & ~guest)
        guests = np.flatnonzero((part == number) & guest)
        if not len(own):
            continue
        wanted = max(1, int(most * max(share[number], 0.05)) // 2)
        same = same_pairs(codes, own, wanted, generator)
        ask = len(same) * (CANDIDATES if alike else 1)
        different = different_pairs(codes, own, guests, ask, generator)
        if alike and len(different) > len(same):
            near = np.asarray(alike(items.gather(different[:, 0]), items.gather(different[:, 1])), dtype=np.float64)
            different = most_alike(different, near, len(same), hard)
        count = min(len(same), len(different))
        if not count:
            lacks = "the same identity twice" if not len(same) else "different identities"
            raise DataError(
                "few-pairs", f"The {name} part has no pair of {lacks}. Give more examples of more identities."
            )
        rows.append(paired(same[:count], different[:count], number, generator))
    first, second, yes, where = np.concatenate(rows).T  # each (P,)
    words = pl.Series(["no", "yes"])
    pairs = pl.DataFrame(
        {
            "first": items.gather(first),
            "second": items.gather(second),
            SAME: words.gather(yes),
            IDENTITIES[0]: frame["identity"].gather(first),
            IDENTITIES[1]: frame["identity"].gather(second),
        }
    )
    kinds = dict.fromkeys((SAME, *IDENTITIES), "category")
    kinds |= dict.fromkeys(SIDES, table.kinds[item]) if item in table.kinds else {}
    sizes = ", ".join(f"{int((where == number).sum()):,} {name}" for number, name in enumerate(PARTS))
    text = f"{len(first):,} pairs ({sizes}), half of them the same, were made of {len(items):,} items of {codes.max() + 1:,} identities."
    if apart is not None and parts is None:
        text += f" The parts share these identities and differ in {apart!r}."
    notes.append(Notice("pairs-made", text, len(first)))
    part_words = pl.Series("part", list(PARTS)).gather(where)
    return Table(pairs, table.source, None, [*table.notes, *notes], kinds, part_words, {"format": "memory"})


def columns_of(table: Table, identity: str, item: str | None, apart: str | None) -> tuple[str, str, str | None]:
    """The names of these columns; the item is by default in the only other one."""
    identity, apart = table.resolve(identity), None if apart is None else table.resolve(apart)
    others = [name for name in table.frame.columns if name not in (identity, apart)]
    if item is None and len(others) != 1:
        raise TaskError(
            "bad-option", f"Say which column holds the items of the pairs; there are {', '.join(others[:10])}."
        )
    item = others[0] if item is None else table.resolve(item)
    if len({item, identity, apart}) < 3:
        raise TaskError(
            "bad-option", f"Item ({item}), identity ({identity}) and apart ({apart}) are different columns."
        )
    return identity, item, apart


def usable_items(
    table: Table, item: str, identity: str, apart: str | None
) -> tuple[pl.DataFrame, np.ndarray | None, list[Notice]]:
    """Columns `item`, `identity`, `apart` of the rows that have them, each item once, and the part of each (0, 1, 2) if given."""
    names = {"item": item, "identity": identity, "apart": apart or identity}
    frame = table.frame.select(
        (pl.col(name) if word == "item" else pl.col(name).cast(pl.String)).alias(word) for word, name in names.items()
    )
    words = pl.Series(["train"] * len(frame)) if table.parts is None else table.parts.fill_null("train")
    frame = frame.with_columns(words.alias("part")).filter(pl.col("part") != "unlabeled")
    notes = []
    whole = frame.select(pl.all_horizontal(pl.col("item", "identity", "apart").is_not_null())).to_series()
    if not whole.all():
        count = int((~whole).sum())
        text = f"{count} rows lack the item or its identity; no pair can be made of them, and they are left out."
        notes.append(Notice("incomplete-items", text, count))
        frame = frame.filter(whole)
    marks = frame.select("item").hash_rows(0).alias("mark")
    frame = frame.with_columns(marks).with_columns(pl.col("identity").n_unique().over("mark").alias("owners"))
    several = int((frame["owners"] > 1).sum())
    if several:
        text = f"{several} rows hold an item that stands under several identities; they contradict one another and are left out."
        notes.append(Notice("contradictory-identities", text, several))
        frame = frame.filter(pl.col("owners") == 1)
    once = frame.unique("mark", keep="first", maintain_order=True)
    if len(once) < len(frame):
        count = len(frame) - len(once)
        text = f"{count} rows repeat an item; a pair of an item with itself would teach nothing, so each is used once."
        notes.append(Notice("repeated-items", text, count))
    if not len(once):
        raise DataError("no-answers", f"No row has both an item and an identity in {identity!r}.")
    given = None
    if table.parts is not None and once["part"].n_unique() > 1:
        given = np.array([PARTS.index(word) for word in once["part"].to_list()])
    return once.select("item", "identity", "apart"), given, notes


def same_pairs(codes: np.ndarray, rows: np.ndarray, wanted: int, generator: np.random.Generator) -> np.ndarray:
    """At most `wanted` pairs (P, 2) of two items of one identity among `rows`, as evenly over the identities as they go."""
    order = rows[np.argsort(codes[rows], kind="stable")]
    _, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
    room = counts * (counts - 1) // 2
    taken = np.zeros_like(room)
    while taken.sum() < min(wanted, room.sum()):
        open_ones = np.flatnonzero(taken < room)
        missing = wanted - taken.sum()
        each = max(1, missing // len(open_ones))
        chosen = generator.permutation(open_ones)[:missing]
        taken[chosen] += np.minimum(each, room[chosen] - taken[chosen])
    found = []
    for start, possible, count in zip(starts, room, taken):
        if not count:
            continue
        # A number for each pair of two of n items: 0 .. n (n - 1) / 2 - 1.
        places = generator.choice(possible, count, replace=False)
        high = ((1 + np.sqrt(1 + 8 * places.astype(np.float64))) / 2).astype(np.int64)
        high -= high * (high - 1) // 2 > places
        found.append(np.stack([order[start + high], order[start + places - high * (high - 1) // 2]], axis=1))
    return generator.permutation(np.concatenate(found)) if found else np.empty((0, 2), dtype=np.int64)


def different_pairs(
    codes: np.ndarray, own: np.ndarray, guests: np.ndarray, wanted: int, generator: np.random.Generator
) -> np.ndarray:
    """At most `wanted` pairs (P, 2) of two identities, one side from `own`, the other from `own` or `guests`."""
    both = np.concatenate([own, guests])
    sides = [members_of(codes, rows) for rows in (own, both)]
    known: dict[tuple[int, int], None] = {}  # in the order of their finding
    for _ in range(20):
        if len(known) >= wanted or len(sides[1]) < 2:
            break
        found = np.empty((wanted, 2), dtype=np.int64)
        for side, members in enumerate(sides):  # an identity first, then one of its items: none counts more than others
            chosen = generator.integers(len(members), size=wanted)
            places = (generator.random(wanted) * [len(members[each]) for each in chosen]).astype(np.int64)
            found[:, side] = [members[each][place] for each, place in zip(chosen, places)]
        found = np.sort(found[codes[found[:, 0]] != codes[found[:, 1]]], axis=1)
        known |= dict.fromkeys((mine, theirs) for mine, theirs in found.tolist())
    found = np.array(list(known), dtype=np.int64).reshape(-1, 2)
    if len(found) < wanted and len(own) * len(both) <= 4_000_000:  # few are possible: all of them, those found first
        one, two = np.meshgrid(own, both, indexing="ij")
        fits = codes[one] != codes[two]
        every = np.stack([np.minimum(one, two)[fits], np.maximum(one, two)[fits]], axis=1)
        for mine, theirs in generator.permutation(np.unique(every, axis=0)).tolist():
            known.setdefault((mine, theirs))
        found = np.array(list(known), dtype=np.int64).reshape(-1, 2)
    return found[:wanted]


def members_of(codes: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """The `rows` of each identity that has any."""
    order = rows[np.argsort(codes[rows], kind="stable")]
    return np.split(order, np.unique(codes[order], return_index=True)[1][1:])


def most_alike(pairs: np.ndarray, near: np.ndarray, wanted: int, hard: float) -> np.ndarray:
    """`wanted` of the pairs: the share `hard` of them the most alike, the others as they were drawn."""
    if near.shape != (len(pairs),):
        raise TaskError("bad-option", f"alike should give {len(pairs)} similarities; it gave the shape {near.shape}.")
    first = np.argsort(-near, kind="stable")[: int(hard * wanted)]
    rest = np.setdiff1d(np.arange(len(pairs)), first)[: wanted - len(first)]
    return pairs[np.sort(np.concatenate([first, rest]))]


def paired(same: np.ndarray, different: np.ndarray, part: int, generator: np.random.Generator) -> np.ndarray:
    """Rows (P, 4): first, second, 1 for the same, part; in random order, with the sides swapped at random."""
    pairs = np.concatenate([same, different])
    yes = np.repeat([1, 0], [len(same), len(different)])
    swap = generator.random(len(pairs)) < 0.5
    pairs = np.where(swap[:, None], pairs[:, ::-1], pairs)
    rows = np.column_stack([pairs, yes, np.full(len(pairs), part)])
    return generator.permutation(rows).astype(np.int64)
