"""Folders of pictures, sounds or videos: class folders, with train / validation / test folders above or below them, or
unlabelled.

root/cat/1.jpg, root/train/cat/1.jpg, root/cat/train/1.jpg, root/training/labeled/00/1.jpg, root/training/unlabeled/...;
speakers are classes too: root/ann/1.wav. A folder is of the kind that most of its files are of. GIF files are videos where most
of them move; a column of paths may also name folders of frames.
Files come in natural order (2 before 10), always the same. Links are followed only to files inside the folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import polars as pl

from fofx.data.split import WORDS
from fofx.data.table import Table
from fofx.errors import DataError, Notice

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")
FILMS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv", ".flv")
ENDINGS = {"picture": PICTURES, "sound": SOUNDS, "video": FILMS}
"""How the names of the files of each kind end. A kind listed here can come as class folders and as a column of paths."""
LARGEST_LOOKED_AT = 50_000_000  # bytes
MAY_MOVE = (".gif", ".webp", ".png")  # pictures that may hold several frames
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xls")
UNLABELLED = ("unlabeled", "unlabelled", "unlabel", "无标签")
LABELLED = ("labeled", "labelled", "label", "有标签")


def natural(name: str) -> list:
    """A sorting key under which picture2 stands before picture10."""
    return [
        (1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in re.split(r"(\d+)", name.lower())
    ] + [(0, 0, name)]


def kind_of_file(name: str) -> str | None:
    """Of which kind a file is by the end of its name: "picture", "sound", or None."""
    return next((kind for kind, endings in ENDINGS.items() if name.lower().endswith(endings)), None)


def read_folder(root: Path) -> Table:
    """A Table with the columns `picture` or `sound` (absolute path) and `label`, and `parts` when the folders tell them.

    Raises DataError "no-pictures" and "unclear-folder".
    """
    base = os.path.realpath(root)
    every, skipped, links = walk(base)
    if every["picture"] and moving([os.path.join(base, *path) for path in every["picture"]]):
        every["video"] = sorted(
            every["video"] + every.pop("picture"), key=lambda path: [natural(piece) for piece in path]
        )
    kind = max(every, key=lambda kind: len(every[kind]))  # of equally many the first, pictures
    found = every[kind]
    if not found:
        _explain_empty(root)
    skipped += sum(map(len, every.values())) - len(found)
    notes = []
    if skipped:
        text = f"{skipped} file(s) that are hidden or not {kind}s were skipped."
        notes.append(Notice("skipped-files", text, skipped))
    if links:
        text = f"{links} link(s) that lead to folders or outside {root.name} were not followed."
        notes.append(Notice("skipped-links", text, links))
    folders = {path[:-1] for path in found}
    part_nodes = _part_folders(folders)
    rows = [_place(path, part_nodes) for path in found]
    rows = _drop_common([(part, label) for part, label in rows])
    labels = [label[0] if label else None for _, label in rows]
    parts: list[str | None] = [part for part, _ in rows]
    split = any(part for part in parts)
    if not any(labels):
        labels = _labels_in_names(found, parts)
        if any(labels):
            text = "There are no class folders; the labels were taken from the file names, up to the first underscore."
            notes.append(Notice("labels-from-names", text, sum(label is not None for label in labels)))
    aside = 0
    for row, label in enumerate(labels):
        if parts[row] == "unlabeled":
            labels[row] = None
        if label is None and any(labels):
            parts[row] = "unlabeled"
        elif split and parts[row] is None:
            parts[row] = "train"
        aside += parts[row] == "unlabeled"
    if aside:
        notes.append(Notice("unlabelled", f"{aside} {kind}(s) without a label are kept aside.", aside))
    names = ["/".join(path) for path in found]
    frame = pl.DataFrame(
        {kind: [os.path.join(base, *path) for path in found], "label": pl.Series(labels, dtype=pl.String)}
    )
    series = pl.Series("part", [part or "train" for part in parts]) if split or aside else None
    reader = {"format": "folder", "rows": [list(pair) for pair in zip(names, labels)], "pictures": [kind]}
    kinds = {kind: kind, "label": "category"}
    return Table(frame, root.name or base, base, notes, kinds, series, reader)


def moving(paths: list[str]) -> bool:
    """Whether these are animations rather than pictures: most of a few that may hold several frames do."""
    from fofx.frame_times import TooMany, durations_of

    few = [path for path in paths if path.lower().endswith(MAY_MOVE)]
    if len(few) < 0.5 * len(paths):
        return False
    few = few[:: max(1, len(few) // 12)][:12]
    count = 0
    for path in few:
        try:
            if os.path.getsize(path) <= LARGEST_LOOKED_AT:
                with open(path, "rb") as file:
                    count += len(durations_of(file.read())) > 1
        except TooMany:
            count += 1
        except OSError:
            continue
    return count > 0.5 * len(few)


def walk(base: str) -> tuple[dict[str, list[tuple[str, ...]]], int, int]:
    """Paths below `base` by kind, as tuples of names in natural order; counts of skipped files and links not followed."""
    found: dict[str, list[tuple[str, ...]]] = {kind: [] for kind in ENDINGS}
    skipped = links = 0
    for folder, folders, files in os.walk(base, followlinks=False):
        kept = []
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                links += 1
            elif not name.startswith((".", "__MACOSX")):
                kept.append(name)
        folders[:] = kept
        above = () if folder == base else tuple(os.path.relpath(folder, base).split(os.sep))
        for name in files:
            full = os.path.join(folder, name)
            kind = kind_of_file(name)
            if name.startswith(".") or kind is None:
                skipped += 1
            elif os.path.islink(full) and not _inside(full, base):
                links += 1
            else:
                found[kind].append((*above, name))
    for paths in found.values():
        paths.sort(key=lambda path: [natural(piece) for piece in path])
    return found, skipped, links


def _inside(path: str, base: str) -> bool:
    target = os.path.realpath(path)
    return os.path.commonpath([target, base]) == base and os.path.isfile(target)


def _part_folders(folders: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Folders whose names say which part they are: all their sisters do too, or "train" and "test" both are there."""
    children: dict[tuple[str, ...], set[str]] = {}
    for path in folders:
        for depth in range(len(path)):
            children.setdefault(path[:depth], set()).add(path[depth])
    known = {*WORDS, *UNLABELLED, *LABELLED}
    nodes = set()
    for parent, names in children.items():
        words = {name for name in names if name.lower() in known}
        meant = {WORDS.get(name.lower(), "") for name in words}
        if words == names or {"train", "test"} <= meant or {"train", "validation"} <= meant:
            nodes |= {(*parent, name) for name in words}
    return nodes


def _place(path: tuple[str, ...], part_nodes: set[tuple[str, ...]]) -> tuple[str | None, tuple[str, ...]]:
    """(part, the folder names that are left for the label) of one file."""
    part: str | None = None
    label = []
    for depth in range(len(path) - 1):
        name = path[depth].lower()
        if path[: depth + 1] not in part_nodes:
            label.append(path[depth])
        elif name in UNLABELLED:
            part = "unlabeled"
        elif name in WORDS and part is None:
            part = WORDS[name]
    return part, tuple(label)


def _drop_common(rows: list[tuple[str | None, tuple[str, ...]]]) -> list[tuple[str | None, tuple[str, ...]]]:
    """Drop wrapping folders ("images/") that every labelled file shares and that hold the class folders."""
    while True:
        labels = [label for _, label in rows if label]
        if not labels or len({label[0] for label in labels}) > 1 or any(len(label) < 2 for label in labels):
            return rows
        rows = [(part, label[1:]) for part, label in rows]


def _labels_in_names(found: list[tuple[str, ...]], parts: list[str | None]) -> list[str | None]:
    """Labels such as the 3 of "3_102.jpg", when all training names are like that and the classes are few."""
    heads = [match.group(1) if (match := re.match(r"([^_]+)_", path[-1])) else None for path in found]
    training = [head for head, part in zip(heads, parts) if part in (None, "train")]
    distinct = set(training)
    if None in distinct or not 2 <= len(distinct) <= max(2, len(training) // 4):
        return [None] * len(found)
    return [head if head in distinct and part != "unlabeled" else None for head, part in zip(heads, parts)]


def _explain_empty(root: Path) -> None:
    tables = sorted(entry.name for entry in root.iterdir() if entry.name.lower().endswith(TABLES))
    if tables:
        shown = ", ".join(tables[:5])
        text = f"{root} is a folder without pictures, sounds or videos; it holds tables: {shown}. Give the file itself: {root / tables[0]}"
        raise DataError("unclear-folder", text)
    raise DataError(
        "no-pictures",
        f"There are no pictures, sounds or videos in {root}. Expected class folders such as cat/1.jpg and dog/1.jpg "
        f"({', '.join(ending[1:] for endings in ENDINGS.values() for ending in endings)}).",
    )


def kind_of_paths(values: pl.Series, base: str) -> str | None:
    """Of which kind the files are that the cells of this text column name (relative to the folder `base`); None when
    they name no files, or none that exist."""
    if values.dtype != pl.String:
        return None
    known = values.drop_nulls()
    few = known.gather_every(max(1, len(known) // 200)).head(200).to_list()
    kinds = [kind_of_file(value) for value in few]
    for kind in ENDINGS:
        if few and kinds.count(kind) >= 0.9 * len(few):
            there = [path for value in few if os.path.isfile(path := os.path.join(base, value))]
            if len(there) < 0.5 * len(few):
                return None
            return "video" if kind == "picture" and moving(there) else kind
    different = known.n_unique() > 0.5 * len(known)  # class names may be folders, too
    if few and different and not any(kinds) and all(holds_frames(os.path.join(base, value)) for value in few[:20]):
        return "video"
    return None


def holds_frames(folder: str) -> bool:
    """Whether this is a folder of which the first files are pictures."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(20))]
    except (OSError, ValueError):
        return False
    return any(kind_of_file(name) == "picture" for name in names)


def find_path_columns(table: Table) -> None:
    """Mark the columns of paths of pictures and sounds and make the paths absolute (in place)."""
    base = os.path.dirname(os.path.abspath(table.path or "."))
    for name in table.frame.columns:
        kind = kind_of_paths(table.frame[name], base)
        if kind is None:
            continue
        full = [value and os.path.normpath(os.path.join(base, value)) for value in table.frame[name].to_list()]
        absent = sum(value is not None and not os.path.exists(value) for value in full)
        table.frame = table.frame.with_columns(pl.Series(name, full, dtype=pl.String))
        table.kinds[name] = kind
        table.reader.setdefault("pictures", []).append(name)
        if absent:
            text = f"{absent} {kind}(s) named in column {name!r} do not exist."
            table.notes.append(Notice("missing-pictures", text, absent))
