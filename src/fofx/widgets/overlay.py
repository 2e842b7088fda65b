"""Overlay: a picture with boxes or a mask over it, what is right beside what was answered, and the worst mistakes first.

    Overlay([{"picture": pixels, "boxes": right, "answered": found}])                 # boxes, as a column of boxes has them
    Overlay([{"picture": pixels, "mask": right, "answer": found}], classes=["road", "car"])   # maps of class numbers

The verdicts (which box found which, the pixels of each class that are right) come from `verdicts.py`; the page only draws them.
Shapes: H x W pixels, C channels, K classes, R rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from fofx.errors import TaskError, nearest
from fofx.masks import VOID, iou
from fofx.widgets.shown import Shown, colours, finite, thumbnail
from fofx.widgets.verdicts import box_counts, boxes_in, fitted, judged, pixel_counts

THUMB = 72  # pixels of a small picture's side
MOST = 60  # rows


class Overlay(Shown):
    """Pictures with boxes and masks over them.

    rows: a mapping for each: "picture" (H, W[, C]); of boxes "boxes" (right) and "answered" (with scores); of masks "mask" (right)
    and "answer", maps (H, W) of class numbers with 255 for void, and "confidence" (H, W) 0..255; any of these may be missing;
    "size" [W, H] where the boxes are meant in another size than the picture's; "name".
    classes: the names of the classes; for boxes those that occur, unless said otherwise.
    TaskError "bad-boxes", "bad-mask", "bad-picture", "empty-rows", "unknown-class".

    `row` is the row shown, `order` all of them with the worst first, `hidden` the classes that are switched off.
    """

    name = "overlay"
    classes: traitlets.List = traitlets.List().tag(sync=True)
    kinds: traitlets.List = traitlets.List().tag(sync=True)  # "boxes", "masks"
    row = traitlets.Int(0, min=0).tag(sync=True)
    order: traitlets.List = traitlets.List().tag(sync=True)  # rows, the worst first
    names: traitlets.List = traitlets.List().tag(sync=True)  # of the rows
    mistakes: traitlets.List = traitlets.List().tag(sync=True)  # of each row: wrong boxes and missed ones, or 1 - mIoU
    thumbs = traitlets.Bytes(b"").tag(sync=True)  # uint8 (R, THUMB, THUMB, 3)
    thumb = traitlets.Int(THUMB).tag(sync=True)
    threshold = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)
    scored = traitlets.Bool(False).tag(sync=True)  # whether scores differ, so that a threshold means something
    view = traitlets.Enum(("side", "over", "wrong"), "side").tag(sync=True)
    strength = traitlets.Float(0.55, min=0.0, max=1.0).tag(sync=True)  # how much a mask covers the picture
    hidden: traitlets.List = traitlets.List().tag(sync=True)
    picture = traitlets.Bytes(b"").tag(sync=True)  # uint8 (H, W, 3)
    mask = traitlets.Bytes(b"").tag(sync=True)  # uint8 (H, W), the right one
    answer = traitlets.Bytes(b"").tag(sync=True)  # uint8 (H, W), in the same size
    confidence = traitlets.Bytes(b"").tag(sync=True)
    scene: traitlets.Dict = traitlets.Dict().tag(sync=True)  # {"picture": [H, W], "mask": [H, W], "boxes", "answered"}
    table: traitlets.List = traitlets.List().tag(sync=True)  # of each class {"here": ..., "all": ...}

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        classes: Sequence[str] | None = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        if not len(rows):
            raise TaskError("empty-rows", "There is no row to show.")
        self._rows = [plain(row) for row in rows[:MOST]]
        labels = {each["label"] for row in self._rows for each in (*row["boxes"], *row["answered"])}
        names = [str(each) for each in classes] if classes is not None else sorted(labels)
        for label in sorted(labels - set(names)):
            raise TaskError("unknown-class", f"There is no class {label!r}.{nearest(label, names)}")
        maps = [row[word] for row in self._rows for word in ("mask", "answer") if row[word] is not None]
        largest = max((int(each[each != VOID].max(initial=0)) for each in maps), default=-1)
        if classes is None and maps:
            names += [str(number) for number in range(len(names), largest + 1)]
        if largest >= len(names):
            raise TaskError(
                "bad-mask", f"A mask holds the class number {largest}; there are {len(names)} classes, from 0."
            )
        self._pixels = [
            pixel_counts(row["mask"], row["answer"], len(names))
            if row["mask"] is not None and row["answer"] is not None
            else None
            for row in self._rows
        ]
        self._ready = False
        scores = {each["score"] for row in self._rows for each in row["answered"]}
        kinds = [word for word, held in (("boxes", bool(labels) or not maps), ("masks", bool(maps))) if held]
        given = {"classes": names, "kinds": kinds, "scored": len(scores) > 1, **traits}
        super().__init__(lang, **given)
        self.names = [row["name"] or str(number + 1) for number, row in enumerate(self._rows)]
        self.thumbs = b"".join(thumbnail(row["picture"], THUMB).tobytes() for row in self._rows)
        self._ready = True
        self._judge()
        if "row" not in traits:
            self.row = self.order[0]
        self._show()

    @traitlets.validate("row")
    def _known_row(self, proposal: Any) -> int:
        return min(proposal["value"], len(self._rows) - 1)

    @traitlets.observe("threshold")
    def _other_threshold(self, change: Any) -> None:
        if self._ready:
            self._judge()
            self._show(pictures=False)

    @traitlets.observe("row")
    def _other_row(self, change: Any) -> None:
        if self._ready:
            self._show()

    def _judge(self) -> None:
        """The verdicts on every box of every row at this threshold, and the order that follows."""
        self._verdicts = [judged(row["boxes"], row["answered"], self.threshold) for row in self._rows]
        found = []
        for (right, said), pixels in zip(self._verdicts, self._pixels):
            wrong = sum(each["verdict"] == "missed" for each in right) + sum(
                each["verdict"] != "right" for each in said
            )
            shares = [] if pixels is None else [share for share in iou(pixels) if share is not None]
            found.append(wrong + (1 - float(np.mean(shares)) if shares else 0.0))
        self.mistakes = [finite(each) for each in found]
        self.order = [int(place) for place in np.argsort(-np.array(found), kind="stable")]

    def _show(self, pictures: bool = True) -> None:
        """Send the chosen row; its pictures only when they are other ones."""
        row, (right, said) = self._rows[self.row], self._verdicts[self.row]
        number = {name: place for place, name in enumerate(self.classes)}
        width, height = row["size"]
        scale = np.array([width, height, width, height], dtype=np.float64)

        def drawn(boxes: list[dict]) -> list[dict]:
            return [
                {
                    "class": number[each["label"]],
                    "box": [finite(side) for side in np.array(each["box"]) / scale],
                    "score": finite(each["score"], 4),
                    "verdict": each["verdict"],
                    "iou": finite(each["iou"], 4),
                }
                for each in boxes
            ]

        shape = next((row[word].shape for word in ("mask", "answer") if row[word] is not None), (0, 0))
        with self.hold_sync():
            self.scene = {
                "picture": list(row["picture"].shape[:2]),
                "mask": list(shape),
                "boxes": drawn(right),
                "answered": drawn(said),
            }
            if pictures:
                self.picture = row["picture"].tobytes()
                for word in ("mask", "answer", "confidence"):
                    setattr(self, word, b"" if row[word] is None else row[word].tobytes())
            self.table = self._counts()

    def _counts(self) -> list[dict[str, Any]]:
        """Of each class: boxes right, answered and hit; pixels and IoU; in this row ("here") and in all ("all")."""
        each_row = [box_counts(*both, self.classes) for both in self._verdicts]
        whole = np.sum(each_row, axis=0)  # (K, 3)
        known = [each for each in self._pixels if each is not None]
        table = []
        here = self._pixels[self.row]
        shares = iou(here) if here is not None else [None] * len(self.classes)
        everywhere = iou(sum(known[1:], known[0])) if known else [None] * len(self.classes)
        for place in range(len(self.classes)):
            table.append(
                {
                    "here": [int(count) for count in each_row[self.row][place]],
                    "all": [int(count) for count in whole[place]],
                    "pixels": None if here is None else [int(here[place].sum()), int(here[:, place].sum())],
                    "iou": [shares[place], everywhere[place]],
                }
            )
        return table


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row as arrays: the picture as colours, boxes as a list, maps as bytes of one size."""
    picture = row.get("picture")
    maps = {word: mask_in(row.get(word)) for word in ("mask", "answer", "confidence")}
    shape = next((each.shape for each in maps.values() if each is not None), (64, 64))
    pixels = colours(np.zeros(shape, np.uint8) if picture is None else picture)
    own = pixels.shape[:2] if picture is None else sized(picture)
    for word, each in maps.items():
        maps[word] = None if each is None else np.ascontiguousarray(fitted(each, shape))
    right = row.get("boxes")
    given = right.get("size") if isinstance(right, dict) else None
    return {
        "picture": pixels,
        "size": [float(side) for side in row.get("size") or given or own[::-1]],
        "boxes": boxes_in(right),
        "answered": boxes_in(row.get("answered")),
        "name": str(row.get("name", "")),
        **maps,
    }


def sized(picture: Any) -> tuple[int, int]:
    """(H, W) of a picture as it came, before it is made small."""
    shape = np.shape(picture)
    height, width = shape[1:] if len(shape) == 3 and shape[-1] not in (1, 3) else shape[:2]
    return height, width


def mask_in(value: Any) -> np.ndarray | None:
    """A map of class numbers as uint8 (H, W). TaskError "bad-mask"."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "uib" or array.min() < 0 or array.max() > 255:
        raise TaskError("bad-mask", f"Expected a map (H, W) of class numbers 0..255, got {array.dtype} {array.shape}.")
    return array.astype(np.uint8)
