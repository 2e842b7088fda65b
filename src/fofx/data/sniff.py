"""How is a table of text laid out: which separator, a header or none, or one text a line with its label?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from fofx.data.table import MISSING

SEPARATORS = ("\t", ",", ";", "|")
NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d+)*|\.\d+)([eE][-+]?\d+)?\s*%?\s*")


@dataclass
class Layout:
    """separator; `steady`: share of records with as many cells as most; the header's cells (None: no header); `skip`:
    lines above the header (a title, a comment)."""

    separator: str
    steady: float
    header: list[str] | None
    width: int
    skip: int = 0


def records(text: str, separator: str, limit: int = 300) -> list[list[str]]:
    """The first records as lists of cells: quoted cells may hold separators and newlines; blank lines are dropped."""
    mark = re.escape(separator)
    cell = re.compile(rf'("(?:[^"]|"")*"(?=[ ]*(?:{mark}|[\r\n]|\Z))|[^{mark}\r\n]*)[ ]*({mark}|\r\n|\n|\r|\Z)')
    found: list[list[str]] = []
    record: list[str] = []
    place = 0
    while place <= len(text) and len(found) < limit:
        match = cell.match(text, place)
        if match is None:  # pragma: no cover - the pattern matches anywhere
            break
        value, end = match.groups()
        record.append(value[1:-1].replace('""', '"') if value[:1] == '"' == value[-1:] and len(value) > 1 else value)
        if end != separator:
            if len(record) > 1 or record[0].strip():
                found.append(record)
            record = []
            if not end:
                break
        place = match.end()
    return found


def is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


def find_layout(text: str, whole: bool, prefer: str = ",") -> Layout:
    """The separator under which most records have equally many cells, and whether the first record is a header."""
    best: tuple[float, int, int, int, Layout] | None = None
    sample = text[: 1 << 16]
    cut = not whole or len(sample) < len(text)
    for separator in SEPARATORS:
        found = records(sample, separator)
        if cut and len(found) > 1 and len(found) < 300:
            found = found[:-1]
        if not found:
            continue
        title = next((place for place, record in enumerate(found[:10]) if len(record) > 1), 0)
        if title and len(found) - title > 1 and len({len(record) for record in found[title:]}) == 1:
            found = found[title:]  # lines above the table
        widths = Counter(len(record) for record in found)
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        steady = count / len(found) if width > 1 else 0.0
        layout = Layout(separator, steady, None, width)
        rank = (round(steady, 1), int(not title), int(separator == prefer), width, layout)
        if best is None or rank[:4] > best[:4]:
            best = rank
    layout = best[4] if best and best[4].steady > 0 else Layout(prefer, 0.0, None, 1)
    first = records(text, layout.separator, limit=1)
    if layout.steady >= 0.8 and layout.width > 1 and first and len(first[0]) == 1:
        lines = text.splitlines()
        widths_of = (len((records(line, layout.separator, 1) or [[""]])[0]) for line in lines[:50])
        layout.skip = next((place for place, width in enumerate(widths_of) if width == layout.width), 0)
        text = "\n".join(lines[layout.skip :])
    found = records(text[: 1 << 16], layout.separator)
    header = (records(text, layout.separator, limit=1) or [[]])[0]
    layout.header = None if looks_like_data(header, found[1:]) else header
    layout.width = len(header)
    return layout


def looks_like_data(first: list[str], rest: list[list[str]]) -> bool:
    """Is the first record data and no header? All its cells are numbers, or one comes again below in its column."""
    cells = [cell for cell in first if cell.strip() not in MISSING]
    if not cells:
        return False
    if all(is_number(cell) for cell in cells):
        return True
    below = [record for record in rest if len(record) == len(first) and record != first]
    if not below or len(first) > 50:
        return False
    again = False
    for name, *values in zip(first, *below):
        if name.strip() in MISSING:
            continue
        if not is_number(name) and all(is_number(value) for value in values if value.strip() not in MISSING):
            return False  # a word above numbers is their name
        again = again or name in values
    return again


@dataclass
class LabelledLines:
    """One text a line with its label: where the line is cut, on which side the label stands, is there a header."""

    separator: str
    side: str
    header: list[str] | None


def find_labelled_lines(text: str, whole: bool) -> LabelledLines | None:
    """Lines such as "1<TAB>很好", "pos, very good, clean" or "great film __label__1"; None when it is not that."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not whole and len(lines) > 1:
        lines = lines[:-1]
    lines = lines[:2000]
    if len(lines) < 2:
        return None
    for side in ("left", "right"):
        for separator in ("\t", ",", "，", ";", "|", " "):
            pairs = [cut_line(line, separator, side) for line in lines]
            labels = [pair[0] for pair in pairs[1:] if pair]
            if not pairs[0] or len(labels) < 0.98 * (len(lines) - 1):
                continue
            distinct = Counter(labels)
            if len(distinct) > max(2, min(100, len(labels) // 4)) or max(map(len, distinct)) > 20:
                continue
            coded = all(is_number(label) or label.startswith("__") for label in distinct)
            if separator == " " and not coded:
                continue
            words = [pair[1] for pair in pairs[1:] if pair]
            if len(set(words)) <= len(distinct) or sum(map(len, words)) < 2 * len(words):
                continue
            head = None if pairs[0][0] in distinct else [pairs[0][0], pairs[0][1]]
            if head and (coded and is_number(head[0])):
                head = None
            return LabelledLines(separator, side, head)
    return None


def cut_line(line: str, separator: str, side: str) -> tuple[str, str] | None:
    """(label, text) of one line, or None when the separator is not in it."""
    left, mark, right = line.strip().partition(separator) if side == "left" else line.strip().rpartition(separator)
    if not mark:
        return None
    label, words = (left, right) if side == "left" else (right, left)
    return label.strip().strip('"'), words.strip()
