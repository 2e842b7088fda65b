"""Pictures with boxes, in the layouts that people bring: COCO JSON, YOLO text files, Pascal VOC XML.

Each layout has its own reader (coco.py, yolo.py, voc.py) that gives `Marked` pictures. Their boxes are measured (marked.py),
what cannot be used is set aside and said, and a Table comes out with the columns `picture` (absolute path) and `boxes`
(text, see fofx.boxes.written). A picture without any box is a legal answer: there is nothing in it.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from fofx.boxes.written import written
from fofx.data import coco, voc, yolo
from fofx.data.annotated_files import Files, files_below
from fofx.data.folders import natural
from fofx.data.marked import Marked, look, notes_of, usable
from fofx.data.table import Table
from fofx.errors import DataError, Notice


def find_annotations(root: str | Path) -> Table | None:
    """The Table of a folder whose pictures have boxes, or None when this is no such folder.

    Raises DataError "broken-annotations", "no-boxes" and "no-annotated-pictures".
    """
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
