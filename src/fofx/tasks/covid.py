"""Covid: from three days of survey answers, the share of positive tests on the third day (vector -> regression).

The course's regression project. No package ships its table, so what is built in is SIMULATED: epidemic curves of 40 states and survey
answers that lead or follow them, with noise, in the same columns, repeated header names included. One's own data: the course's
covid.train.csv (`fofx run covid --data covid.train.csv`).

The trap of this table: a row holds three days, and the next row of the same state holds two of them again. With a random split the
answer of a test row stands among the inputs of a training row, and a look-up beats every model. So the rows that share days
are kept together (group="windows"): the test asks for states, or stretches of time, that training never saw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fofx.errors import Notice

if TYPE_CHECKING:
    import numpy as np

    from fofx.data.table import Table

# fmt: off
STATES = (
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "FL", "GA", "ID", "IL", "IN", "IA", "KS", "KY", "LA", "MD", "MA", "MI", "MN",
    "MS", "MO", "NE", "NV", "NJ", "NM", "NY", "NC", "OH", "OK", "OR", "PA", "RI", "SC", "TX", "UT", "VA", "WA", "WV", "WI",
)
# fmt: on
DAYS = 3  # in a row
# name: (usual value, spread between states, how it goes with the epidemic, days that it runs ahead (+) or behind (-), noise)
ANSWERS: dict[str, tuple[float, float, float, int, float]] = {
    "cli": (0.35, 0.08, 0.045, 4, 0.07),
    "ili": (0.36, 0.08, 0.046, 4, 0.07),
    "hh_cmnty_cli": (9.0, 2.0, 1.25, 1, 0.9),
    "nohh_cmnty_cli": (6.5, 1.8, 1.15, 1, 0.9),
    "wearing_mask": (84.0, 6.0, 0.25, -14, 0.9),
    "travel_outside_state": (9.0, 2.5, -0.06, -7, 0.6),
    "work_outside_home": (34.0, 3.0, -0.08, -10, 0.9),
    "shop": (60.0, 3.0, -0.15, -7, 0.9),
    "restaurant": (22.0, 6.0, -0.3, -7, 0.8),
    "spent_time": (42.0, 5.0, -0.25, -7, 0.9),
    "large_event": (12.0, 3.5, -0.15, -7, 0.6),
    "public_transit": (2.6, 1.1, -0.01, -7, 0.25),
    "anxious": (16.5, 1.3, 0.06, -5, 0.7),
    "depressed": (13.0, 1.1, 0.04, -12, 0.7),
    "felt_isolated": (20.0, 1.8, 0.09, -14, 0.8),
    "worried_become_ill": (60.0, 5.0, 0.5, -3, 1.1),
    "worried_finances": (43.0, 2.8, 0.05, -14, 0.9),
}
TARGET = "tested_positive"


def data(states: int = 40, days: int = 70, seed: int = 0) -> Table:
    """Simulated rows in the columns of the course's table: id, a 0/1 column a state, then the answers of three days."""
    import numpy as np
    import polars as pl

    from fofx.data.table import Table, distinct_names

    dice = np.random.default_rng(seed)
    measured = [state_days(dice, days) for _ in range(states)]  # each (days, 18)
    names = [*ANSWERS, TARGET]
    rows, home = [], []
    for number, table in enumerate(measured):
        for first in range(days - DAYS + 1):
            rows.append(table[first : first + DAYS].reshape(-1))
            home.append(number)
    order = dice.permutation(len(rows))
    values, home_of = np.stack(rows)[order], np.array(home)[order]
    header, families = distinct_names([*STATES[:states], *(names * DAYS)])
    columns = [pl.Series("id", np.arange(len(order)))]
    columns += [pl.Series(name, (home_of == number).astype(float)) for number, name in enumerate(STATES[:states])]
    columns += [pl.Series(name, values[:, place]) for place, name in enumerate(header[states:])]
    return Table(pl.DataFrame(columns), "covid", reader={"format": "memory"}, families=families)


def state_days(dice: np.random.Generator, days: int) -> np.ndarray:
    """One simulated state: (days, 18), the answers in the order of ANSWERS, then the share of positive tests, all in percent."""
    import numpy as np

    margin = 30
    time = np.arange(-margin, days + margin)
    epidemic = np.full(len(time), dice.uniform(2.0, 6.0))  # percent of tests that would be positive
    for _ in range(dice.integers(2, 4)):  # waves: fast up, slowly down
        peak, height = dice.uniform(-20, days + 20), dice.uniform(4, 22)
        rise, fall = dice.uniform(7, 14), dice.uniform(12, 26)
        epidemic += height * np.exp(-0.5 * ((time - peak) / np.where(time < peak, rise, fall)) ** 2)
    mood = np.cumsum(dice.normal(0, 0.15, len(time)))  # what changes behaviour for no reason of the epidemic's
    found = []
    for usual, spread, slope, ahead, noise in ANSWERS.values():
        seen = np.interp(time + ahead, time, epidemic)
        own = usual + dice.normal(0, spread) + 0.3 * spread * mood * dice.choice([-1, 1])
        found.append(own + slope * (seen - 10) + dice.normal(0, noise, len(time)))
    found.append(epidemic * dice.uniform(0.9, 1.1) + dice.normal(0, 0.55, len(time)))
    whole = np.clip(np.stack(found, axis=1), 0.01, 100)  # (days and margins, 18)
    return whole[margin : margin + days].round(7)


def notes() -> list[Notice]:
    """That these rows are not real stands in the run and on every report."""
    text = (
        "These rows are SIMULATED: no real survey is in them. Give the course's own table with --data covid.train.csv."
    )
    return [Notice("simulated", text)]


def own(path: str) -> dict[str, Any]:
    """The course's table, or one like it: rows that share days are kept together where there are such rows."""
    from fofx.data.read import read
    from fofx.data.windows import window_groups

    table = read(path)
    given: dict[str, Any] = {"data": path, "outputs": TARGET}
    table.resolve(TARGET)  # told before work starts when there is no such column
    return given | ({"group": "windows"} if window_groups(table.frame) is not None else {})


TASK: dict[str, Any] = {
    "name": "covid",
    "question": {
        "en": "What share of tests is positive today, from three days of survey answers?",
        "zh": "由三天的问卷调查结果，预测今天的检测阳性率是多少？",
    },
    "cell": (1, 1),
    "data": data,
    "outputs": f"{TARGET}_{DAYS}",
    "own": own,
    "options": {"group": "windows"},
    "honesty": {
        "en": "SIMULATED: invented epidemic curves of 40 states and invented answers that lead or follow them; no real survey is in it. "
        "Rows of one state share days, so whole states are kept on one side of the split: with a random split the answers of most "
        "test rows would stand among the inputs of training rows. The course's own table is real: --data covid.train.csv.",
        "zh": "模拟数据 (simulated)：40 个州的疫情曲线和领先或落后于它的问卷回答都是编造的，没有真实调查。同一个州的各行共有某些天，"
        "所以整个州只放在一边：如果随机划分，大多数测试行的答案就在训练行的输入里。课程自己的表是真实的：--data covid.train.csv。",
    },
    "good": {
        "en": "RMSE in percent of tests, on states never seen, with 60 seconds on a busy laptop: the mean 9.8, nearest neighbours 2.5, "
        "networks 2 and more, boosting 0.86, a line 0.68. Yesterday's share says nearly all, and a line takes it as it is.",
        "zh": "没见过的州上的均方根误差 (RMSE，百分点)，在繁忙的电脑上用 60 秒：用平均值 9.8，最近邻 2.5，各种网络 2 以上，提升树 0.86，"
        "线性模型 0.68。昨天的阳性率几乎说明了一切，而线性模型会原样用它。",
    },
    "notes": notes,
}
