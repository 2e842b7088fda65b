"""Pascal VOC XML: NAME.xml for NAME.jpg, an <object> a box with <name> and <bndbox> in pixels (Everingham and others 2010).

JPEGImages/ + Annotations/ with the lists of ImageSets/Main/; or pictures and XML in one folder (LabelImg, Roboflow). The files
are parsed without any document type or entity: nothing in them can grow or reach outside.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from xml.parsers import expat

from fofx.data.annotated_files import Files, names_of, part_of, resolve
from fofx.data.marked import Drawn, Marked
from fofx.data.split import WORDS
from fofx.errors import DataError, Notice
from fofx.pictures import Unreadable

PICTURE_FOLDERS = ("JPEGImages", "images", "Images", "imgs", "JPEGimages")


@dataclass
class Element:
    """One element: its name, its text, and what stands in it."""

    name: str
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        return [one for one in self.inner if one.name == name]

    def first(self, *names: str) -> str | None:
        """The text of the element at a path of names; None when it is not there or empty."""
        here = self
        for name in names:
            inner = here.all(name)
            if not inner:
                return None
            here = inner[0]
        return here.text.strip() or None


def parse(text: str) -> Element:
    """The root element. Raises Unreadable for broken XML and for any document type, which could define entities."""
    parser = expat.ParserCreate()
    top = Element("")
    open_: list[Element] = [top]

    def refuse(*_: object) -> None:
        raise Unreadable("it has a document type (DOCTYPE), which could define entities")

    def start(name: str, _: dict) -> None:
        element = Element(name)
        open_[-1].inner.append(element)
        open_.append(element)

    def end(_: str) -> None:
        open_.pop()

    def characters(data: str) -> None:
        open_[-1].text += data

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Unreadable(f"it is no XML ({error})") from None
    return top.inner[0]


def find(files: Files, notes: list[Notice]) -> list[Marked] | None:
    """The annotated pictures below a root, or None when no XML file is an <annotation>."""
    found, broken, said = [], [], []
    for path in files.ending(".xml"):
        try:
            root = parse(files.text(path))
        except Unreadable as error:
            broken.append(f"{'/'.join(path)}: {error}")
            continue
        if root.name == "annotation":
            found.append((path, root))
    if not found:
        if broken and any(path[-2:-1] == ("Annotations",) for path in files.ending(".xml")):
            raise DataError("broken-annotations", f"None of {len(broken)} XML files can be read; {broken[0]}.")
        return None
    stems = {(*path[:-1], os.path.splitext(path[-1])[0]): path for path in files.pictures}
    places = [_picture(files, path, root, stems) for path, root in found]
    from_one = _counts_from_one([root for _, root in found])
    lists = _part_lists(files)
    marked = []
    for (path, root), place in zip(found, places):
        if place is None:
            said.append("/".join(path))
            continue
        stem = os.path.splitext(path[-1])[0]
        boxes = [_drawn(one, from_one) for one in root.all("object")]
        marked.append(Marked(place, boxes, part_of(path) or part_of(place) or lists.get(stem), _size(root)))
    if broken:
        text = f"{len(broken)} XML file(s) are broken and are left out; the first is {broken[0]}."
        notes.append(Notice("broken-annotations", text, len(broken)))
    if said:
        text = (
            f"{len(said)} annotation(s) are of pictures that are not there; they are left out. The first is {said[0]}."
        )
        notes.append(Notice("missing-pictures", text, len(said)))
    seen = {one.path for one in marked}
    homes = {path[:-1] for path in seen}
    other = sum(path not in seen and path[:-1] in homes for path in files.pictures)
    if other:
        text = f"{other} picture(s) have no XML file: nobody looked for objects in them, so they are left out."
        notes.append(Notice("unlisted-pictures", text, other))
    return list({one.path: one for one in marked}.values())


def _picture(files: Files, path: tuple[str, ...], root: Element, stems: dict) -> tuple[str, ...] | None:
    """The picture of an XML file: of its name in the usual folders, else the one that it names."""
    stem = os.path.splitext(path[-1])[0]
    for base, inner in ((path[:-1], ()), *((path[:-2], (folder,)) for folder in PICTURE_FOLDERS)):
        place = stems.get((*base, *inner, stem))
        if place is not None:
            return place
    for depth, name in enumerate(path[:-1]):  # Annotations/train/1.xml beside JPEGImages/train/1.jpg
        if name.lower() in ("annotations", "annotation", "xml", "xmls"):
            for folder in PICTURE_FOLDERS:
                place = stems.get((*path[:depth], folder, *path[depth + 1 : -1], stem))
                if place is not None:
                    return place
    named = root.first("filename")
    return resolve(files, [names_of(named)], [path[:-1]])[0] if named else None


def _drawn(one: Element, from_one: bool) -> Drawn:
    sides = [_number(one.first("bndbox", name)) for name in ("xmin", "ymin", "xmax", "ymax")]
    shift = 1 if from_one else 0
    corners = sides[0] - shift, sides[1] - shift, sides[2], sides[3]
    return Drawn(one.first("name"), corners)


def _number(text: str | None) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan


def _counts_from_one(roots: list[Element]) -> bool:
    """Whether pixels are numbered from 1, and the last one belongs to the box, as in Pascal's own files: then no box begins
    at 0, and some end at the picture's very edge or begin at 1."""
    begins, ends = set(), False
    for root in roots:
        size = _size(root)
        for one in root.all("object"):
            low = [_number(one.first("bndbox", name)) for name in ("xmin", "ymin")]
            high = [_number(one.first("bndbox", name)) for name in ("xmax", "ymax")]
            begins |= {min(low)}
            ends |= bool(size) and (high[0] == size[0] or high[1] == size[1])  # type: ignore[index]
    return bool(begins) and not min(begins) < 1 and ends


def _size(root: Element) -> tuple[int, int] | None:
    width, height = (_number(root.first("size", name)) for name in ("width", "height"))
    return (int(width), int(height)) if width >= 1 and height >= 1 else None  # LabelImg may write 0; nan compares false


def _part_lists(files: Files) -> dict[str, str]:
    """Name -> part from ImageSets/Main/train.txt, val.txt, test.txt: a name a line."""
    found: dict[str, str] = {}
    for path in files.ending(".txt"):
        word = os.path.splitext(path[-1])[0].lower()
        if word in WORDS and (len(path) == 1 or path[-2] in ("Main", "ImageSets")):
            for line in files.text(path).splitlines():
                if line.strip():
                    name = names_of(line.split()[0])[-1]
                    stem, ending = os.path.splitext(name)
                    found[stem if ending.lower() in (".jpg", ".jpeg", ".png", ".xml") else name] = WORDS[word]
    return found
