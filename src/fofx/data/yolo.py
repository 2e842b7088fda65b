"""YOLO: NAME.txt for NAME.jpg, a line a box: class number, then middle x, middle y, width, height as shares of the sides.

images/train/1.jpg + labels/train/1.txt (Ultralytics); train/images/1.jpg + train/labels/1.txt (Roboflow); both in one folder
(Darknet). Names come from data.yaml, classes.txt, obj.names. A line with more points is an outline: its box is taken.
"""

from __future__ import annotations

import math
import os
import re
from typing import Any

from fofx.data.annotated_files import Files, joined, names_of, part_of, resolve
from fofx.data.marked import Drawn, Marked
from fofx.data.split import WORDS
from fofx.errors import DataError, Notice
from fofx.pictures import Unreadable

NAMES = ("classes.txt", "obj.names", "labels.txt", "names.txt", "predefined_classes.txt", "data.names")


class Wrong(ValueError):
    """Why a line is no box, in words."""


def find(files: Files, notes: list[Notice]) -> list[Marked] | None:
    """The pictures of a YOLO folder, or None when this is none: at least half of the text files must hold boxes."""
    labels = {_stem(path): path for path in files.ending(".txt") if path[-1].lower() not in NAMES}
    pairs = {path: label for path in files.pictures if (label := _label_of(path, labels)) is not None}
    if not pairs:
        return None
    read: dict[tuple[str, ...], list[tuple[int, Drawn]] | str] = {}
    for path, label in pairs.items():
        try:
            read[path] = lines_of(files.text(label))
        except (Unreadable, Wrong) as error:
            read[path] = f"{'/'.join(label)}: {error}"
    broken = [text for text in read.values() if isinstance(text, str)]
    told = _settings(files)
    if 2 * len(broken) > len(pairs):
        if told or any(path[-2:-1] == ("labels",) for path in pairs.values()):
            raise DataError(
                "broken-annotations", f"{len(broken)} of {len(pairs)} label files hold no boxes; {broken[0]}."
            )
        return None  # texts beside pictures are something else
    names = _names(files, told)
    parts = _parts(files, told)
    folders = {path[:-1] for path in pairs}
    found, beyond, without = [], 0, 0
    for path in files.pictures:
        boxes = read.get(path, [])
        if path not in pairs and path[:-1] not in folders:
            continue  # a picture of the read-me, say
        if isinstance(boxes, str):
            continue
        without += path not in pairs
        beyond += sum(number >= len(names) for number, _ in boxes)
        drawn = [box._replace(label=names[n] if n < len(names) and names[n] else str(n)) for n, box in boxes]
        found.append(Marked(path, drawn, part_of(path) or parts.get(path)))
    if broken:
        text = f"{len(broken)} label file(s) are broken and their pictures are left out; the first is {broken[0]}."
        notes.append(Notice("broken-annotations", text, len(broken)))
    pictured = set(pairs.values())
    numeric = [path for path in labels.values() if path not in pictured and _is_label(path, pictured)]
    if numeric:
        text = f"{len(numeric)} label file(s) have no picture and are left out; the first is {'/'.join(numeric[0])}."
        notes.append(Notice("missing-pictures", text, len(numeric)))
    if without:
        text = f"{without} picture(s) have no label file; they count as pictures of nothing."
        notes.append(Notice("pictures-without-labels", text, without))
    if not names:
        text = "No file names the classes (data.yaml, classes.txt); they are called by their numbers."
        notes.append(Notice("classes-without-names", text))
    elif beyond:
        text = f"{beyond} box(es) have a class number beyond the {len(names)} names; the class is called by its number."
        notes.append(Notice("classes-beyond-names", text, beyond))
    return found


def lines_of(text: str) -> list[tuple[int, Drawn]]:
    """(class number, box) of each line. An empty text has no boxes. Raises Wrong."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise Wrong(f"line {number} is {line.strip()[:40]!r}, not five numbers") from None
        if len(values) < 5 or not values[0].is_integer() or values[0] < 0:
            raise Wrong(f"line {number} is {line.strip()[:40]!r}, not a class number and four shares")
        if not all(map(math.isfinite, values)):
            found.append((int(values[0]), Drawn(None, (math.nan,) * 4)))
            continue
        if len(values) >= 7 and len(values) % 2 == 1:  # an outline
            corners = min(values[1::2]), min(values[2::2]), max(values[1::2]), max(values[2::2])
        else:  # a sixth number is how sure a model was
            x, y, width, height = values[1:5]
            corners = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        if max(map(abs, corners)) > 10:
            raise Wrong(f"line {number} holds pixels, but YOLO's numbers are shares of the picture's sides")
        found.append((int(values[0]), Drawn(None, corners, shares=True)))
    return found


def _stem(path: tuple[str, ...]) -> tuple[str, ...]:
    return (*path[:-1], os.path.splitext(path[-1])[0])


def _label_of(path: tuple[str, ...], labels: dict) -> tuple[str, ...] | None:
    """The label file of a picture: with labels/ for the last images/ of its path, else beside it."""
    stem = list(_stem(path))
    for place in reversed(range(len(stem) - 1)):
        if stem[place].lower() in ("images", "jpegimages", "imgs"):
            other = labels.get((*stem[:place], "labels", *stem[place + 1 :]))
            if other is not None:
                return other
    return labels.get(tuple(stem))


def _is_label(path: tuple[str, ...], known: set[tuple[str, ...]]) -> bool:
    """Whether a text file without picture lies among label files."""
    return (
        any(path[:-1] == other[:-1] for other in known) and re.match(r"read_?me|licen|notes", path[-1].lower()) is None
    )


def _settings(files: Files) -> tuple[tuple[str, ...], dict] | None:
    """The first YAML file that names classes, and what it says."""
    for path in files.ending(".yaml", ".yml"):
        if len(path) > 2:
            continue
        try:
            text = files.text(path)
        except Unreadable:
            continue
        if not re.search(r"^\s*(names|nc)\s*:", text, flags=re.M):
            continue
        try:
            import yaml
        except ImportError:
            words = f'{path[-1]} names the classes; reading it needs one more package: pip install "fofx[data]".'
            raise DataError("yaml-reader-missing", words) from None
        try:
            told = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            words = f"{'/'.join(path)} is no YAML: {str(error).splitlines()[0]}."
            raise DataError("broken-annotations", words) from None
        if isinstance(told, dict) and ("names" in told or "nc" in told):
            return path, told
    return None


def _names(files: Files, told: tuple[tuple[str, ...], dict] | None) -> list[str | None]:
    """The names of the classes by number."""
    said: Any = told[1].get("names") if told else None
    if isinstance(said, list):
        return [str(name).strip() for name in said]
    if isinstance(said, dict):
        numbered = {int(number): str(name).strip() for number, name in said.items() if str(number).isdecimal()}
        most = max(numbered, default=-1)
        return [numbered.get(number) for number in range(most + 1)] if most < 100_000 else []
    for wanted in NAMES:
        for path in files.ending(".txt", ".names"):
            if path[-1].lower() == wanted:
                lines = [line.strip() for line in files.text(path).splitlines()]
                return [
                    line or None
                    for line in lines[: len(lines) - next((n for n, x in enumerate(reversed(lines)) if x), 0)]
                ]
    return []


def _parts(files: Files, told: tuple[tuple[str, ...], dict] | None) -> dict[tuple[str, ...], str]:
    """Parts that no folder's name says: from lists of paths (train.txt, val.txt) and from the entries of data.yaml."""
    found: dict[tuple[str, ...], str] = {}
    entries = dict(told[1]) if told else {}
    home = told[0][:-1] if told else ()
    lists = [
        (path, WORDS[_stem(path)[-1].lower()]) for path in files.ending(".txt") if _stem(path)[-1].lower() in WORDS
    ]
    for word, value in entries.items():
        if not isinstance(word, str) or word.lower() not in WORDS:
            continue
        for entry in value if isinstance(value, list) else [value]:
            place = joined(home, names_of(entry)) if isinstance(entry, str) else ()
            if isinstance(entry, str) and entry.endswith(".txt"):
                lists.append((place, WORDS[word.lower()]))
            elif place:
                below = [path for path in files.pictures if path[: len(place)] == place]
                found |= {path: found.get(path, WORDS[word.lower()]) for path in below}
    known = set(files.ending(".txt"))
    for path, part in lists:
        if path in known:
            wanted = [names_of(line.strip()) for line in files.text(path).splitlines() if line.strip()]
            places = resolve(files, wanted, [path[:-1], home])
            found |= {place: part for place in places if place is not None}
    return found
