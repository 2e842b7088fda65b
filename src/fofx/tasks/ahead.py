"""Ahead: from two years of the river's level, the levels of the next six months (sequence -> regression, six numbers).

The Rio Negro as in river.py, here as a series: a forecast for each month, with an interval. The months are split in time order. One
month ahead can be learned; half a year ahead cannot from this series alone, and the table of errors by step shows where the
skill ends. One's own data: a table with a column of time and one of numbers.
"""

from __future__ import annotations

from typing import Any

MONTHS_SEEN, MONTHS_AHEAD = 24, 6


def data() -> dict[str, list[Any]]:
    """`month` and `level`, a row a month; `find` makes the windows (past, horizon)."""
    import csv
    from importlib.resources import files

    with files("fofx.tasks").joinpath("river.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {"month": [row["month"] for row in rows], "level": [float(row["level"]) for row in rows]}


def own(path: str) -> dict[str, Any]:
    """One's own series: 24 values in, the next six out."""
    from fofx.tasks._timed import timed

    return timed(path, past=MONTHS_SEEN, horizon=MONTHS_AHEAD)


TASK: dict[str, Any] = {
    "name": "ahead",
    "question": {
        "en": "How high will the Rio Negro stand in each of the next six months, from its last 24 months?",
        "zh": "由过去 24 个月的水位，预测内格罗河今后六个月每个月的水位是多少？",
    },
    "cell": (3, 1),
    "data": data,
    "outputs": "level",
    "own": own,
    "options": {"time": "month", "past": MONTHS_SEEN, "horizon": MONTHS_AHEAD},
    "honesty": {
        "en": "Real levels in metres, with each calendar month's mean taken away, so there is no season left to lean on. The score is "
        "the mean of r2 over six steps; look at each step in the report: what is true of the first month is not of the sixth.",
        "zh": "真实水位（米），已减去每个月份自己的平均值，所以没有季节可以依靠。得分是六步 r2 的平均值；请看报告里每一步的误差："
        "第一个月成立的，第六个月不成立。",
    },
    "good": {
        "en": "r2 over six months: the last value -0.07, the mean -0.04, networks 0.13 to 0.17, a line 0.24. By step (a GRU): 0.68 one "
        "month ahead, 0.28 two, 0.11 three, nothing from four on.",
        "zh": "六个月的平均 r2：用上个月的值 -0.07，用平均值 -0.04，各种网络 0.13 到 0.17，线性模型 0.24。分步看（GRU）：提前一个月 0.68，"
        "两个月 0.28，三个月 0.11，四个月起什么也预测不了。",
    },
}
