"""Identities to the parts of a split: who is asked about in validation and test was never in training.

With enough identities each belongs to one part. With few (three speakers), whole identities are held out, and pairs that
differ have a known identity on their other side, a guest, shown by an item that training never saw.
Shapes: N items, K identities.
"""

from __future__ import annotations

import numpy as np

from fofx.data.split import codes_of, part_sizes, stratified_parts
from fofx.errors import DataError, Notice

RESERVED = 0.15  # share of a known identity's items that are lent to each judging part


def deal_parts(
    codes: np.ndarray, parts: np.ndarray | None, fractions: tuple[float, float, float], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, list[Notice]]:
    """The part of each item (N,), whether it is a guest there (N,), and what is to be said. See `deal`."""
    cut = np.asarray(fractions, dtype=np.float64)
    if parts is None:
        return deal(codes, cut, generator)
    part, guest = parts.copy(), np.zeros(len(codes), dtype=bool)
    notes: list[Notice] = []
    missing = [number for number in (1, 2) if not (parts == number).any()]
    if missing:
        rows = np.flatnonzero(parts == 0)
        cut = np.array([cut[0], *(cut[number] if number in missing else 0.0 for number in (1, 2))])
        part[rows], guest[rows], notes = deal(codes_of(codes[rows].tolist()), cut, generator)
    both = np.intersect1d(codes[part == 0], codes[(part == 2) & (parts == 2)])
    if len(both):
        text = (
            f"{len(both)} identities of the given test part are in training too: the score says how well known ones are "
            "told apart, not new ones. Give a test of other identities, or no split at all."
        )
        notes.append(Notice("leak-pair-identities", text, len(both)))
    return part, guest, notes


def deal(
    codes: np.ndarray, cut: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, list[Notice]]:
    """Identities to the parts: `codes` (N,) 0..K-1, `cut` the shares of train, validation, test (0: no such part).

    Disjoint    : no identity in two parts; needs two identities a part, one of them with two examples.
    Held out    : one identity for validation and one for test; the others train, and lend some items of their own as guests,
                  the other side of pairs that differ. With one identity to spare, validation and test share it, by items.
    By items    : with two identities, or too few examples, only the items are new; the identities are known.
    """
    counts = np.bincount(codes)
    identities, asked = len(counts), [number for number in (1, 2) if cut[number] > 0]
    if identities < 2:
        raise DataError(
            "one-identity", "All items show one identity: there is no pair that differs. Give more of them."
        )
    parts = len(asked) + 1
    several = int((counts > 1).sum())
    part, guest = np.zeros(len(codes), dtype=np.int64), np.zeros(len(codes), dtype=bool)
    if not asked:
        return part, guest, []
    if identities >= 2 * parts and several >= parts:
        return part_of_identities(counts, cut, asked, generator)[codes], guest, []
    held = generator.permutation(np.flatnonzero(counts > 1))
    remaining = identities - len(asked)
    if remaining >= 2 and several > len(asked):
        for number, identity in zip(asked, held):
            part[codes == identity] = number
        words = "one identity for validation and another for test" if parts == 3 else "one identity"
    elif parts == 3 and identities >= 3 and several >= 2 and counts.max() >= 4:
        held = held[counts[held] >= 4][:1]
        rows = generator.permutation(np.flatnonzero(codes == held[0]))
        part[rows] = 1 + (np.arange(len(rows)) % 2)
        words = "one identity, some of its items for validation and the others for test"
    else:
        part = stratified_parts(codes, cut, int(generator.integers(2**31)))
        text = (
            f"With {identities} identities none can be kept for the test. Pairs are judged on new items of identities that "
            "training has seen: the score does not hold for new ones. Give more identities."
        )
        return part, guest, [Notice("few-identities", text, identities)]
    new = np.isin(codes, held[: len(asked)])
    for identity in np.flatnonzero(~np.isin(np.arange(identities), held[: len(asked)])):
        rows = generator.permutation(np.flatnonzero(codes == identity))
        lent = max(1, int(RESERVED * len(rows))) if len(rows) >= len(asked) + 2 else 0
        for place, number in enumerate(asked):
            part[rows[place * lent : (place + 1) * lent]] = number
    guest = (part > 0) & ~new
    text = (
        f"{identities} identities are too few for parts of their own. Kept from training: {words}. In every pair of "
        "validation and test at least one side shows an identity that training never saw; in pairs that differ the other "
        "side is a known one, shown by an item that training never saw. So few identities make every score uncertain."
    )
    return part, guest, [Notice("few-identities", text, identities)]


def part_of_identities(
    counts: np.ndarray, cut: np.ndarray, asked: list[int], generator: np.random.Generator
) -> np.ndarray:
    """The part of each identity (K,): at least two identities a part, one of them with two examples."""
    sizes = np.maximum(part_sizes(len(counts), cut), np.where(cut > 0, 2, 0))
    while sizes[1:].sum() > len(counts) - 2:
        sizes[1 + int(np.argmax(sizes[1:]))] -= 1  # training needs two as well
    order = generator.permutation(len(counts))
    able, single = (order[(counts[order] > 1) == word] for word in (True, False))
    part = np.zeros(len(counts), dtype=np.int64)
    for left, number in zip(range(len(asked), 0, -1), asked):
        wanted = int(sizes[number])
        share = round(wanted * len(able) / max(1, len(able) + len(single)))
        share = min(max(share, 1, wanted - len(single)), len(able) - left, wanted)  # one stays for each part to come
        part[able[:share]], part[single[: wanted - share]] = number, number
        able, single = able[share:], single[wanted - share :]
    return part
