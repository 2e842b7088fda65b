"""Clips: which way does the thing in this video go (video -> classification).

Drawn clips (_clips.py): one of 17 things in one of six colours moves over a still background; it looks to either side whichever way
it goes, and another thing may stand still beside it, so no single frame tells. One's own data: class folders of GIF, MP4 or WebM
files, as in left/1.mp4, or a table that names them.
"""

from __future__ import annotations

from typing import Any


def data(count: int = 1200, frames: int = 6, side: int = 32, seed: int = 0) -> dict[str, Any]:
    """`clip`: uint8 (N, frames, side, side, 3); `direction`: right, left, up or down."""
    from fofx.tasks import _clips

    shown, words = _clips.clips(count, seed, frames, side)
    return {"clip": shown, "direction": [each.direction for each in words]}


def own(path: str) -> dict[str, Any]:
    """One's own videos: class folders, or a table whose last column is the class."""
    from fofx.data.read import read

    table = read(path)
    return {"data": path, "outputs": "label" if "label" in table.frame.columns else table.frame.columns[-1]}


TASK: dict[str, Any] = {
    "name": "clips",
    "question": {
        "en": "Which way does the thing in this clip go?",
        "zh": "这段视频里的东西朝哪个方向移动？",
    },
    "cell": (3, 2),
    "data": data,
    "outputs": "direction",
    "own": own,
    "options": {"kinds": {"clip": "video", "direction": "category"}},
    "honesty": {
        "en": "Drawn, not filmed: emoji of 17 things by several makers, tinted, over soft backgrounds, six small frames each. The camera "
        "never moves and only one thing does, so a score here says nothing about real videos.",
        "zh": "是画的，不是拍的：几家设计者画的 17 种东西，染了颜色，放在柔和的背景上，每段六个小画面。镜头从不移动，动的东西只有一个，"
        "所以这里的得分不能说明对真实视频的效果。",
    },
    "good": {
        "en": "Accuracy of four directions, with 60 seconds on a busy laptop: always the same 0.26, nearest neighbours on pixels 0.36, a "
        "line 0.42, a network over frames (a small CNN, then attention over time) 0.98.",
        "zh": "四个方向的准确率 (accuracy)，在繁忙的电脑上用 60 秒：总猜同一个 0.26，像素上的最近邻 0.36，线性模型 0.42，逐帧网络"
        "（小型 CNN，再对时间做注意力）0.98。",
    },
    "demo": {"count": 200},
}
