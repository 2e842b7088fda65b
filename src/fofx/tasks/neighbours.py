"""Neighbours: a map of students of three universities, and a person who asks the nearest K where they belong.

Question: which university does a person at this point of the map belong to?
Cell: vector in, category out (classification).
Honesty: drawn by code, not real people, and not a real map: the three universities lie side by side (Sichuan University
is 1,500 km from the other two). The counts around four points are the course's own.

How it is drawn: around each of four points, people sit on a sunflower spiral, so that the i-th person is exactly the
i-th nearest, and their universities are dealt ring by ring in the course's numbers.
"""

PEKING, TSINGHUA, SICHUAN = "Peking", "Tsinghua", "Sichuan"
# point on the map, radius of its crowd, and its rings from the inside out: how many of which university
CROWDS = {
    "at Peking": ((2.0, 6.5), 1.5, ({PEKING: 160}, {PEKING: 30, TSINGHUA: 10})),
    "between": ((5.5, 6.5), 1.7, ({TSINGHUA: 89, PEKING: 11}, {TSINGHUA: 22, PEKING: 78})),
    "at Tsinghua": ((9.0, 6.5), 1.5, ({TSINGHUA: 160}, {TSINGHUA: 32, PEKING: 8})),
    "at Sichuan": ((5.5, 2.0), 1.7, ({PEKING: 12, TSINGHUA: 8}, {SICHUAN: 180})),
}


def points() -> dict[str, tuple[float, float]]:
    """Where to stand on the map to see the course's counts.

    at Peking: of the nearest 100, all 100 are from Peking. between: of 100, 89 are from Tsinghua; of 200, 111 from
    Tsinghua and 89 from Peking. at Sichuan: of 200, 180 are from Sichuan, but of
    20 none is: exchange students stand there.
    """
    return {name: point for name, (point, _, _) in CROWDS.items()}


def dealt(ring: dict[str, int]) -> list[str]:
    """The universities of a ring, spread evenly: at every place the one that is furthest behind its share."""
    whole, given, row = sum(ring.values()), dict.fromkeys(ring, 0), []
    for place in range(whole):
        name = max(ring, key=lambda one: ring[one] * (place + 1) / whole - given[one])
        given[name] += 1
        row.append(name)
    return row


def data() -> dict[str, list]:
    """800 people: x and y on the map (0 to 11, 0 to 8.5) and their university."""
    from math import cos, pi, sin, sqrt

    golden = pi * (3 - sqrt(5))
    columns: dict[str, list] = {"x": [], "y": [], "university": []}
    for (x, y), radius, rings in CROWDS.values():
        people = [name for ring in rings for name in dealt(ring)]
        for place, name in enumerate(people):
            reach = radius * sqrt((place + 0.5) / len(people))
            columns["x"].append(x + reach * cos(place * golden))
            columns["y"].append(y + reach * sin(place * golden))
            columns["university"].append(name)
    return columns


def votes(point: tuple[float, float], k: int) -> dict[str, int]:
    """How many of the nearest `k` people are from which university."""
    from fofx.classic.knn import KNN

    people = data()
    model = KNN(k=k).fit([list(place) for place in zip(people["x"], people["y"], strict=True)], people["university"])
    return {str(name): int(count) for name, count in zip(model.classes, model.votes([list(point)])[0], strict=True)}


TASK = dict(
    name="neighbours",
    question={
        "en": "Which university does a person at this point of the map belong to?",
        "zh": "站在地图上这一点的人属于哪所大学？",
    },
    cell=("vector", "classification"),
    data=data,
    outputs="university",
    options={"kinds": {"x": "number", "y": "number", "university": "category"}},
    honesty={
        "en": "Drawn by code: not real people and not a real map.",
        "zh": "由代码绘制：不是真实的人，也不是真实的地图。",
    },
    good={
        "en": "About 0.9 right (5 nearest neighbours, five-fold): where crowds mix, no function of place knows more.",
        "zh": "约 0.9 的准确率（5 个最近邻，五折交叉验证）：人群混杂之处，只凭位置的函数无法知道更多。",
    },
)
