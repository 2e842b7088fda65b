"""Food: which of 24 kinds of food a picture shows, for drawings in a manner never seen before (picture -> classification).

Emoji of food by five makers on plates and tables. Two makers' drawings are labelled, a third's are not; the fourth's choose
among the models, and the fifth's are the test. One's own data: food-11's folders (training/labeled/NN, training/unlabeled,
validation, testing) or plain class folders.
"""

from __future__ import annotations

from typing import Any

FOODS = "🍎🍌🍇🍉🍊🍓🍅🥕🌽🍄🍞🥐🧀🍔🍟🍕🌭🍳🍜🍣🍦🍩🎂☕"
MAKERS = {"noto": "train", "twemoji": "train", "openmoji": "unlabeled", "emojione": "validation", "fluent": "test"}


def data(each: int = 6, side: int = 64, seed: int = 0) -> dict[str, Any]:
    """`picture`: uint8 (N, side, side, 3), `each` of every drawing; `label`: the food's name, None where unlabelled; `part`."""
    import numpy as np

    from fofx.tasks import _art, _meals

    names = {row.character: row.name_en for row in _art.emoji(by=())}
    rows = [(maker, sign) for maker in MAKERS for sign in FOODS for _ in range(each)]
    pictures = np.stack([_meals.meal(maker, sign, number, seed, side) for number, (maker, sign) in enumerate(rows)])
    labels = [None if MAKERS[maker] == "unlabeled" else names[sign] for maker, sign in rows]
    return {"picture": pictures, "label": labels, "part": [MAKERS[maker] for maker, _ in rows]}


def own(path: str) -> dict[str, Any]:
    """One's own folder of pictures: the folders tell the classes and the parts."""
    return {"data": path, "outputs": "label"}


TASK = {
    "name": "food",
    "question": {
        "en": "Which food is in this picture?",
        "zh": "图片里是哪种食物？",
    },
    "cell": (2, 2),
    "data": data,
    "outputs": "label",
    "own": own,
    "options": {"kinds": {"picture": "picture", "label": "category"}, "split": "part"},
    "demo": {"each": 3},
    "honesty": {
        "en": "Drawn, not photographed: emoji of 24 foods by five makers, on plates and tables. The test maker's drawings are in "
        "no other part, so what is learnt from two makers must hold for a third; a score on them says nothing about photographs.",
        "zh": "是画的，不是照片：五家设计者画的 24 种食物表情，摆在盘子和桌子上。测试用的那一家不出现在其他任何部分里，所以从两家学到的"
        "必须适用于第三家；这个得分不能说明对真实照片的效果。",
    },
    "good": {
        "en": "Accuracy on the maker never seen, with 60 seconds on a busy laptop: always the same food 0.04, a linear model on pixels 0.32, "
        "frozen features of a network that knows photographs (model='efficientnet-frozen') 0.47. Networks trained on these few "
        "pictures alone stay below the line, 0.13 and less: 24 foods by two makers are too few drawings to learn to see from.",
        "zh": "在没见过的那一家上的准确率 (accuracy)，在繁忙的电脑上用 60 秒：总猜同一种食物 0.04，像素上的线性模型 0.32，用看过照片的"
        "网络的冻结特征（model='efficientnet-frozen'）0.47。只用这点图片从头训练的网络不如线性模型，不超过 0.13：两家画的 24 种食物"
        "太少，学不会看图。",
    },
}
