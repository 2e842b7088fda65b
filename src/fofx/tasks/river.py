"""The river: from 24 months of the Rio Negro's level at Manaus, the level of the next month (vector -> regression).

The levels are monthly means of daily stages, in metres, January 1903 to December 1992, as collected by H. O'Reilly
Sternberg (Geografiska Annaler 69A, 1987) and D. R. Brillinger, and widely reproduced as the series `manaus`. They are
deseasonalised: each calendar month's own mean is taken away, so a level is "metres above what is usual in that month".
"""

from __future__ import annotations

from typing import Any

MONTHS_SEEN = 24


def data(months: int = MONTHS_SEEN) -> dict[str, list[Any]]:
    """Rows in time order: `date` (of the month asked for), its calendar month, and the levels before it.

    `level_1` is the level one month earlier, `level_2` two months earlier, and so on; `next_level` is the answer.
    """
    import csv
    from importlib.resources import files

    with files("fofx.tasks").joinpath("river.csv").open(encoding="utf-8") as file:
        series = [(row["month"], float(row["level"])) for row in csv.DictReader(file)]
    asked = range(months, len(series))
    columns: dict[str, list[Any]] = {
        "date": [f"{series[row][0]}-01" for row in asked],
        "month": [int(series[row][0][5:]) for row in asked],
    }
    for back in range(1, months + 1):
        columns[f"level_{back}"] = [series[row - back][1] for row in asked]
    columns["next_level"] = [series[row][1] for row in asked]
    return columns


TASK = {
    "name": "river",
    "question": {
        "en": "How high will the Rio Negro stand next month, from its last 24 months?",
        "zh": "由过去 24 个月的水位，预测内格罗河下个月的水位是多少？",
    },
    "cell": (1, 1),
    "data": data,
    "outputs": "next_level",
    "options": {"time": "date", "kinds": {"month": "category"}},
    "honesty": {
        "en": "Real levels in metres, with each calendar month's mean taken away, so 0 is usual for the season. The "
        "months are split in time order. One month ahead can be learned; six months ahead cannot from this series. "
        "Compare with the last value: a model that does not beat it has learned nothing.",
        "zh": "真实水位（米），已减去每个月份自己的平均值，所以 0 表示该季节的常见水位。按时间先后划分数据。"
        "提前一个月可以学到规律，提前六个月从这一序列学不到。请与“上个月的值”比较：赢不了它的模型什么也没学到。",
    },
    "good": {
        "en": "RMSE: the mean about 1.5 m, the last value about 0.86 m, a good model about 0.74 m.",
        "zh": "均方根误差 (RMSE)：用平均值约 1.5 米，用上个月的值约 0.86 米，好的模型约 0.74 米。",
    },
}
