"""Pictures with boxes, in the layouts that people bring: COCO JSON, YOLO text files, Pascal VOC XML.

Each layout has its own reader (coco.py, yolo.py, voc.py) that gives `Marked` pictures. Their boxes are measured (marked.py),
what cannot be used is set aside and said, and a Table comes out with the columns `picture` (absolute path) and `boxes`
(text, see fofx.boxes.written). A picture without any box is a legal answer: there is nothing in it.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fofx.boxes.written import written
from fofx.data.folders import _inside, kind_of_file, natural
from fofx.data.marked import Marked, look, notes_of, usable
from fofx.data.split import WORDS
from fofx.data.table import Table
from fofx.errors import DataError, Notice
from fofx.pictures import Unreadable

OTHERS = (".json", ".xml", ".txt", ".yaml", ".yml", ".names")


@dataclass
class Files:
    """Everything below a root that matters: paths as tuples of names, in natural order."""

    base: str
    pictures: list[tuple[str, ...]]
    others: dict[str, list[tuple[str, ...]]]  # by ending

    def ending(self, *endings: str) -> list[tuple[str, ...]]:
        return [path for ending in endings for path in self.others.get(ending, [])]

    def full(self, path: tuple[str, ...]) -> str:
        return os.path.join(self.base, *path)

    def text(self, path: tuple[str, ...], most: int = 1 << 22) -> str:
        """A small file of text, in whatever encoding. Raises Unreadable."""
        try:
            if os.path.getsize(self.full(path)) > most:
                raise Unreadable(f"it is larger than {most >> 20} MB")
            with open(self.full(path), "rb") as file:
                return decoded(file.read())
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None


def decoded(data: bytes) -> str:
    """Bytes of text by their mark, else UTF-8, else GB18030, else Latin-1 (which takes anything)."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def files_below(root: str | Path) -> Files:
    """Pictures and possible annotations below a folder; hidden ones, and links that lead outside, are left out."""
    base = os.path.realpath(root)
    pictures: list[tuple[str, ...]] = []
    others: dict[str, list[tuple[str, ...]]] = {ending: [] for ending in OTHERS}
    for folder, folders, names in os.walk(base, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        above = () if folder == base else tuple(os.path.relpath(folder, base).split(os.sep))
        for name in names:
            ending = os.path.splitext(name)[1].lower()
            if name.startswith(".") or (
                os.path.islink(os.path.join(folder, name)) and not _inside(os.path.join(folder, name), base)
            ):
                continue
            if kind_of_file(name) == "picture":
                pictures.append((*above, name))
            elif ending in others:
                others[ending].append((*above, name))
    for paths in (pictures, *others.values()):
        paths.sort(key=lambda path: [natural(piece) for piece in path])
    return Files(base, pictures, others)


def find_annotations(root: str | Path) -> Table | None:
    """The Table of a folder whose pictures have boxes, or None when this is no such folder.

    Raises DataError "broken-annotations", "no-boxes" and "no-annotated-pictures".
    """
    from fofx.data import coco, voc, yolo

    files = files_below(root)
    if not files.pictures:
        return None
    notes: list[Notice] = []
    for layout, find in (("COCO", coco.find), ("YOLO", yolo.find), ("Pascal VOC", voc.find)):
        marked = find(files, notes)
        if marked is not None:
            return table_of(files, marked, notes, layout, Path(root).name or files.base)
    return None


def read_annotations(path: str | Path) -> Table | None:
    """The Table of one COCO JSON file, or None when the file holds something else. Its pictures lie beside it, or beside
    its folder. Raises DataError as `find_annotations` does."""
    from fofx.data import coco

    data = coco.parsed(str(path))
    if data is None:
        return None
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.basename(folder).lower() in ("annotations", "annotation", "labels", "标注"):
        folder = os.path.dirname(folder)
    files = files_below(folder)
    notes: list[Notice] = []
    marked = coco.marked_of(
        files, [(tuple(os.path.relpath(os.path.realpath(path), folder).split(os.sep)), data)], notes
    )
    return table_of(files, marked, notes, "COCO", os.path.basename(path))


def part_of(path: tuple[str, ...]) -> str | None:
    """The part that a folder's name says: train/, images/val/ ..."""
    return next((WORDS[name.lower()] for name in path[:-1] if name.lower() in WORDS), None)


# ------------------------------------------------------------------------------------------- boxes on their pictures


def table_of(files: Files, marked: list[Marked], notes: list[Notice], layout: str, source: str) -> Table:
    """Measure every picture, put the boxes right, and make the table."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        looks = list(pool.map(look, [files.full(one.path) for one in marked]))
    counts: Counter[str] = Counter()
    rows, parts, broken = [], [], []
    for one, seen in zip(marked, looks):
        if isinstance(seen, str):
            broken.append(f"{'/'.join(one.path)}: {seen}")
            continue
        boxes = usable(one, seen, counts)
        rows.append(("/".join(one.path), written(seen.size, boxes)))
        parts.append(one.part)
        counts["objects"] += len(boxes)
        counts["empty pictures"] += not boxes
    if broken:
        text = f"{len(broken)} annotated picture(s) cannot be opened and are left out; the first is {broken[0]}."
        notes.append(Notice("broken-pictures", text, len(broken)))
    if not rows:
        raise DataError(
            "no-annotated-pictures", f"{source} has {layout} annotations, but none of a picture that is there."
        )
    if not counts["objects"]:
        text = f"{source} has {layout} annotations of {len(rows)} pictures, but not one usable box among them."
        said = " ".join(notice.text for notice in notes_of(counts))
        raise DataError("no-boxes", f"{text} {said}".strip())
    notes += notes_of(counts)
    order = sorted(range(len(rows)), key=lambda row: [natural(piece) for piece in rows[row][0].split("/")])
    rows, parts = [rows[row] for row in order], [parts[row] for row in order]
    columns = {
        "picture": pl.Series([os.path.join(files.base, *name.split("/")) for name, _ in rows], dtype=pl.String),
        "boxes": pl.Series([text for _, text in rows], dtype=pl.String),
    }
    given = pl.Series("part", [part or "train" for part in parts]) if any(parts) else None
    reader = {
        "format": "folder",
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "pictures": ["picture"],
    }
    kinds = {"picture": "picture", "boxes": "boxes"}
    return Table(pl.DataFrame(columns), source, files.base, notes, kinds, given, reader)


def resolve(files: Files, wanted: list[tuple[str, ...]], homes: list[tuple[str, ...]]) -> list[tuple[str, ...] | None]:
    """Where the pictures lie that an annotation file names, or None for each that is nowhere below the root.

    A name is looked for from each of the folders `homes`, then by its last name anywhere; of several the one that shares
    most of the named folders, if only one does.
    """
    there = set(files.pictures)
    by_name: dict[str, list[tuple[str, ...]]] = {}
    for path in files.pictures:
        by_name.setdefault(path[-1], []).append(path)
    found: list[tuple[str, ...] | None] = []
    for names in wanted:
        direct = next((path for home in homes if (path := joined(home, names)) in there), None)
        if direct is None and names:
            rated = [(shared_end(path, names), path) for path in by_name.get(names[-1], [])]
            best = max((rate for rate, _ in rated), default=0)
            near = [path for rate, path in rated if rate == best]
            direct = near[0] if len(near) == 1 else None
        found.append(direct)
    return found


def joined(home: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """A path below a folder, with "." and ".." taken out; () when it leads above the root."""
    path = list(home)
    for name in names:
        if name == "..":
            if not path:
                return ()
            path.pop()
        elif name not in (".", ""):
            path.append(name)
    return tuple(path)


def shared_end(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """How many names two paths have in common, counted from their ends."""
    same = [a == b for a, b in zip(reversed(first), reversed(second))]
    return same.index(False) if False in same else len(same)


def names_of(path: Any) -> tuple[str, ...]:
    """A path as a file writes it, as names: with either slash, without a drive or root."""
    return tuple(name for name in str(path).replace("\\", "/").split("/") if name and not name.endswith(":"))
