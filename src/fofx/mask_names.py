"""The names of the classes in masks, from the file that usually lies beside them: classes.txt, codes.txt, label_colors.txt ...

A line names a class: "sky", "0 sky", "sky: 0", "128 64 128 road", "road,128,64,128", "3 road 128 64 128", "road #804080". Also
JSON: a list of names, {"sky": 0}, {"road": [128, 64, 128]}, {"0": "sky"}, or a list of {"name", "id", "color"}.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

ENDINGS = (".txt", ".csv", ".tsv", ".json")
STEMS = re.compile(
    r"(class|code|label|categor|palette|colou?r)[a-z]*([ _-]?(name|list|map|dict|colou?r|code|label|class)[a-z]*)*|names|类别|标签"
)
MASK_FOLDERS = r"masks?|labels?|annotations?|annots?|segmentation(class|s)?|segs?|gt|gtfine|gtcoarse|ground[ _-]?truths?|trimaps?|掩码|标注|标签"
PARTS = r"train|training|val|valid|validation|dev|test|testing|训练集?|验证集?|测试集?"
INSIDE = re.compile(
    rf"({PARTS})?[ _-]?({MASK_FOLDERS})|{PARTS}|pictures?|images?|图片", re.I
)  # folders inside a set of data
HEADERS = ("name", "names", "class", "classes", "class_name", "label", "labels")
LARGEST = 1_000_000  # bytes of a file of names


def listed_beside(paths: list[str | None]) -> list[dict]:
    """The classes as a file lists them that lies beside these masks, or above them in the same set of data."""
    folders = sorted({os.path.dirname(os.path.abspath(path)) for path in paths if path})
    if not folders:
        return []
    looked = [os.path.commonpath(folders)]
    while INSIDE.fullmatch(os.path.basename(looked[-1])):
        looked.append(os.path.dirname(looked[-1]))
    return listed_classes([folder for folder in reversed(looked) if os.path.isdir(folder)])


def listed_classes(folders: list[str]) -> list[dict]:
    """The classes as the first such file in these folders lists them; one that tells colours goes first. [] without one.

    Each is {"name": text, "number": int or None, "colour": red * 65536 + green * 256 + blue or None}.
    """
    found = []
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            stem, ending = os.path.splitext(name.lower())
            path = os.path.join(folder, name)
            if ending in ENDINGS and STEMS.fullmatch(stem) and os.path.getsize(path) <= LARGEST:
                classes = parse_classes(_text(path), is_json=ending == ".json")
                if len(classes) >= 2:
                    found.append(classes)
    found.sort(key=lambda classes: not any(entry["colour"] is not None for entry in classes))
    return found[0] if found else []


def _text(path: str) -> str:
    with open(path, "rb") as file:
        content = file.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""


def parse_classes(text: str, is_json: bool = False) -> list[dict]:
    """The classes that a text names; [] when it is no such list."""
    if is_json:
        try:
            entries = _from_json(json.loads(text))
        except (ValueError, RecursionError):
            return []
    else:
        lines = [line.replace('"', "").strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("#", "//", "%"))]
        if lines and lines[0].lower() in HEADERS:
            del lines[0]
        entries = _from_lines(lines)
    names = [entry["name"] for entry in entries]
    return entries if names and len(set(names)) == len(names) and all(names) else []


def _from_lines(lines: list[str]) -> list[dict]:
    entries = [_from_line(line) for line in lines]
    numbered = sum(entry["number"] is not None or entry["colour"] is not None for entry in entries)
    if numbered and numbered >= len(entries) - 1:  # the one without may be a header ("name,r,g,b")
        entries = [entry for entry in entries if entry["number"] is not None or entry["colour"] is not None]
        if len({entry["name"] for entry in entries}) == len(entries):
            return entries
    return [{"name": line.strip(" ,;'"), "number": None, "colour": None} for line in lines]  # "lane 1", "lane 2"


def _from_line(line: str) -> dict:
    line = re.sub(r"#([0-9a-fA-F]{6})\b", lambda hit: " ".join(str(b) for b in bytes.fromhex(hit[1])), line)
    before, name, after = re.fullmatch(  # type: ignore[union-attr]
        r"((?:\d+[\s,;:]+)*)(.*?)((?:[\s,;:]+\d+)*)[\s,;:]*", line, flags=re.S
    ).groups()
    first, last = ([int(number) for number in re.findall(r"\d+", part)] for part in (before, after))
    numbers = first + last
    number, colour = None, None
    if len(numbers) in (1, 2):
        number = numbers[0]
    elif len(numbers) == 3:
        colour = numbers
    elif len(numbers) >= 4:
        (number, *colour) = numbers[:4] if len(first) != 3 else [last[0], *first]
    return _entry(name, number, colour)


def _entry(name: Any, number: Any = None, colour: Any = None) -> dict:
    whole = colour is not None and len(colour) >= 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in colour[:3])
    return {
        "name": str(name).strip(" ,;:'\t"),
        "number": number if isinstance(number, int) and not isinstance(number, bool) else None,
        "colour": colour[0] << 16 | colour[1] << 8 | colour[2] if whole else None,
    }


def _from_json(found: Any) -> list[dict]:
    if isinstance(found, dict):
        inner = next((found[key] for key in ("classes", "labels", "categories", "names") if key in found), None)
        if isinstance(inner, list | dict):
            return _from_json(inner)
        entries = []
        for key, value in found.items():
            if isinstance(value, str) and str(key).isdigit():
                entries.append(_entry(value, int(key)))
            else:
                entries.append(_entry(key, value, value if isinstance(value, list) else None))
        return entries
    if not isinstance(found, list):
        return []
    entries = []
    for value in found:
        if isinstance(value, dict):
            parts = {str(key).lower(): part for key, part in value.items()}
            colour = next((parts[key] for key in ("color", "colour", "rgb") if isinstance(parts.get(key), list)), None)
            number = next((parts[key] for key in ("id", "value", "number", "index") if key in parts), None)
            name = next((parts[key] for key in ("name", "label", "class", "readable") if key in parts), "")
            entries.append(_entry(name, number, colour))
        else:
            entries.append(_entry(value))
    return entries
