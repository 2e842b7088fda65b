"""Nile: from the river's yearly flow of ten years, next year's flow (sequence -> regression).

Measured at Aswan from 1871 to 1970, in 10^8 cubic metres a year (nile.csv; Cobb 1978). The flow fell for good around 1898, so the
mean of the first years misleads, and a hundred numbers are few. One's own data: a table with a column of time and one of numbers.
"""

from __future__ import annotations

from typing import Any

YEARS_SEEN = 10


def data() -> dict[str, list[int]]:
    """`year` and `flow`, a row a year; `find` makes the windows (past, horizon)."""
    import csv
    from importlib.resources import files

    with files("fofx.tasks").joinpath("nile.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [int(row[name]) for row in rows] for name in ("year", "flow")}


def own(path: str) -> dict[str, Any]:
    """One's own series: ten values in, the next one out."""
    from fofx.tasks._timed import timed

    return timed(path, past=YEARS_SEEN, horizon=1)


TASK: dict[str, Any] = {
    "name": "nile",
    "question": {
        "en": "How much water will the Nile carry next year, from the flow of the last ten years?",
        "zh": "由过去十年的流量，预测尼罗河明年的流量是多少？",
    },
    "cell": (3, 1),
    "data": data,
    "outputs": "flow",
    "own": own,
    "options": {"time": "year", "past": YEARS_SEEN, "horizon": 1},
    "honesty": {
        "en": "Real measurements, public domain: 100 years, so 90 rows, of which the latest 13 are the test. Around 1898 the flow fell for "
        "good. Compare with the mean and with last year's value; on thirteen rows only large differences mean anything.",
        "zh": "真实测量值，属于公有领域：100 年，因此有 90 行，最后 13 行用于测试。1898 年前后流量永久下降。请与平均值和去年的值比较；"
        "只有十三行测试数据，小的差别没有意义。",
    },
    "good": {
        "en": "RMSE in 10^8 cubic metres: last year's value 161, the mean 130, a line 126, networks 126 to 133 (MASE of the line 0.72). "
        "The next year is mostly chance: no model does much better than the mean.",
        "zh": "均方根误差 (RMSE)，单位 10^8 立方米：用去年的值 161，用平均值 130，线性模型 126，各种网络 126 到 133（线性模型的 MASE 为 0.72）。"
        "明年的流量大多是偶然：没有模型比平均值好很多。",
    },
}
