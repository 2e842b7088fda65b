"""The sheep: put a box round every animal and tree of a picture and say what it is (picture -> numbers and classes).

The scenes are drawn (see _scenes.py): sheep, cows, dogs, pigs and trees of several makers on grass, sand and snow, near ones in
front of far ones, with goats, stones and flowers that nobody asks for. Ladder: nothing; the boxes that are most usual, whatever
the picture; a line through what a cell and its neighbours look like; an anchor-free detector.
"""

from __future__ import annotations

from typing import Any


def data(count: int = 500, seed: int = 0, side: int = 96) -> dict[str, Any]:
    """`picture`: uint8 array (N, side, side, 3); `boxes`: of each picture a list of {"label", "box": [l, t, w, h] in pixels}."""
    from fofx.tasks._scenes import scenes

    pictures, boxes = scenes(count, seed, side)
    return {"picture": pictures, "boxes": boxes}


def own(path: str) -> dict[str, Any]:
    """The arguments of `find` for one's own pictures: a folder in the layout of COCO, YOLO or Pascal VOC, or a COCO file."""
    from fofx.data.read import read
    from fofx.errors import DataError

    table = read(path)
    named = [name for name, kind in table.kinds.items() if kind == "boxes"]
    if not named:
        text = f"{path} holds no boxes. Expected pictures with COCO JSON (annotations.json), YOLO text files (labels/NAME.txt "
        raise DataError("no-boxes", text + "beside images/NAME.jpg) or Pascal VOC XML (Annotations/NAME.xml).")
    return {"data": path, "outputs": named[0]}


TASK = {
    "name": "sheep",
    "question": {
        "en": "Where are the sheep, cows, dogs, pigs and trees in this picture? Put a box round each.",
        "zh": "图片里的羊、牛、狗、猪和树在哪里？给每一个画上方框。",
    },
    "cell": (2, 2),
    "data": data,
    "outputs": "boxes",
    "options": {"kinds": {"picture": "picture", "boxes": "boxes"}},
    "demo": {"count": 60},
    "own": own,
    "honesty": {
        "en": "Drawn scenes of emoji by several makers, not photographs: a score here says nothing about photographs. The same "
        "drawings stand in training and in test, in other places, sizes, light and company. Boxes go round what can be seen.",
        "zh": "由多位作者的 emoji 画成的场景，不是照片：这里的分数不能说明在照片上会怎样。训练集和测试集里是同一些图画，"
        "但位置、大小、光线和周围的东西不同。方框只围住看得见的部分。",
    },
    "good": {
        "en": "mAP@50:95 on test: nothing 0, the usual boxes 0.01, lines through cells 0.09, the detector 0.29 after 469 steps "
        "(mAP@50 0.57). More steps give more: a short budget may leave the lines ahead. Dogs are rare and the hardest.",
        "zh": "测试集上的 mAP@50:95：什么都不找 0，最常见的方框 0.01，逐格线性模型 0.09，检测器训练 469 步后 0.29"
        "（mAP@50 为 0.57）。步数越多越好：时间太短时，线性模型可能领先。狗很少，也最难。",
    },
}
