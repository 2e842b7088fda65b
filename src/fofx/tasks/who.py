"""Who: which of twelve people is in the picture (picture -> classification).

Drawn people (_people.py): a person is told by the proportions of the face; pose, expression, light, clothes, glasses and
background change from picture to picture. One's own data: a folder a person, as in who/ann/1.jpg.
"""

from __future__ import annotations

from typing import Any

NAMES: tuple[str, ...] = ("Ada", "Bo", "Chen", "Dai", "Eva", "Fang", "Gao", "Hua", "Ida", "Jun", "Kai", "Lin")
NAMES += ("Mei", "Ning", "Otto", "Ping", "Qiu", "Rui", "Sofia", "Tao", "Uma", "Vera", "Wen", "Yan")


def data(people: int = 12, each: int = 80, side: int = 48, seed: int = 0) -> dict[str, Any]:
    """`picture`: uint8 (N, side, side, 3); `label`: the person's name. `people` is at most 24."""
    from fofx.errors import TaskError
    from fofx.tasks import _people

    if not 2 <= people <= len(NAMES):
        raise TaskError("bad-option", f"people is a number from 2 to {len(NAMES)}; got {people}.")
    pictures, who = _people.people(people, each, seed, side)
    return {"picture": pictures, "label": [NAMES[number] for number in who]}


TASK = {
    "name": "who",
    "question": {
        "en": "Who is the person in this picture?",
        "zh": "图片里的人是谁？",
    },
    "cell": (2, 2),
    "data": data,
    "outputs": "label",
    "options": {"kinds": {"picture": "picture", "label": "category"}},
    "demo": {"each": 12},
    "honesty": {
        "en": "Drawn, not photographed: 12 invented people, 80 pictures of each. Skin, hair colour and haircut are shared by "
        "several people; clothes, glasses, light and background change with every picture, so the proportions of "
        "the face must tell. No real face is in it, and the score says nothing about real faces.",
        "zh": "是画的，不是照片：12 个虚构的人，每人 80 张图片。肤色、发色和发型由几个人共有；衣服、眼镜、光线和背景每张都不同，"
        "所以要靠五官和脸型的比例来认人。里面没有真实的人脸，得分也不能说明对真实人脸的效果。",
    },
    "good": {
        "en": "Accuracy, with 60 seconds on a busy laptop: always the same person 0.08, nearest neighbours on pixels 0.38, Fisher's "
        "discriminants 0.69, a linear model 0.73, the learnt embedding (model='embedding', which had 27 of the seconds) 0.81. "
        "Heads are about in the middle, so lines over pixels already do well.",
        "zh": "准确率 (accuracy)，在繁忙的电脑上用 60 秒：总猜同一个人 0.08，像素上的最近邻 0.38，费希尔判别 0.69，线性模型 0.73，"
        "学出来的嵌入（model='embedding'，用了其中 27 秒）0.81。头大致在图片中间，所以直接对像素用线性模型就不差。",
    },
}
