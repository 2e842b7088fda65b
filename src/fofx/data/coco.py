"""COCO JSON (Lin and others 2014): {"images": [...], "annotations": [...], "categories": [...]}, a file a part or one for all.

annotations/instances_train2017.json beside train2017/; train/_annotations.coco.json among its pictures (Roboflow); one
annotations.json above a folder of pictures. The part comes from the folder's or the file's name.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from fofx.data.annotated_files import Files, names_of, part_of, resolve
from fofx.data.marked import Drawn, Marked
from fofx.data.split import WORDS
from fofx.errors import DataError, Notice

LARGEST = 1 << 30  # bytes of a JSON file that is read whole
OTHER_TASKS = ("captions", "person_keypoints", "keypoints", "stuff", "panoptic")  # what lies beside instances_*.json
Sheet = tuple[tuple[str, ...], dict]  # a file's path as names below the root, and what it holds


def find(files: Files, notes: list[Notice]) -> list[Marked] | None:
    """The annotated pictures of every COCO file below a root, or None when there is none."""
    sheets: list[Sheet] = []
    for path in files.ending(".json"):
        if len(path) > 3 or path[-1].lower().startswith(OTHER_TASKS):
            continue
        data = parsed(files.full(path), strict=False)
        if data is not None:
            sheets.append((path, data))
    if not sheets:
        return None
    instances = [sheet for sheet in sheets if sheet[0][-1].startswith("instances")]
    return marked_of(files, instances or sheets, notes)


def parsed(path: str, strict: bool = True) -> dict | None:
    """What a COCO file holds, or None when the file is something else.

    Broken JSON is a DataError where a name says "coco", "instances" or "annotations", and, if `strict`, where it looks so.
    """
    name = os.path.basename(path)
    with open(path, "rb") as file:
        start = file.read(4096)
    meant = re.search(r"coco|instances|annotations", name.lower()) is not None
    if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or os.path.getsize(path) > LARGEST:
        return None
    if not meant and not strict and not re.search(rb'"(images|annotations|categories|info|licenses)"', start):
        return None
    try:
        with open(path, encoding="utf-8-sig") as text:
            data = json.load(text)
    except (ValueError, RecursionError) as error:
        if meant or (strict and b'"images"' in start):
            raise DataError("broken-annotations", f"{name} should be a COCO file, but it is broken: {error}.") from None
        return None
    if not isinstance(data, dict) or not isinstance(data.get("images"), list) or "annotations" not in data:
        return None
    if not isinstance(data["annotations"], list) or not isinstance(data.get("categories", []), list):
        raise DataError("broken-annotations", f'{name}: "images", "annotations" and "categories" should be lists.')
    return data


def marked_of(files: Files, sheets: list[Sheet], notes: list[Notice]) -> list[Marked]:
    """The pictures that the sheets name and that are there, with their boxes. What is missing is said."""
    found: dict[tuple[str, ...], Marked] = {}
    missing, stray, unknown = [], 0, 0
    for path, data in sheets:
        names = {_key(one.get("id")): _name(one) for one in data.get("categories", []) if isinstance(one, dict)}
        images = [image for image in data["images"] if isinstance(image, dict) and image.get("file_name")]
        places = resolve(files, [names_of(image["file_name"]) for image in images], homes_of(path))
        part = part_of(path) or part_in_name(path[-1])
        of_image: dict[Any, Marked | None] = {}
        for image, place in zip(images, places):
            if place is None:
                missing.append(str(image["file_name"]))
                of_image[_key(image.get("id"))] = None
                continue
            marked = found.setdefault(place, Marked(place, [], part or part_of(place), _size(image)))
            of_image[_key(image.get("id"))] = marked
        for note in data["annotations"]:
            if not isinstance(note, dict) or _key(note.get("image_id")) not in of_image:
                stray += 1
                continue
            mine = of_image[_key(note.get("image_id"))]
            if mine is not None:
                number = note.get("category_id")
                unknown += number is not None and _key(number) not in names
                mine.boxes.append(_drawn(note, names))
    _tell(notes, missing, stray, unknown)
    unlisted = len(files.pictures) - len(found)
    if unlisted > 0:
        text = f"{unlisted} picture(s) of this folder are not named by the annotations; they are left out."
        notes.append(Notice("unlisted-pictures", text, unlisted))
    return list(found.values())


def _tell(notes: list[Notice], missing: list[str], stray: int, unknown: int) -> None:
    if missing:
        text = f"{len(missing)} annotated picture(s) are not there and are left out; the first is {missing[0]}."
        notes.append(Notice("missing-pictures", text, len(missing)))
    if stray:
        text = f"{stray} annotation(s) belong to no picture that their file names; they are left out."
        notes.append(Notice("stray-annotations", text, stray))
    if unknown:
        text = f"{unknown} box(es) have a class number that the file names no class for; the class is called by its number."
        notes.append(Notice("classes-beyond-names", text, unknown))


def homes_of(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Folders in which a sheet's pictures may lie: its own, those beside it, and for annotations/ those beside that."""
    stem = re.sub(r"^(instances|annotations?)[_-]|[_.]?coco$", "", os.path.splitext(path[-1])[0].lower())
    homes = []
    for base in (path[:-1], path[:-2]):
        for inner in ((), ("images",), (stem,), ("images", stem), ("data",)):
            homes.append((*base, *inner))
    return list(dict.fromkeys(homes))


def part_in_name(name: str) -> str | None:
    """The part in a file's name: instances_val2017.json, train.json."""
    words = re.findall(r"[^\W\d_]+", os.path.splitext(name)[0].lower())
    return next((WORDS[word] for word in words if word in WORDS), None)


def _drawn(note: dict, names: dict) -> Drawn:
    number = note.get("category_id")
    label = names.get(_key(number)) or (None if number is None else str(number))
    box = note.get("bbox")
    crowd = bool(note.get("iscrowd"))
    if isinstance(box, list) and len(box) == 4 and _are_numbers(box):
        left, top, width, height = map(float, box)
        return Drawn(label, (left, top, left + width, top + height), crowd=crowd)
    outline = note.get("segmentation")
    rings = outline if isinstance(outline, list) and all(_are_numbers(ring) for ring in outline) else []
    points = [value for ring in rings for value in ring]
    if len(points) >= 6 and len(points) % 2 == 0:
        x, y = points[0::2], points[1::2]
        return Drawn(label, (min(x), min(y), max(x), max(y)), crowd=crowd)
    return Drawn(label, (float("nan"),) * 4)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _key(value: Any) -> Any:
    """Numbers of pictures and classes as one can look them up: 7, 7.0 and "7" are the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _name(category: dict) -> str | None:
    name = category.get("name")
    return str(name).strip() or None if name is not None else None


def _size(image: dict) -> tuple[int, int] | None:
    sides: list[Any] = [image.get("width"), image.get("height")]
    return (int(sides[0]), int(sides[1])) if _are_numbers(sides) and min(sides) >= 1 else None
