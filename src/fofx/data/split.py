"""Split rows into train, validation and test: at random (stratified), by groups, in time order, or as given.

Training rows teach the model, validation rows choose among models, test rows are looked at once, at the end. The
functions in `PIECES` are plain numpy and need nothing else, so that an ejected script can carry them along verbatim.
Row numbers are int64 and sorted; the parts never overlap. Always seeded by numpy's PCG64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fofx.errors import DataError, TaskError

FRACTIONS = (0.7, 0.15, 0.15)
PARTS = ("train", "validation", "test")


@dataclass
class Split:
    """Row numbers of the three parts (int64, ascending, disjoint) and one sentence on how they were made."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str

    def sizes(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in PARTS}


def part_sizes(rows, fractions):
    """How many rows each part gets: the fractions rounded, but a part asked for is never empty while rows last."""
    wanted = np.asarray(fractions, dtype=np.float64)
    wanted = wanted / wanted.sum() * rows
    sizes = np.floor(wanted + 0.5).astype(np.int64)
    sizes[1:] = np.maximum(sizes[1:], (wanted[1:] > 0).astype(np.int64))
    while sizes.sum() - sizes[0] >= max(rows, 1) and sizes[1:].max() > 0:
        sizes[1 + int(np.argmax(sizes[1:]))] -= 1  # training keeps at least one row
    sizes[0] = rows - sizes[1:].sum()
    return sizes


def codes_of(values):
    """Whole numbers 0..K-1 for equal values, in order of first appearance. Missing values are one value."""
    known: dict[Any, int] = {}
    codes = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        if value is None or value != value:
            value = None
        codes[row] = known.setdefault(value, len(known))
    return codes


def random_parts(rows, fractions, seed):
    """Shuffle the rows and cut: the part (0, 1, 2) of every row."""
    generator = np.random.Generator(np.random.PCG64(seed))
    sizes = part_sizes(rows, fractions)
    part = np.empty(rows, dtype=np.int64)
    part[generator.permutation(rows)] = np.repeat(np.arange(len(sizes)), sizes)
    return part


def stratified_parts(codes, fractions, seed):
    """Like `random_parts`, but every class is spread over the parts in proportion; a class of one row trains.

    All rows are laid in a line, class after class, shuffled inside a class; each cut then takes evenly spaced rows of
    that line, so that the sizes of the parts come out right for the whole and, within one row, for every class.
    """
    rows = len(codes)
    generator = np.random.Generator(np.random.PCG64(seed))
    sizes = part_sizes(rows, fractions)
    part = np.zeros(rows, dtype=np.int64)
    order = generator.permutation(rows)
    counts = np.bincount(codes)
    order = order[np.argsort(codes[order], kind="stable")]
    order = order[counts[codes[order]] > 1]
    for number in range(1, len(sizes)):
        wanted = min(int(sizes[number]), len(order) - 1)
        if wanted < 1:
            continue
        places = ((np.arange(wanted) + generator.random()) * len(order) / wanted).astype(np.int64)
        part[order[places]] = number
        order = np.delete(order, places)
    first = {int(code): row for row, code in reversed(list(enumerate(codes)))} if counts.size <= rows else {}
    trained = set(codes[part == 0].tolist())
    for code, row in first.items():
        if code not in trained and (part == part[row]).sum() > 1:
            part[row] = 0  # a class that training never sees cannot be learned
    return part


def grouped_parts(groups, codes, fractions, seed):
    """Whole groups to the parts, largest first, each to the part that misses most rows (and most of its classes)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rows, count = len(groups), int(groups.max()) + 1
    wanted = np.asarray(fractions, dtype=np.float64) / np.sum(fractions) * rows
    classes = int(codes.max()) + 1
    if classes > 100:  # nothing to balance when nearly every row is its own class
        codes, classes = np.zeros(rows, dtype=np.int64), 1
    table = np.zeros((count, classes))
    np.add.at(table, (groups, codes), 1.0)  # (groups, classes)
    share = wanted[:, None] * (table.sum(0) / rows)[None, :]  # (parts, classes)
    size = table.sum(1)
    have = np.zeros_like(share)
    part_of = np.zeros(count, dtype=np.int64)
    order = generator.permutation(count)
    order = order[np.argsort(-size[order], kind="stable")]
    open_parts = [number for number in range(len(wanted)) if wanted[number] > 0]
    for place, group in enumerate(order):
        empty = [number for number in open_parts if have[number].sum() == 0]
        if len(empty) >= count - place:
            number = empty[0]  # only as many groups left as empty parts
        else:
            lack = np.maximum(share - have, 0.0)  # (parts, classes)
            room = np.maximum(wanted - have.sum(1), 0.0)
            gain = (np.minimum(lack, table[group]).sum(1) + np.minimum(room, size[group])) / size[group]
            gain = gain + 1e-3 * room / np.maximum(wanted, 1.0)
            number = max(open_parts, key=lambda index: gain[index])
        part_of[group] = number
        have[number] += table[group]
    return part_of[groups]


def time_parts(time, fractions):
    """Earliest rows train, the latest test; rows of one moment stay together whenever every part can have some."""
    rows = len(time)
    order = np.argsort(time, kind="stable")
    sizes = part_sizes(rows, fractions)
    part = np.empty(rows, dtype=np.int64)
    part[order] = np.repeat(np.arange(len(sizes)), sizes)
    moments = np.unique(time, return_inverse=True)[1].reshape(-1)
    if moments.max() + 1 >= np.count_nonzero(sizes):
        whole = np.zeros(moments.max() + 1, dtype=np.int64)
        np.maximum.at(whole, moments, part)
        together = whole[moments]
        if len(np.unique(together)) == len(np.unique(part)):
            part = together
    return part


PIECES = (part_sizes, codes_of, random_parts, stratified_parts, grouped_parts, time_parts)
"""What an ejected script carries along to make the same split: plain functions over numpy (imported as np)."""


def split(
    rows: int,
    *,
    parts: Any = None,
    labels: Any = None,
    groups: Any = None,
    time: Any = None,
    seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> Split:
    """Divide row numbers 0..rows-1 into train, validation and test.

    parts   : "train", "validation", "test" (or None: left out) for each row, when the data come already split; a
              missing validation or test part is cut from the training rows by the other rules.
    labels  : classes of the rows: every part gets its share of each (stratified).
    groups  : rows of one group stay together.          time: earliest rows train, latest test.
    Raises TaskError ("bad-fractions", "bad-option", "unknown-part") and DataError ("few-rows", "few-groups").
    """
    cut = np.asarray(fractions, dtype=np.float64)
    if cut.shape != (3,) or not np.isfinite(cut).all() or (cut < 0).any() or cut[0] <= 0:
        raise TaskError(
            "bad-fractions",
            f"Expected three fractions for train, validation and test, such as {FRACTIONS}; got {fractions}.",
        )
    for word, values in (("parts", parts), ("labels", labels), ("groups", groups), ("time", time)):
        if values is not None and len(values) != rows:
            raise TaskError(
                "bad-option", f"{word} has {len(values)} values for {rows} rows; it needs one for each row."
            )
    if groups is not None and time is not None:
        raise TaskError("bad-option", "Give group or time, not both: a split can keep only one of the two promises.")
    if parts is not None:
        return _given(rows, _part_words(parts), labels, groups, time, seed, cut)
    if rows < 1:
        raise DataError("few-rows", "There is no row to learn from.")
    part, how = _cut(np.arange(rows), labels, groups, time, seed, cut)
    train, validation, test = (np.flatnonzero(part == number).astype(np.int64) for number in range(3))
    return Split(train, validation, test, how)


def _cut(chosen: np.ndarray, labels: Any, groups: Any, time: Any, seed: int, cut: np.ndarray) -> tuple[np.ndarray, str]:
    """The part of every chosen row, and how that came about."""

    def of(values: Any) -> list:
        values = values.to_list() if hasattr(values, "to_list") else list(np.asarray(values, dtype=object))
        return [values[row] for row in chosen]

    if groups is not None:
        codes = codes_of(of(groups))
        need = int(np.count_nonzero(cut))
        if codes.max() + 1 < min(need, len(chosen)):
            raise DataError(
                "few-groups",
                f"All rows belong to {int(codes.max()) + 1} group(s), but {need} parts are needed. Choose another "
                "group column, give test and validation files, or leave the group out.",
            )
        classes = codes_of(of(labels)) if labels is not None else np.zeros(len(chosen), dtype=np.int64)
        return grouped_parts(
            codes, classes, cut, seed
        ), f"groups kept together ({int(codes.max()) + 1} groups, seed {seed})"
    if time is not None:
        return time_parts(_moments(of(time)), cut), "in time order: earliest rows train, latest rows test"
    if labels is not None:
        return stratified_parts(codes_of(of(labels)), cut, seed), f"random, each class in proportion (seed {seed})"
    return random_parts(len(chosen), cut, seed), f"random (seed {seed})"


def _moments(values: list) -> np.ndarray:
    """Ranks of any sortable values; missing moments count as earliest, so that they train."""
    missing = [value is None or value != value for value in values]
    known = [value for value, gone in zip(values, missing) if not gone]
    try:
        ordered = sorted(set(known))
    except TypeError:
        ordered = sorted(set(known), key=str)
    rank = {value: place + 1 for place, value in enumerate(ordered)}
    return np.array([0 if gone else rank[value] for value, gone in zip(values, missing)], dtype=np.int64)


WORDS = {
    **dict.fromkeys(("train", "training", "learn", "训练", "训练集"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "validate", "验证", "验证集"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "测试", "测试集"), "test"),
}


def _part_words(parts: Any) -> list[str | None]:
    found: list[str | None] = []
    for value in parts.to_list() if hasattr(parts, "to_list") else list(parts):
        word = str(value).strip().lower() if value is not None else ""
        if word in ("", "unlabeled", "unlabelled", "none", "nan"):
            found.append(None)
        elif word in WORDS:
            found.append(WORDS[word])
        else:
            raise TaskError(
                "unknown-part", f"A split column holds train, validation or test for each row; found {value!r}."
            )
    return found


def _given(rows: int, words: list, labels: Any, groups: Any, time: Any, seed: int, cut: np.ndarray) -> Split:
    found = {name: np.array([row for row in range(rows) if words[row] == name], dtype=np.int64) for name in PARTS}
    if not len(found["train"]):
        raise DataError("few-rows", "The given split has no training row.")
    missing = [name for name in PARTS[1:] if not len(found[name])]
    how = "as given"
    if missing:
        share = np.array(
            [cut[0], *(cut[1 + place] if name in missing else 0.0 for place, name in enumerate(PARTS[1:]))]
        )
        chosen = found["train"]
        part, made = _cut(chosen, labels, groups, time, seed, share)
        for number, name in enumerate(PARTS):
            if name == "train" or name in missing:
                found[name] = chosen[part == number]
        how = f"as given; {' and '.join(missing)} cut from train: {made}"
    return Split(found["train"], found["validation"], found["test"], how)
