"""Near-duplicates: texts that differ by a few characters, pictures that differ by size, compression or brightness.

Texts: sets of five-character pieces are compared by their overlap (Jaccard); MinHash signatures in bands (Broder 1997;
Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, ch. 3) find the few pairs worth comparing. Pictures: the
difference hash, 64 bits that say whether each pixel of a 9 x 8 grey thumbnail is brighter than its right neighbour.
Shapes: N rows, K hash functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

PIECE = 5
HASHES, BAND = 32, 4
ALIKE = 0.8
READ = 400
"""Only so many characters of a text are compared: enough to tell texts apart, and the cost stays bounded."""
PIXELS_APART = 3
FLAT = 6
"""Thumbnails with less contrast (standard deviation, of 255) are all alike and say nothing."""


def normal(text: str) -> str:
    """Lower case, without spaces and punctuation."""
    return re.sub(r"[\W_]+", "", text.lower())


def signatures(texts: Sequence[str]) -> np.ndarray:
    """MinHash signatures of normalised texts: uint32 (N, K). Two entries agree with the chance of the Jaccard index."""
    lengths = np.array([max(len(text), PIECE) for text in texts], dtype=np.int64)
    joined = "".join(text.ljust(PIECE, "\0") for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    pieces = np.zeros(len(codes), dtype=np.uint64)
    for place in range(PIECE):
        shifted = codes if place == 0 else np.concatenate([codes[place:], np.zeros(place, dtype=np.uint64)])
        pieces = pieces * np.uint64(1_000_003) + shifted
    ends = np.cumsum(lengths)
    inside = np.ones(len(codes), dtype=bool)
    for place in range(1, PIECE):
        inside[ends - place] = False  # pieces that would run into the next text
    counts = lengths - PIECE + 1
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    pieces = pieces[inside]
    pieces ^= pieces >> np.uint64(29)
    generator = np.random.Generator(np.random.PCG64(0))
    factors = generator.integers(1, 2**63, HASHES, dtype=np.uint64) | np.uint64(1)
    found = np.empty((len(texts), HASHES), dtype=np.uint32)  # (N, K)
    for place, factor in enumerate(factors):
        found[:, place] = np.minimum.reduceat((pieces * factor) >> np.uint64(32), starts)
    return found


def shingles(text: str) -> set[str]:
    return {text[place : place + PIECE] for place in range(max(1, len(text) - PIECE + 1))}


def near_texts(known: Sequence[str | None], asked: Sequence[str | None]) -> np.ndarray:
    """For each text of `asked`: the row of a (nearly) equal text in `known`, or -1 (missing and short ones too)."""
    left = [normal((text or "")[:READ]) for text in known]
    right = [normal((text or "")[:READ]) for text in asked]
    found = np.full(len(right), -1, dtype=np.int64)
    if not left or not right:
        return found
    same = {text: row for row, text in reversed(list(enumerate(left)))}
    for row, text in enumerate(right):
        if len(text) > PIECE:
            found[row] = same.get(text, -1)
    known_marks, asked_marks = signatures(left), signatures(right)
    open_rows = [int(row) for row in np.flatnonzero(found < 0) if len(right[row]) >= 3 * PIECE]
    for start in range(0, HASHES, BAND):
        band = [np.ascontiguousarray(marks[:, start : start + BAND]) for marks in (known_marks, asked_marks)]
        table: dict[bytes, list[int]] = {}
        for other, mark in enumerate(band[0]):
            bucket = table.setdefault(mark.tobytes(), [])
            if len(bucket) < 8:
                bucket.append(other)
        for row in open_rows:
            if found[row] >= 0:
                continue
            for other in table.get(band[1][row].tobytes(), ()):
                agree = float((known_marks[other] == asked_marks[row]).mean())
                if agree < ALIKE - 0.25:
                    continue
                one, two = shingles(left[other]), shingles(right[row])
                if len(one & two) >= ALIKE * len(one | two):
                    found[row] = other
                    break
    return found


def picture_marks(paths: Sequence[str | None]) -> tuple[np.ndarray, np.ndarray]:
    """(difference hashes as bits (N, 64), usable (N,)): unreadable and flat pictures are not usable."""
    from fofx.pictures import decode_pictures

    grey, bad = decode_pictures(paths, (8, 9), channels=1)  # (N, 1, 8, 9)
    bits = (grey[:, 0, :, 1:] > grey[:, 0, :, :-1]).reshape(len(grey), 64)  # (N, 64)
    usable = grey.reshape(len(grey), 72).std(1) >= FLAT if len(grey) else np.zeros(0, dtype=bool)
    usable[[row for row, _ in bad]] = False
    return bits, usable


def near_pictures(known: Sequence[str | None], asked: Sequence[str | None]) -> np.ndarray:
    """For each picture of `asked`: the row of a picture in `known` whose 64 bits differ in at most 3, or -1."""
    known_bits, known_usable = picture_marks(known)
    asked_bits, asked_usable = picture_marks(asked)
    found = np.full(len(asked), -1, dtype=np.int64)
    rows = np.flatnonzero(known_usable)
    if not len(rows):
        return found
    left = known_bits[rows].astype(np.float32) * 2 - 1  # (M, 64), so that a product counts agreeing bits
    right = asked_bits.astype(np.float32) * 2 - 1
    for start in range(0, len(right), 1024):
        agree = right[start : start + 1024] @ left.T  # 64 - 2 * differing bits
        best = agree.argmax(1)
        near = agree[np.arange(len(best)), best] >= 64 - 2 * PIXELS_APART
        found[start : start + 1024][near] = rows[best[near]]
    found[~asked_usable] = -1
    return found
