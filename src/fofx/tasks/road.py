"""The road: outline people, road and cars in what a car's camera sees (picture -> structure: a class for every pixel).

Streets drawn by code with the class of every pixel, as unevenly as real ones: sky, houses, road fill most of a picture, people
and signs a few pixels. One's own data: pictures/ and masks/ beside each other, in any of the usual layouts. Masks that
hold the numbers 0 to 11 and come without a file of names are read as CamVid's eleven classes and void.
"""

from __future__ import annotations

from typing import Any

CAMVID = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "person", "cyclist", "void")


def data(count: int = 600, height: int = 96, width: int = 128, seed: int = 0) -> Any:
    """A Table of `picture`, arrays (height, width, 3), and `mask`, arrays (height, width) of class numbers, 255 = void."""
    from fofx.data.frames import from_columns
    from fofx.tasks._streets import STREET_CLASSES, VOID, streets

    pictures, masks = streets(count, seed, height, width)
    table = from_columns({"picture": pictures, "mask": masks})
    table.kinds = {"picture": "picture", "mask": "mask"}
    legend = {"by": "number", "names": list(STREET_CLASSES), "values": list(range(len(STREET_CLASSES))), "void": [VOID]}
    table.reader["given"] = {"mask": {"legend": legend}}
    return table


def own(path: str) -> dict[str, Any]:
    """One's own pictures and masks; DataError "no-masks" when the folder holds none."""
    from pathlib import Path

    from fofx.data.masks import find_masks
    from fofx.errors import DataError

    if not Path(path).is_dir():
        return {"data": path, "outputs": "mask"}
    table = find_masks(path)
    if table is None:
        text = (
            f"{path} holds no pictures with masks. Expected two folders, such as pictures/NAME.jpg and masks/NAME.png."
        )
        raise DataError("no-masks", text)
    legend = table.reader["given"]["mask"]["legend"]
    unnamed = legend["names"] == [str(value) for value in legend["values"]]
    if legend["by"] == "number" and unnamed and len(legend["values"]) > 2 and max(legend["values"]) == len(CAMVID) - 1:
        names = [{"name": name, "number": number, "colour": None} for number, name in enumerate(CAMVID)]
        table = find_masks(path, names)
    return {"data": table, "outputs": "mask"}


TASK = {
    "name": "road",
    "question": {
        "en": "Which pixels of this street are road, car, person ...?",
        "zh": "这张街景里，哪些像素是道路、汽车、行人……？",
    },
    "cell": (2, 3),
    "data": data,
    "outputs": "mask",
    "own": own,
    "demo": {"count": 24},
    "honesty": {
        "en": "Drawn by code, not filmed: flat fronts, drawn cars and people, outlines exact to the pixel. A score on these streets says "
        "nothing about real ones; give real pictures and masks with --data.",
        "zh": "由代码画出，不是拍摄的：平整的楼面、画出来的车和人，轮廓精确到像素。在这些街景上的得分不能说明对真实道路的效果；"
        "真实的图片和掩码请用 --data 给出。",
    },
    "good": {
        "en": "miou, the mean over the classes of the overlap of what is there and what was answered (intersection over union): the class that is "
        "commonest at each place 0.18, a line on the colours around each pixel 0.34, U-Net after 1,600 steps (three minutes of one "
        "core) 0.65. Road, sky and houses come out above 0.85; poles, people and cyclists, a few pixels each, decide the rest.",
        "zh": "miou 是各类别“实际与回答的重合程度”（交并比 IoU）的平均：每个位置最常见的类别 0.18，用像素周围颜色的线性模型 0.34，U-Net 训练 1,600 步"
        "（单核三分钟）0.65。道路、天空、楼房都在 0.85 以上；只占几个像素的杆子、行人、骑车人决定其余的分数。",
    },
}
