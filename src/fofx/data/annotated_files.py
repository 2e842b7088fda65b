"""The files below a folder that may belong to annotated pictures, and where the pictures lie that an annotation names.

Nothing outside the folder is ever named: hidden files, and links that lead out of it, are left out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fofx.data.folders import _inside, kind_of_file, natural
from fofx.data.split import WORDS
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


def part_of(path: tuple[str, ...]) -> str | None:
    """The part that a folder's name says: train/, images/val/ ..."""
    return next((WORDS[name.lower()] for name in path[:-1] if name.lower() in WORDS), None)


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
