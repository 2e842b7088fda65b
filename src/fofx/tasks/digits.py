"""The digits: which of 0 to 9 is written in a picture of 8 x 8 pixels (picture -> classification).

1,797 real handwritten digits that come with scikit-learn (the test part of the "Optical Recognition of Handwritten
Digits" data of E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998).
"""

from __future__ import annotations

from typing import Any


def data() -> dict[str, Any]:
    """`picture`: uint8 array (N, 8, 8), 0 paper to 255 ink; `label`: the digit as a word, "0" to "9"."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # the source counts ink from 0 to 16
    return {"picture": pictures, "label": [str(label) for label in digits.target]}


TASK = {
    "name": "digits",
    "question": {
        "en": "Which digit is written in this 8 x 8 picture?",
        "zh": "这张 8 x 8 的图片里写的是哪个数字？",
    },
    "cell": (2, 2),
    "data": data,
    "outputs": "label",
    "options": {"kinds": {"picture": "picture", "label": "category"}},
    "honesty": {
        "en": "1,797 real digits, about 180 of each. A dozen people wrote them and who wrote which is not recorded, so "
        "the same hands are in training and in test: a stranger's hand will be read worse.",
        "zh": "1,797 个真实的手写数字，每个数字约 180 个。由十几个人书写，但没有记录哪个是谁写的，所以训练集和测试集里"
        "有同一些人的笔迹：换一个陌生人的笔迹，准确率会低一些。",
    },
    "good": {
        "en": "Accuracy: always the same digit 0.10, a linear model about 0.95, a good model 0.98 to 0.99.",
        "zh": "准确率 (accuracy)：总猜同一个数字 0.10，线性模型约 0.95，好的模型 0.98 至 0.99。",
    },
}
