"""Folders of pictures with a mask each: two folders (pictures/ and masks/), or NAME_mask.png beside NAME.jpg.

pictures/1.jpg + masks/1.png; images/train/... + annotations/train/...; train/img/... + train/mask/...; train/ + trainannot/;
JPEGImages/ + SegmentationClass/ with the lists of ImageSets/; NAME_L.png, NAME_sat.jpg and the like. Every mask is read once,
to its end: what cannot be used is set aside and said, and the legend (fofx.legend) is learnt from what is there.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from fofx.data.folders import natural, walk
from fofx.data.split import WORDS
from fofx.data.table import Table
from fofx.errors import DataError, Notice
from fofx.legend import Look, learn_legend, pixels_by_class
from fofx.mask_names import MASK_FOLDERS, listed_beside
from fofx.maskfiles import look_at_masks
from fofx.pictures import size_upright

PICTURE_FOLDERS = r"pictures?|images?|imgs?|jpegimages|photos?|rgb|leftimg8bit|raw|inputs?|frames?|图片|图像|照片"
BESIDE = rf"({'|'.join(WORDS)})[ _-]?({MASK_FOLDERS})"  # trainannot/, val_labels/
MASK_ENDS: tuple[str, ...] = (
    "_gtfine_labeltrainids",
    "_gtfine_labelids",
    "_mask",
    "_masks",
    "_label",
    "_labels",
    "_l",
    "_p",
    "_seg",
    "_gt",
)
MASK_ENDS += ("-mask", "_annotation", "_segmentation", "_manual1", "_groundtruth", "_matte", "_掩码", "_标注")
PICTURE_ENDS = ("_leftimg8bit", "_sat", "_image", "_img", "_rgb", "_photo", "-image")
NO_MASKS = ("_instanceids", "_color", "_polygons", "_instances")  # Cityscapes lays these beside the class numbers
COLUMN = rf"(.*[ _.-])?({MASK_FOLDERS})([ _.-].*)?"
NEAR = 0.02  # by which the shapes of a picture and its mask may differ, as a share


class Found(NamedTuple):
    """One file: its path as names below the root, what it is ("picture" or "mask"), its part, and what it shares with its pair."""

    path: tuple[str, ...]
    role: str
    part: str | None
    key: tuple[str, ...]


def find_masks(root: str | Path, names: Sequence[dict] = ()) -> Table | None:
    """A Table with the columns `picture` and `mask` (absolute paths; null where there is no mask), or None when this folder
    is none of pictures with masks. `reader["given"]["mask"]["legend"]` says what the masks' values mean: by `names` (see
    `learn_legend`), else by a file that lies beside the masks, else by the values alone. `parts` when the folders tell them.

    Raises DataError "unmatched-masks", "mask-size", "broken-masks", "void-masks", "not-masks", "too-many-classes".
    """
    base = os.path.realpath(root)
    every, _, links = walk(base)
    found = _by_folder(every["picture"]) or _by_end(every["picture"])
    if found is None:
        return None
    notes: list[Notice] = []
    if links:
        text = f"{links} link(s) that lead to folders or outside {os.path.basename(base)} were not followed."
        notes.append(Notice("skipped-links", text, links))
    pairs = _pair(found, notes)
    full = [(os.path.join(base, *picture.path), mask and os.path.join(base, *mask.path)) for picture, mask in pairs]
    looks = look_at_masks([mask for _, mask in full if mask])
    legend = learn_legend(looks, names or listed_beside([mask for _, mask in full]))
    in_turn = iter(looks)
    kept = _usable(full, [next(in_turn) if mask else None for _, mask in full], legend, notes)
    if len(legend["names"]) < 2:
        raise DataError(
            "one-class", f"The masks hold one class only ({legend['names'][0]}): there is nothing to tell apart."
        )
    pairs, full = [pairs[row] for row in kept], [full[row] for row in kept]
    parts = _parts(base, pairs)
    rows = [["/".join(picture.path), mask and "/".join(mask.path)] for picture, mask in pairs]
    columns = {
        "picture": pl.Series([picture for picture, _ in full], dtype=pl.String),
        "mask": pl.Series([mask for _, mask in full], dtype=pl.String),
    }
    reader: dict[str, Any] = {"format": "folder", "columns": list(columns), "rows": rows, "pictures": list(columns)}
    reader["given"] = {"mask": {"legend": legend}}
    kinds = {"picture": "picture", "mask": "mask"}
    return Table(pl.DataFrame(columns), Path(root).name or base, base, notes, kinds, parts, reader)


def mark_masks(table: Table) -> None:
    """In a table with two columns of picture files: the one that is called mask (label, annotation ...) and whose files hold
    class numbers or colours becomes a column of masks (in place)."""
    files = [name for name, kind in table.kinds.items() if kind == "picture"]
    called = [name for name in files if re.fullmatch(COLUMN, name.lower())]
    if len(files) != 2 or len(called) != 1:
        return
    paths = table.frame[called[0]].drop_nulls().to_list()
    try:
        legend = learn_legend(look_at_masks(paths), listed_beside(paths))
    except DataError:
        return
    if len(legend["names"]) > 1:
        table.kinds[called[0]] = "mask"
        table.reader.setdefault("given", {})[called[0]] = {"legend": legend}


def _by_folder(files: Sequence[tuple[str, ...]]) -> list[Found] | None:
    """Every file that lies below a folder of pictures or of masks; None without both."""
    found = []
    beside = any(re.fullmatch(BESIDE, name.lower()) for path in files for name in path[:-1])
    for path in files:
        role, part, rest = None, None, []
        for name in (piece.lower() for piece in path[:-1]):
            joint = re.fullmatch(BESIDE, name)
            if joint:
                role, part = "mask", WORDS[joint[1]]
            elif role is None and re.fullmatch(MASK_FOLDERS, name):
                role = "mask"
            elif role is None and re.fullmatch(PICTURE_FOLDERS, name):
                role = "picture"
            elif name in WORDS and part is None:
                part = WORDS[name]
            else:
                rest.append(name)
        if beside and role is None and part is not None:  # train/ beside trainannot/
            role = "picture"
        if role is not None:
            found.append(Found(path, role, part, (part or "", *rest, _stem(path[-1], role))))
    return found if len({one.role for one in found}) == 2 else None


def _by_end(files: Sequence[tuple[str, ...]]) -> list[Found] | None:
    """NAME_mask.png beside NAME.jpg: None unless at least half of the files with such an end have their picture."""
    stems = {(*path[:-1], _stem(path[-1], "picture")) for path in files if _stem(path[-1], "mask") == _bare(path[-1])}
    found = []
    for path in files:
        part = next((WORDS[name.lower()] for name in path[:-1] if name.lower() in WORDS), None)
        stem = _stem(path[-1], "mask")
        if stem != _bare(path[-1]) and len(_bare(path[-1])) - len(stem) > 2 and (*path[:-1], stem) in stems:
            found.append(Found(path, "mask", part, (*path[:-1], stem)))
        elif stem == _bare(path[-1]):
            found.append(Found(path, "picture", part, (*path[:-1], _stem(path[-1], "picture"))))
    masks = sum(one.role == "mask" for one in found)
    return found if masks >= 2 and 2 * masks >= len(files) - masks else None


def _bare(name: str) -> str:
    return os.path.splitext(name)[0].lower()


def _stem(name: str, role: str) -> str:
    """What a picture and its mask are both called: the name in small letters without the end that says what it is."""
    bare = _bare(name)
    for end in MASK_ENDS if role == "mask" else PICTURE_ENDS:
        if bare.endswith(end) and len(bare) > len(end):
            return bare[: -len(end)]
    return bare


def _pair(found: list[Found], notes: list[Notice]) -> list[tuple[Found, Found | None]]:
    """Each picture with its mask, or with None. By all folder names, else by the name alone where that is clear."""
    pictures = [one for one in found if one.role == "picture"]
    masks = [one for one in found if one.role == "mask" and not _bare(one.path[-1]).endswith(NO_MASKS)]
    exact: dict[tuple, Found] = {}
    spare = 0
    for one in sorted(masks, key=lambda one: _rank(one.path[-1])):
        spare += exact.setdefault(one.key, one) is not one
    by_name = Counter(one.key[-1] for one in exact.values())
    lone = {one.key[-1]: one for one in exact.values() if by_name[one.key[-1]] == 1}
    names = Counter(one.key[-1] for one in pictures)
    pairs, used = [], set()
    for one in pictures:
        mask = exact.get(one.key) or (lone.get(one.key[-1]) if names[one.key[-1]] == 1 else None)
        if mask is None:  # NAME.png whose mask is NAME_L.png, or a picture that itself ends like a mask
            mask = exact.get((*one.key[:-1], _stem(one.path[-1], "mask")))
        pairs.append((one, mask))
        used.add(mask)
    pairs.sort(key=lambda pair: [natural(piece) for piece in pair[0].path])
    without = [picture for picture, mask in pairs if mask is None]
    left = [one for one in exact.values() if one not in used]
    if len(without) == len(pairs):
        raise DataError(
            "unmatched-masks",
            f"No mask has the name of a picture: there are {'/'.join(pictures[0].path)} and {'/'.join(masks[0].path)}. "
            "The mask of pictures/NAME.jpg is masks/NAME.png.",
        )
    if without:
        text = f"{len(without)} picture(s) have no mask and are kept aside; the first is {'/'.join(without[0].path)}."
        notes.append(Notice("no-mask", text, len(without)))
    if left:
        text = f"{len(left)} mask(s) have no picture and are left out; the first is {'/'.join(left[0].path)}."
        notes.append(Notice("no-picture", text, len(left)))
    if spare:
        text = f"{spare} more mask(s) of pictures that have one already are left out."
        notes.append(Notice("spare-masks", text, spare))
    return pairs


def _rank(name: str) -> tuple[int, str]:
    """Of several masks of one picture the first in this order is taken."""
    bare = _bare(name)
    return next((place for place, end in enumerate(MASK_ENDS) if bare.endswith(end)), len(MASK_ENDS)), name


def _usable(
    full: list[tuple[str, str | None]], looks: list[Look | None], legend: dict, notes: list[Notice]
) -> list[int]:
    """The rows whose mask is whole, as large as its picture, and not void everywhere; pictures without a mask stay."""
    bad: dict[str, list[str]] = {"broken-masks": [], "mask-size": [], "void-masks": []}
    kept, unknown = [], []
    for row, ((picture, mask), look) in enumerate(zip(full, looks)):
        if look is None or mask is None:
            kept.append(row)
            continue
        name = os.path.basename(mask)
        known, void, strange = pixels_by_class(look, legend)
        if look.wrong:
            bad["broken-masks"].append(f"{name}: {look.wrong}")
        elif wrong := _other_size(picture, look):
            bad["mask-size"].append(f"{name} {wrong}")
        elif not sum(known):
            bad["void-masks"].append(name)
        else:
            kept.append(row)
            if strange:
                share = strange / (sum(known) + void + strange)
                unknown.append(f"{name}, {share:.2%} of it")
    texts = {
        "broken-masks": "mask(s) cannot be read and their rows are left out",
        "mask-size": "mask(s) are of another shape than their pictures and are left out",
        "void-masks": "mask(s) hold no class at all, only void, and are left out",
    }
    for code, names in bad.items():
        if names and not any(looks[row] for row in kept):
            raise DataError(code, f"{len(names)} {texts[code]}, and none is left; the first: {names[0]}.")
        if names:
            notes.append(Notice(code, f"{len(names)} {texts[code]}; the first: {names[0]}.", len(names)))
    if unknown:
        text = f"{len(unknown)} mask(s) hold values that are none of the classes; these pixels count as void. The first: {unknown[0]}."
        notes.append(Notice("unknown-classes", text, len(unknown)))
    return kept


def _other_size(picture: str, look: Look) -> str:
    """Why a mask cannot lie on its picture, in words; empty when it can. A smaller mask of the same shape can."""
    size = size_upright(picture)
    if size is None:
        return ""  # broken pictures are set aside later, with their own words
    width, height = size
    if abs(look.width * height - look.height * width) <= NEAR * look.width * height:
        return ""
    return f"is {look.width}x{look.height}, its picture {width}x{height}"


def _parts(base: str, pairs: list[tuple[Found, Found | None]]) -> pl.Series | None:
    """The part of each row: from the folders, else from lists of names (train.txt, val.txt), else none are given."""
    parts: list[str | None] = [picture.part or (mask.part if mask else None) for picture, mask in pairs]
    if not any(parts):
        lists = _part_lists(base)
        parts = [lists.get(picture.key[-1]) or lists.get(_bare(picture.path[-1])) for picture, _ in pairs]
    aside = [mask is None for _, mask in pairs]
    if not any(parts) and not any(aside):
        return None
    return pl.Series("part", ["unlabeled" if no else part or "train" for part, no in zip(parts, aside)])


def _part_lists(base: str) -> dict[str, str]:
    """Name -> part, from lists such as ImageSets/Segmentation/val.txt: a name (or path) a line."""
    found: dict[str, str] = {}
    for folder in ("ImageSets/Segmentation", "ImageSets", "splits", ""):
        place = os.path.join(base, folder)
        if os.path.isdir(place) and not found:
            for name in sorted(os.listdir(place)):
                stem, ending = os.path.splitext(name.lower())
                if ending == ".txt" and stem in WORDS:
                    with open(os.path.join(place, name), encoding="utf-8", errors="replace") as file:
                        lines = [line.split()[0] for line in file if line.strip()]
                    found |= {_bare(os.path.basename(line)): WORDS[stem] for line in lines}
    return found
