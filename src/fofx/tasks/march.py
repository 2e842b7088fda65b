"""March: from the river's March levels of ten years, next year's March level (vector -> regression): the course's first task.

The Rio Negro at Manaus, as in river.py, every March of 1903 to 1992: 90 numbers, so 80 rows. Little carries over from one year to
the next, so the honest result is that the mean is hard to beat: a task to learn modesty from. One's own data: a table with a
column of time and one of numbers, a row a year.
"""

from __future__ import annotations

from typing import Any

YEARS_SEEN = 10


def data(years: int = YEARS_SEEN, month: int = 3) -> dict[str, list[Any]]:
    """Rows in time order: `year` (of the March asked for), `march_1` one year before it, ... `march_10`; `next_march` is asked."""
    import csv
    from importlib.resources import files

    with files("fofx.tasks").joinpath("river.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    series = [(int(row["month"][:4]), float(row["level"])) for row in rows if int(row["month"][5:]) == month]
    asked = range(years, len(series))
    columns: dict[str, list[Any]] = {"year": [series[row][0] for row in asked]}
    for back in range(1, years + 1):
        columns[f"march_{back}"] = [series[row - back][1] for row in asked]
    columns["next_march"] = [series[row][1] for row in asked]
    return columns


def own(path: str) -> dict[str, Any]:
    """One's own yearly series: ten years in, the next one out."""
    from fofx.tasks._timed import timed

    return timed(path, past=YEARS_SEEN, horizon=1)


TASK: dict[str, Any] = {
    "name": "march",
    "question": {
        "en": "How high will the river stand next March, from its level in March of the last ten years?",
        "zh": "由过去十年三月份的水位，预测明年三月份的水位是多少？",
    },
    "cell": (1, 1),
    "data": data,
    "outputs": "next_march",
    "own": own,
    "options": {"time": "year"},
    "honesty": {
        "en": "Real levels of the Rio Negro in metres, with the month's own mean taken away: 80 rows, of which the latest 12 are the "
        "test. Whether a March is high says little about the next one, so expect no model to beat the mean by much, and do not "
        "believe a difference on twelve rows.",
        "zh": "内格罗河的真实水位（米），已减去三月份自己的平均值：共 80 行，最后 12 行用于测试。今年三月的水位高低对明年三月说明不了什么，"
        "所以不要指望哪个模型能比平均值好很多，也不要相信十二行数据上的差别。",
    },
    "good": {
        "en": "RMSE on twelve years: the mean 1.32 m, last year's level 1.73 m, a line 1.34 m, a small network 1.26 m, nearest "
        "neighbours 1.24 m: all within what chance does to twelve rows. The naive answer is hard to beat here, and that is the result.",
        "zh": "十二年上的均方根误差 (RMSE)：用平均值 1.32 米，用去年的值 1.73 米，线性模型 1.34 米，小网络 1.26 米，最近邻 1.24 米：差别都在"
        "十二行数据的偶然范围之内。这里很难赢过朴素回答，这就是结论。",
    },
}
