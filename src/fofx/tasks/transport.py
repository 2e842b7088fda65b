"""Transport: someone arrived at B. How likely is it that they came by plane?

Question: three ways from A to B, each with how often it is taken and its chance of arriving; someone arrived: by which?
Cell: vector in, category out (classification).
Honesty: the course gives the setting; the numbers are this project's own and describe no real route.
"""

from fractions import Fraction

# how many of 100 journeys are made by it, and how many of those arrive
JOURNEYS = {"plane": (20, 18), "train": (50, 40), "car": (30, 15)}


def prior() -> dict[str, Fraction]:
    """P(transport): plane 1/5, train 1/2, car 3/10."""
    whole = sum(made for made, _ in JOURNEYS.values())
    return {name: Fraction(made, whole) for name, (made, _) in JOURNEYS.items()}


def chance() -> dict[str, Fraction]:
    """P(arrived | transport): plane 9/10, train 4/5, car 1/2."""
    return {name: Fraction(arrived, made) for name, (made, arrived) in JOURNEYS.items()}


def posterior(arrived: bool = True) -> dict[str, Fraction]:
    """P(transport | arrived or not), exactly: P(t) P(arrived | t) / sum over all t. Plane given arrival: 18/73."""
    chances = chance()
    product = {name: share * (chances[name] if arrived else 1 - chances[name]) for name, share in prior().items()}
    return {name: part / sum(product.values()) for name, part in product.items()}


def data() -> dict[str, list]:
    """100 journeys in exactly these proportions: the columns arrived ("yes" / "no") and transport."""
    rows = [
        ("yes" if number < arrived else "no", name)
        for name, (made, arrived) in JOURNEYS.items()
        for number in range(made)
    ]
    return {"arrived": [row[0] for row in rows], "transport": [row[1] for row in rows]}


def numbers() -> tuple[list[list[float]], list[str]]:
    """The journeys for a model of numbers: arrived as 1 or 0, and the means of transport."""
    columns = data()
    return [[float(cell == "yes")] for cell in columns["arrived"]], columns["transport"]


def bayes():
    """Naive Bayes on the 100 journeys, without smoothing, so that its factors are the fractions above."""
    from fofx.classic.bayes import CategoricalBayes

    return CategoricalBayes(alpha=0).fit(*numbers())


TASK = dict(
    name="transport",
    question={
        "en": "Someone travelled from A to B, by plane, train or car. Knowing whether they arrived: by which?",
        "zh": "有人从 A 地去 B 地，坐飞机、火车或汽车。已知他是否到达：他坐的是什么？",
    },
    cell=("vector", "classification"),
    data=data,
    outputs="transport",
    options={"kinds": {"arrived": "category", "transport": "category"}},
    honesty={
        "en": "Made-up numbers: 100 journeys in exact proportions, on no real route.",
        "zh": "虚构的数字：按精确比例构造的 100 次行程，并非真实路线。",
    },
    good={
        "en": "By plane, given arrival: 18/73 = 0.247. Best guess, 55 right of 100: train if arrived, else car.",
        "zh": "已知到达，坐飞机的概率为 18/73 = 0.247。最佳猜法 100 次对 55 次：到达猜火车，未到达猜汽车。",
    },
)
